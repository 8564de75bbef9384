// The bench: a document is opened by its barcode, each item checked by a scan, the parcel packed, its waybill scanned.

import { askNumber } from "../dialog.js";
import { refuse } from "../feedback.js";
import { h } from "../dom.js";
import { hasItem, isComplete, isOver, isStopped } from "../floor.js";
import { say, word } from "../words.js";

let more = ""; // the document whose next waybill is not that of its last box

export const hint = (app, no) => {
  const document = app.document(no);
  if (!document || isOver(document)) return say("scan_document");
  return isComplete(document) || more === no ? say("scan_waybill") : say("scan_item");
};

export async function opened(app, no) {
  if (!no) return;
  const document = await app.read(`documents/${encodeURIComponent(no)}`, `document:${no}`);
  if (!document || !isStopped(document)) return;
  refuse({ id: `blocked:${no}`, local: true, title: say("do_not_ship"), text: say("said_blocked"), details: [...reasons(document), no] });
}

const reasons = (document) => document.blocked.map((code) => word("blocked", code));

export async function scan(app, code, no) {
  const document = app.document(no);
  if (!document || isOver(document)) return app.refuseHere({ code }, no ? "over" : "not_found");
  if (hasItem(document.lines, code) || !(isComplete(document) || more === no)) {
    const line = document.lines.find((one) => hasItem([one], code) && one.checked < one.wanted);
    return app.record({ kind: "check", document: no, code }, line ? `${line.sku} · ${line.checked + 1}/${line.wanted}` : "");
  }
  const boxed = more === no && !isComplete(document);
  more = "";
  if (!boxed && document.state !== "packed" && !(await pack(app, document))) return false;
  return app.record({ kind: "ship", document: no, code, ...(boxed && { more: true }) }, code);
}

export function draw(app, no) {
  const document = app.document(no);
  if (!document) return empty(no);
  const left = document.lines.reduce((sum, line) => sum + line.wanted - line.checked, 0);
  return [
    h("p", { class: "progress" }, h("strong", {}, document.no), document.slot ? ` ${say("slot", { slot: document.slot })}` : ""),
    isStopped(document) && h("p", { class: "stop" }, say("do_not_ship"), " ", reasons(document).join(", ")),
    h("ol", { class: "lines" }, document.lines.filter((line) => line.wanted).map((line) => row(line, line.checked, line.wanted, lostButton(app, document, line)))),
    step(app, document, left),
  ].filter(Boolean);
}

function empty(no) {
  return h("section", { class: "middle" },
    h("div", { class: "slip", "aria-hidden": "true" }),
    h("h1", {}, no || say("scan_document")),
    h("p", {}, say("bench_help")));
}

export function row(line, done, wanted, more = null) {
  return h("li", { class: done >= wanted ? "ready" : "" },
    h("span", { class: "what" }, line.name || line.sku, h("span", { class: "small" }, [line.sku, line.barcode].filter(Boolean).join(" · "))),
    h("span", { class: "many" }, `${done}/${wanted}`), more);
}

function lostButton(app, document, line) {
  if (isStopped(document) || isOver(document) || line.checked >= line.wanted) return null;
  return h("button", { class: "lost", onclick: app.tapped(() => lost(app, document, line)) }, say("lost"));
}

async function lost(app, document, line) {
  const quantity = await askNumber(say("lost_how_many", { item: line.name || line.sku }), line.wanted - line.checked);
  const told = `${line.sku} · ${say("missing_units", { n: quantity })}`;
  if (quantity) await app.record({ kind: "missing", document: document.no, code: line.sku, quantity }, told);
}

function step(app, document, left) {
  if (document.state === "put_back") return h("button", { class: "big", onclick: app.tapped(() => app.go("put-back", document.no)) }, say("put_back"));
  if (isStopped(document)) return null;
  if (isOver(document)) return over(app, document);
  const unboxed = document.lines.some((line) => line.checked > line.boxed);
  return h("section", {},
    left > 0 && h("p", { class: "next" }, say("units_left", { n: left })),
    !left && h("p", { class: "next" }, say("waybill_of", { carrier: word("carrier", document.carrier) })),
    !left && document.waybills.length > 0 && h("p", { class: "waybills" }, document.waybills.join(" ")),
    h("div", { class: "pair" },
      !left && document.state !== "packed" && h("button", { class: "go", id: "pack", onclick: app.tapped(() => pack(app, document)) }, say("pack")),
      left > 0 && unboxed && h("button", { class: more === document.no ? "armed" : "", id: "more", onclick: app.tapped(() => another(app, document)) }, say("more_boxes"))));
}

// Shipped is what the server has answered; before, the parcel waits for it.
function over(app, document) {
  const confirmed = isOver(app.kept(`document:${document.no}`));
  return h("section", { class: confirmed ? "over" : "over asked" },
    h("p", { class: "huge" }, confirmed ? `✓ ${say("said_shipped")}` : `… ${say("unconfirmed")}`),
    h("p", {}, say("scan_document")));
}

const pack = (app, document) => app.record({ kind: "pack", document: document.no, code: "" }, say("packed"));

function another(app, document) {
  more = more === document.no ? "" : document.no;
  app.draw();
}
