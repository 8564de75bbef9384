// Goods of a document that no longer ships go back to their shelf, each scanned.

import { h } from "../dom.js";
import { hasItem, unitsAstray } from "../floor.js";
import { say } from "../words.js";
import { row } from "./bench.js";

export const hint = (app, no) => (no ? say("scan_item") : say("scan_document"));
export const opened = (app, no) => no && app.read(`documents/${encodeURIComponent(no)}`, `document:${no}`);

export function scan(app, code, no) {
  const line = app.document(no)?.lines.find((one) => hasItem([one], code) && unitsAstray(one) > 0);
  return app.record({ kind: "put_back", document: no, code }, line ? `${line.sku} · ${line.returned + 1}/${line.astray}` : "");
}

export function draw(app, no) {
  const document = app.document(no);
  if (!document) return h("p", { class: "none" }, no);
  const lines = document.lines.filter((line) => line.astray);
  const left = lines.reduce((sum, line) => sum + unitsAstray(line), 0);
  return [
    h("p", { class: "progress" }, h("strong", {}, document.no), ` ${say("put_back")}`),
    h("p", { class: "warn" }, say("put_back_help")),
    h("ol", { class: "lines" }, lines.map((line) => row(line, line.returned, line.astray))),
    left ? h("p", { class: "next" }, say("units_left", { n: left }))
      : h("section", { class: "over" }, h("p", { class: "huge" }, "✓ ", say("put_back_done")),
        h("button", { class: "big", onclick: app.tapped(() => app.go("work")) }, say("work"))),
  ];
}
