/** A worker thread that tries nonces until it finds one or the job is no longer wanted. */
import { type SearchRequest, type SearchResult, searchWhileWanted } from "./nonce_range.ts";

interface WorkerScope {
  onmessage: (event: MessageEvent<SearchRequest>) => void;
  postMessage(result: SearchResult): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => {
  const nonce = searchWhileWanted(data);
  if (nonce !== undefined) scope.postMessage({ job: data.job, nonce });
};
