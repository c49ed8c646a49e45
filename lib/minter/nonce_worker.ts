/** A worker thread that tries nonces, one bounded run at a time, as `grinder.ts` asks. */
import { HeaderHasher } from "./header_hash.ts";

/** A run of nonces. `header` and `target` come with the first run of a job. */
export interface RunRequest {
  job: number;
  header?: Uint8Array;
  target?: Uint8Array;
  high: number;
  low: number;
  count: number;
}

/** `low` of the nonce that was found, or -1. */
export interface RunResult {
  job: number;
  low: number;
}

interface WorkerScope {
  onmessage: (event: MessageEvent<RunRequest>) => void;
  postMessage(result: RunResult): void;
}

const scope = globalThis as unknown as WorkerScope;
let hasher: HeaderHasher | undefined;

scope.onmessage = ({ data }) => {
  if (data.header && data.target) hasher = new HeaderHasher(data.header, data.target);
  scope.postMessage({ job: data.job, low: hasher?.search(data.high, data.low, data.count) ?? -1 });
};
