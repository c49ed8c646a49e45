/**
 * Who makes room where everything is taken: whoever comes from where most of it is held. One rule
 * for inbound sessions, and for the places and ways of a relay.
 */

export type Held<Thing> = {
  readonly thing: Thing;
  /** Where its holder comes from: a network, since ids cost nothing. */
  readonly origin: string;
  readonly sinceMs: number;
};

/**
 * The youngest thing of the origins that hold most, for a newcomer from an origin that holds less;
 * undefined when the newcomer's own has its share. What the newcomer asks for is among `held`, so
 * that two of a size do not take turns. Without `newcomer`, it is somebody from elsewhere.
 */
export function whatMakesRoom<Thing>(
  held: readonly Held<Thing>[],
  newcomer?: string,
): Thing | undefined {
  const counts = new Map<string | undefined, number>();
  for (const { origin } of held) counts.set(origin, (counts.get(origin) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  if (most <= (counts.get(newcomer) ?? 0)) return undefined;
  return held.filter(({ origin }) => counts.get(origin) === most)
    .sort((a, b) => b.sinceMs - a.sinceMs)[0]!.thing;
}
