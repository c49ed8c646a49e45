/** Server-sent events as a node sends them (the WHATWG HTML standard, "Server-sent events"). */
import type { NodeNews } from "./api.ts";

/** Most characters of one event: a node's are some hundred. */
const EVENT_LENGTH_MAX = 65_536;

/** The news in a stream of events; comments and waiting times are passed over. */
export async function* readEventStream(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<NodeNews> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const events = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = events.pop() ?? "";
    if (rest.length > EVENT_LENGTH_MAX) throw new Error("The node sends an event without end");
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      if (data !== undefined) yield JSON.parse(data.slice("data: ".length)) as NodeNews;
    }
  }
}
