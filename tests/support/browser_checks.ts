/** What every page must hold: the judgement of axe-core and html-validate, as lines to read. */
import type { Page } from "playwright-core";

/** One finding of axe: the rule, and the elements that break it. */
type AxeResult = {
  violations: { id: string; help: string; nodes: { target: string[]; failureSummary: string }[] }[];
};

/** Nothing is left out but what would be told of the rules that hold: half the time. */
const AXE_OPTIONS = JSON.stringify({ resultTypes: ["violations"], preload: false });

/** All rules of axe-core, best practices included, on the page as it stands: a line a finding. */
export async function axeFindings(page: Page): Promise<string[]> {
  const { default: axe } = await import("axe-core");
  // Through the debugger: the page's own policy lets no foreign script in, as it should.
  const session = await page.context().newCDPSession(page);
  try {
    const evaluate = (expression: string) =>
      session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const { result: there } = await evaluate("typeof axe");
    if (there.value === "undefined") await evaluate(`${axe.source}; undefined`);
    const { result, exceptionDetails } = await evaluate(`axe.run(document, ${AXE_OPTIONS})`);
    if (exceptionDetails) throw new Error(`axe failed: ${exceptionDetails.text}`);
    const { violations } = result.value as AxeResult;
    return violations.map(({ id, help, nodes }) => {
      const places = nodes.map(({ target, failureSummary }) =>
        `\n  ${target.join(" ")}: ${failureSummary.replaceAll(/\s+/g, " ")}`
      );
      return `${id}: ${help}${places.join("")}`;
    });
  } finally {
    await session.detach();
  }
}

/** What html-validate finds wrong with the HTML as it was served: a line a finding. */
export async function htmlFindings(html: string): Promise<string[]> {
  const { HtmlValidate, StaticConfigLoader } = await import("html-validate");
  const validator = new HtmlValidate(
    new StaticConfigLoader({
      root: true,
      extends: ["html-validate:recommended", "html-validate:document"],
      // Both ways to write a void element and the doctype are HTML; these are matters of taste.
      rules: { "void-style": "off", "doctype-style": "off" },
    }),
  );
  const report = await validator.validateString(html);
  return report.results.flatMap(({ messages }) =>
    messages.map(({ ruleId, message, line, column, selector }) =>
      `${ruleId} at ${line}:${column} (${selector ?? "?"}): ${message}`
    )
  );
}
