import { Inert } from "../parts.tsx";
import type { View } from "../view.ts";

/** Why there is no page: the status, and the node's own line when it has one for users. */
export type ProblemData = { status: number; detail: string | undefined };

export function problemTitle(view: View, status: number): string {
  const { texts } = view;
  if (status === 404) return texts.error404;
  if (status === 503) return texts.error503;
  return status < 500 ? texts.error400 : texts.error500;
}

export function ProblemBody({ view, data }: { view: View; data: ProblemData }) {
  const { texts } = view;
  return (
    <section class="card prose problem" aria-labelledby="problem-title">
      <p class="pale">{texts.errorStatus(String(data.status))}</p>
      <h1 id="problem-title">{problemTitle(view, data.status)}</h1>
      <p class="lead">
        <Inert text={data.detail ?? texts.errorUnexpected} />
      </p>
      <p>
        <a class="button" href="/">{texts.backToChain}</a>
      </p>
    </section>
  );
}
