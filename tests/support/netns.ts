/**
 * Network namespaces for the tests of places: made and removed by the programs of iproute2, none of
 * them ever connected to the machine's own network. Names are `moim-<pid>-<world>-<host>`, so that
 * what a killed run left behind is known by its dead pid and removed by the next.
 */
import { strict as assert } from "node:assert";

const decoder = new TextDecoder();

/** What a finished program left. */
export type ShellResult = { code: number; stdout: string; stderr: string };

/** Runs a program to its end, without input. */
export async function execute(command: string[]): Promise<ShellResult> {
  const { code, stdout, stderr } = await new Deno.Command(command[0]!, {
    args: command.slice(1),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs lines of `sh` that must all succeed; gives what they printed. */
export async function shell(script: string): Promise<string> {
  const { code, stdout, stderr } = await execute(["sh", "-ec", script]);
  assert.equal(code, 0, `${stderr.trim()}\nof\n${script}`);
  return stdout;
}

/**
 * A new namespace with loopback up. Names are resolved by the name server given; the default is one
 * that does not answer. Own IPv6 link-local addresses hold at once, as of a machine long switched on.
 */
export async function addNamespace(name: string, nameServer = "127.0.0.1"): Promise<void> {
  await shell(`
    mkdir -p /etc/netns/${name}
    echo "nameserver ${nameServer}" > /etc/netns/${name}/resolv.conf
    ip netns add ${name}
    ip netns exec ${name} sh -ec '
      for each in all default; do
        [ ! -e /proc/sys/net/ipv6/conf/$each/accept_dad ] ||
          echo 0 > /proc/sys/net/ipv6/conf/$each/accept_dad
      done
      ip link set lo up'
  `);
}

/** Ends whatever runs in the namespaces and removes them. Never throws: what is gone is gone. */
export async function removeNamespaces(names: string[]): Promise<void> {
  if (names.length === 0) return;
  await execute(["sh", "-c", `${REMOVE}\nfor ns in ${names.join(" ")}; do remove $ns; done`]);
}

/** A temporary folder that the next run removes, should this one be killed. */
export function makePlacesDir(): Promise<string> {
  return Deno.makeTempDir({ prefix: `moim-places-${Deno.pid}-` });
}

/** Removes the namespaces and folders of test runs that were killed. */
export async function removeStalePlaces(): Promise<void> {
  await execute([
    "sh",
    "-c",
    `${REMOVE}
    for ns in $(ip netns list | cut -d " " -f 1 | grep "^moim-[0-9]*-"); do
      pid=$(echo $ns | cut -d - -f 2)
      kill -0 $pid 2>/dev/null || remove $ns
    done
    for dir in "\${TMPDIR:-/tmp}"/moim-places-[0-9]*-*; do
      pid=$(basename "$dir" | cut -d - -f 3)
      kill -0 $pid 2>/dev/null || rm -rf "$dir"
    done`,
  ]);
}

const REMOVE = `
  remove() {
    pids=$(ip netns pids $1 2>/dev/null)
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null
    ip netns del $1 2>/dev/null
    rm -rf /etc/netns/$1
  }`;

/** Debian's names. */
const PACKAGES = "iproute2, nftables and miniupnpd-nftables";

/** Why no places can be built on this machine; undefined where they can. */
export function whyNoPlaces(): string | undefined {
  const name = `moim-${Deno.pid}-try-${crypto.randomUUID().slice(0, 8)}`;
  const script = `
    for each in ip bridge ss nft miniupnpd; do
      command -v $each >/dev/null || { echo "$each is missing: install ${PACKAGES}"; exit; }
    done
    [ $(id -u) = 0 ] || { echo "only root may make network namespaces"; exit; }
    ip netns add ${name} 2>/dev/null || { echo "no network namespace can be made here"; exit; }
    ip -n ${name} link add br0 type bridge 2>/dev/null || echo "no bridge can be made here"
    ip netns exec ${name} nft add table ip nat 2>/dev/null || echo "nft cannot be used here"
    ip netns del ${name}`;
  try {
    const command = new Deno.Command("sh", { args: ["-c", script], stdin: "null" });
    return decoder.decode(command.outputSync().stdout).trim().split("\n")[0] || undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
