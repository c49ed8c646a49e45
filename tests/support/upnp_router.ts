/** miniupnpd in a router's namespace: UPnP and NAT-PMP, as home routers have them. */
import { until } from "./moim.ts";
import { execute, shell } from "./netns.ts";

export type UpnpRouter = {
  /** The router's: its inside is `br0` with the address `gateway`, its outside `wan`. */
  namespace: string;
  gateway: string;
  /** For its files. */
  dir: string;
  /** As those of Apple are. */
  isNatPmpAlone: boolean;
};

/** Starts it; it ends with the namespace. */
export async function startUpnp(router: UpnpRouter): Promise<void> {
  const { namespace, gateway, dir, isNatPmpAlone } = router;
  const base = `${dir}/${namespace}`;
  await Deno.writeTextFile(
    `${base}.conf`,
    [
      "ext_ifname=wan",
      `listening_ip=${gateway}/24`,
      `enable_upnp=${isNatPmpAlone ? "no" : "yes"}`,
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
    return stdout.includes(":5351") && (isNatPmpAlone || stdout.includes(":1900"));
  }, { what: `miniupnpd in ${namespace}` });
}
