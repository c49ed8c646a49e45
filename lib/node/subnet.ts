/** Whether an IP address is of a subnet. */

/** `ip` and `subnet.ip` as texts, of IPv4 or IPv6; two kinds are never of one subnet. */
export function isInSubnet(ip: string, subnet: { ip: string; prefixBits: number }): boolean {
  const [left, right] = [bitsOf(ip), bitsOf(subnet.ip)];
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  return left.slice(0, subnet.prefixBits) === right.slice(0, subnet.prefixBits);
}

/** The address as a text of 32 or 128 binary digits. */
function bitsOf(ip: string): string | undefined {
  if (!ip.includes(":")) {
    const bytes = ip.split(".").map(Number);
    const isIp = bytes.length === 4 && bytes.every((byte) => byte >= 0 && byte <= 255);
    return isIp ? bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("") : undefined;
  }
  const [before, after] = ip.split("%")[0]!.split("::");
  const head = groupsOf(before!);
  const tail = after === undefined ? [] : groupsOf(after);
  const missing = 8 - head.length - tail.length;
  if (missing < 0 || (missing > 0 && after === undefined)) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.map((group) => group.toString(2).padStart(16, "0")).join("");
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
