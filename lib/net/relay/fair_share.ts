/** Who makes room where everything is taken: whoever comes from where most of it is held. */

export type Held<Thing> = {
  readonly thing: Thing;
  /** Where its holder comes from: a network, since ids cost nothing. */
  readonly origin: string;
  readonly sinceMs: number;
};

/**
 * The youngest thing of the origin that holds most, for a newcomer from an origin that holds less;
 * undefined when the newcomer's own has its share. What the newcomer asks with may be among `held`.
 */
export function whatMakesRoom<Thing>(
  held: readonly Held<Thing>[],
  newcomer: string,
): Thing | undefined {
  const counts = new Map<string, number>();
  for (const { origin } of held) counts.set(origin, (counts.get(origin) ?? 0) + 1);
  const [heaviest, most] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? ["", 0];
  if (most <= (counts.get(newcomer) ?? 0)) return undefined;
  return held.filter(({ origin }) => origin === heaviest)
    .sort((a, b) => b.sinceMs - a.sinceMs)[0]!.thing;
}
