/** What a caller is ready to take, by its Accept header (RFC 9110, 12.5.1). */

/** Whether `accept` (null: everything) admits one of the media types. */
export function accepts(accept: string | null, types: readonly string[]): boolean {
  if (accept === null || accept === "" || accept.includes("*/*") && !accept.includes("q=0")) {
    return true;
  }
  const ranges = accept.toLowerCase().split(",").map(rangeOf);
  return types.some((type) => {
    const [kind] = type.split("/");
    const fitting = [type, `${kind}/*`, "*/*"].map((name) =>
      ranges.find((range) => range.name === name)
    );
    const nearest = fitting.find((range) => range !== undefined);
    return nearest !== undefined && nearest.weight > 0;
  });
}

function rangeOf(text: string): { name: string; weight: number } {
  const [name = "", ...parameters] = text.split(";").map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  return { name, weight: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
}
