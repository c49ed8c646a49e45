/** miniupnpd in a router's namespace: UPnP and NAT-PMP, as home routers have them. */
import { until } from "./moim.ts";
import { execute, shell } from "./netns.ts";

/**
 * Starts it in the namespace of a router whose inside is `br0` with `gateway`, whose outside is
 * `wan`. It ends with the namespace. Its files go to `dir`.
 */
export async function startUpnp(namespace: string, gateway: string, dir: string): Promise<void> {
  const base = `${dir}/${namespace}`;
  await Deno.writeTextFile(
    `${base}.conf`,
    [
      "ext_ifname=wan",
      `listening_ip=${gateway}/24`,
      "enable_upnp=yes",
      "enable_natpmp=yes",
      "secure_mode=yes",
      "system_uptime=yes",
      "notify_interval=60",
      "min_lifetime=30",
      "max_lifetime=86400",
      `lease_file=${base}.leases`,
      `uuid=${crypto.randomUUID()}`,
      "allow 1024-65535 192.168.1.0/24 1024-65535",
      "deny 0-65535 0.0.0.0/0 0-65535",
      "",
    ].join("\n"),
  );
  await shell(
    `ip netns exec ${namespace} miniupnpd -f ${base}.conf -P ${base}.pid > ${base}.log 2>&1`,
  );
  await until(async () => {
    const { stdout } = await execute(["ip", "netns", "exec", namespace, "ss", "-Hlun"]);
    return stdout.includes(":1900") && stdout.includes(":5351");
  }, { what: `miniupnpd in ${namespace}` });
}
