import { strict as assert } from "node:assert";
import { qrSvg } from "../../../lib/base/qr.ts";
import { qrLines } from "../../../lib/cli/qr.ts";
import { readQrBlocks, readQrSvg } from "../../support/qr_reader.ts";

const TEXT = "moim:1?words=abandon-ability-able-about-above-absent&at=/ip4/192.168.0.7/tcp/3000";

Deno.test("a code on the terminal is read, with colours and without", () => {
  for (const hasColours of [true, false]) {
    const lines = qrLines(TEXT, { hasColours, columns: 80 });
    assert.equal(readQrBlocks(lines!, hasColours), TEXT);
    // deno-lint-ignore no-control-regex
    assert.equal(lines!.some((line) => /\x1b/.test(line)), hasColours);
  }
});

Deno.test("a code wider than the screen is not drawn", () => {
  assert.equal(qrLines(TEXT, { hasColours: true, columns: 20 }), undefined);
  const wide = qrLines("x".repeat(600), { hasColours: true, columns: 120 });
  assert.equal(readQrBlocks(wide!, true), "x".repeat(600));
});

Deno.test("a code in a file is read", () => {
  assert.equal(readQrSvg(qrSvg(TEXT)), TEXT);
  assert.equal(readQrSvg(qrSvg(TEXT, "L")), TEXT);
});
