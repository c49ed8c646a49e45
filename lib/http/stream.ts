/** Answers of long calls: one JSON object a line, progress first, then the result or the problem. */
import type { OnLine } from "../node/api.ts";
import { guarded } from "./answers.ts";
import { problemOf } from "./problem.ts";

/** Lines of progress that may wait for a slow reader; further ones are left out. */
const WAITING_LINES_MAX = 1_000;

/**
 * Runs `call` and streams `{"line"}` objects while it works, ending with `{"result"}` or
 * `{"problem"}`. A reader that goes away does not end the call.
 */
export function streamed<Result>(call: (onLine: OnLine) => Promise<Result>): Response {
  const encoder = new TextEncoder();
  let isOpen = true;
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const write = (item: unknown) => {
        if (isOpen) controller.enqueue(encoder.encode(JSON.stringify(item) + "\n"));
      };
      try {
        const result = await call((line) => {
          if ((controller.desiredSize ?? 0) > -WAITING_LINES_MAX) write({ line });
        });
        write({ result });
      } catch (error) {
        write({ problem: problemOf(error) });
      }
      if (isOpen) controller.close();
    },
    cancel() {
      isOpen = false;
    },
  });
  return guarded(new Response(body, { headers: { "content-type": "application/x-ndjson" } }));
}
