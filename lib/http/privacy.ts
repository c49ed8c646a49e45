/** Names of the keystore's keys are the owner's business: answers without the token leave them out. */

const NAME_FIELDS = new Set(["name", "minterName"]);

/** A copy of plain JSON without the fields that hold key names, at any depth. */
export function withoutKeyNames<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutKeyNames) as Value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !NAME_FIELDS.has(key))
      .map(([key, inner]) => [key, withoutKeyNames(inner)]),
  ) as Value;
}
