/** Errors as problem details (RFC 9457), each carrying the command line's exit code. */
import { EXIT, type ExitCode, getLogger, messageOf, UserError } from "../base/mod.ts";

/** Body of an error answer. `detail` is the one line a user reads. */
export type Problem = {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  exitCode: ExitCode;
  /** With a refusal for want of the token: which run of a node answers here. */
  instanceId?: string;
};

/** A fault of the request itself, with its HTTP status. */
export class RequestError extends UserError {
  constructor(readonly status: number, message: string) {
    super(status === 404 ? EXIT.notFound : EXIT.usage, message);
    this.name = "RequestError";
  }
}

const STATUS_OF: Record<ExitCode, number> = {
  [EXIT.ok]: 500,
  [EXIT.failed]: 500,
  [EXIT.usage]: 400,
  [EXIT.notFound]: 404,
  [EXIT.unreachable]: 503,
  [EXIT.rejected]: 422,
  [EXIT.locked]: 423,
  [EXIT.damaged]: 500,
  [EXIT.inUse]: 409,
  [EXIT.interrupted]: 503,
};

const TITLES: Record<number, string> = {
  400: "Bad request",
  401: "Token needed",
  403: "Forbidden",
  404: "Not found",
  409: "In use",
  413: "Too large",
  415: "Another media type needed",
  422: "Rejected",
  423: "Locked",
  429: "Too many requests",
  500: "Failed",
  503: "Unavailable",
};

/** The problem of anything thrown while a request was answered. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof UserError)) {
    getLogger("http").error("A request failed: {error}", { error });
  }
  const exitCode = error instanceof UserError ? error.exitCode : EXIT.failed;
  const status = error instanceof RequestError ? error.status : STATUS_OF[exitCode];
  const title = TITLES[status] ?? "Failed";
  return { type: "about:blank", title, status, detail: messageOf(error), exitCode };
}

/** A problem as an answer. */
export function problemResponse(problem: Problem): Response {
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (problem.status === 401) headers["www-authenticate"] = "Bearer";
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}
