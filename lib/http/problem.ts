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

/** Exit codes of a request's own faults that are not wrong usage. */
const EXIT_OF: Readonly<Record<number, ExitCode>> = {
  404: EXIT.notFound,
  408: EXIT.unreachable,
  429: EXIT.unreachable,
  503: EXIT.unreachable,
};

/** A fault of the request itself, with its HTTP status. */
export class RequestError extends UserError {
  constructor(
    readonly status: number,
    message: string,
    /** What belongs to the status, such as Allow. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(EXIT_OF[status] ?? EXIT.usage, message);
    this.name = "RequestError";
  }
}

const STATUS_OF: Record<ExitCode, number> = {
  [EXIT.ok]: 500,
  // Told to the user in a line: the request does not fit what is there. Bugs have no exit code.
  [EXIT.failed]: 409,
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
  405: "Method not allowed",
  406: "Not acceptable",
  408: "Too slow",
  409: "Conflict",
  413: "Too large",
  415: "Another media type needed",
  422: "Rejected",
  423: "Locked",
  429: "Too many requests",
  500: "Failed",
  503: "Unavailable",
};

/**
 * The problem of anything thrown while a request was answered. What is no expected failure goes to
 * the log with its stack, and to the caller without its text.
 */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof UserError)) {
    getLogger("http").error("A request failed: {error}", { error });
    return problem(500, EXIT.failed, "The node failed to answer; its log says why");
  }
  const status = error instanceof RequestError ? error.status : STATUS_OF[error.exitCode];
  return problem(status, error.exitCode, messageOf(error));
}

function problem(status: number, exitCode: ExitCode, detail: string): Problem {
  return { type: "about:blank", title: TITLES[status] ?? "Failed", status, detail, exitCode };
}

/** Anything thrown as an answer; `instanceId` for a refusal for want of the token. */
export function errorResponse(error: unknown, instanceId?: string): Response {
  const content = { ...problemOf(error), ...(instanceId !== undefined && { instanceId }) };
  const headers: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(error instanceof RequestError && error.headers),
  };
  if (content.status === 401) headers["www-authenticate"] = "Bearer";
  return new Response(JSON.stringify(content), { status: content.status, headers });
}
