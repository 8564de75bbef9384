// A wave: first its pick list in order of places, then, once walked, its documents for the bench.

import { askNumber } from "../dialog.js";
import { h } from "../dom.js";
import { hasItem, isComplete, isOver, isStopped, openUnits } from "../floor.js";
import { say, word } from "../words.js";

const isWalked = (wave) => wave?.state === "picked";

let armed = null; // how many units the next scan stands for: {wave, sku, quantity}

const armedFor = (no, sku) => (armed?.wave === no && armed.sku === sku ? armed.quantity : 1);

export const hint = (app, no) => (isWalked(app.wave(no)) ? say("scan_document") : say("scan_item"));

// The wave, and then its documents, so that the bench has them when the network goes away.
export async function opened(app, no) {
  const wave = await app.read(`waves/${no}`, `wave:${no}`);
  if (wave) fetchDocuments(app, wave);
}

async function fetchDocuments(app, wave) {
  for (const { no } of wave.documents) {
    if (app.queue.offline) return;
    if (!app.document(no)) await app.read(`documents/${no}`, `document:${no}`);
  }
}

export function scan(app, code, no) {
  const wave = app.wave(no);
  if (!wave || isWalked(wave)) return app.refuseHere({ code, wave: no }, "not_found");
  const pick = wave.picks.find((one) => hasItem([one], code) && openUnits(one) > 0);
  const quantity = armedFor(no, pick?.sku);
  armed = null;
  return app.record({ kind: "pick", wave: no, code, quantity },
    pick ? `${pick.place} · ${pick.sku} · ${pick.picked + quantity}/${pick.wanted}` : "");
}

export function draw(app, no) {
  const wave = app.wave(no);
  if (!wave) return h("p", { class: "none" }, no);
  return isWalked(wave) ? benchList(app, wave) : pickList(app, wave);
}

function pickList(app, wave) {
  const open = wave.picks.filter((pick) => openUnits(pick) > 0);
  const all = wave.picks.reduce((sum, pick) => sum + pick.wanted, 0);
  const left = open.reduce((sum, pick) => sum + openUnits(pick), 0);
  return [
    h("p", { class: "progress" }, h("strong", {}, `${all - left}/${all}`), ` ${wave.no}`),
    h("progress", { max: all, value: all - left }),
    open.length ? current(app, wave, open[0]) : h("button", { class: "big go", id: "walked", onclick: app.tapped(() => walked(app, wave)) }, say("walked")),
    h("ol", { class: "picks" }, [...open.slice(1), ...wave.picks.filter((pick) => openUnits(pick) === 0)].map(row)),
  ];
}

function current(app, wave, pick) {
  return h("section", { class: "current" },
    h("p", { class: "place" }, pick.place || say("no_place")),
    h("p", { class: "item" }, pick.name || pick.sku),
    h("p", { class: "codes" }, [pick.sku, pick.barcode].filter(Boolean).join(" · ")),
    h("p", { class: "count" }, h("strong", {}, `${pick.picked}`), ` / ${pick.wanted - pick.missing}`),
    h("div", { class: "pair" },
      openUnits(pick) > 1 && h("button", { id: "many", onclick: app.tapped(() => many(app, wave, pick)) }, say("many", { n: armedFor(wave.no, pick.sku) })),
      h("button", { class: "lacks", id: "lacks", onclick: app.tapped(() => lacks(app, wave, pick)) }, say("lacks"))));
}

async function many(app, wave, pick) {
  const quantity = await askNumber(say("how_many", { item: pick.name || pick.sku }), openUnits(pick));
  armed = quantity ? { wave: wave.no, sku: pick.sku, quantity } : null;
  app.draw();
}

function row(pick) {
  const open = openUnits(pick);
  return h("li", { class: open ? "" : pick.missing ? "short" : "ready" },
    h("span", { class: "where" }, pick.place || "–"),
    h("span", { class: "what" }, pick.name || pick.sku),
    h("span", { class: "many" }, `${pick.picked}/${pick.wanted}`),
    pick.missing > 0 && h("span", { class: "small" }, say("missing_units", { n: pick.missing })));
}

async function lacks(app, wave, pick) {
  const quantity = await askNumber(say("lacks_how_many", { place: pick.place, item: pick.name || pick.sku }), openUnits(pick));
  const told = `${pick.sku} · ${say("missing_units", { n: quantity })}`;
  if (quantity) await app.record({ kind: "missing", wave: wave.no, code: pick.sku, quantity }, told);
}

const walked = (app, wave) => app.record({ kind: "picked", wave: wave.no, code: "" }, say("walked"));

function benchList(app, wave) {
  const oneItem = wave.kind !== "mixed";
  return [
    h("h2", {}, say("to_bench")),
    oneItem && h("button", { class: "big", onclick: app.tapped(() => app.go("batch")) }, say("batch")),
    h("ol", { class: "picks" }, wave.documents.map((document) => {
      const seen = app.document(document.no);
      const over = isOver(document) || (seen && isOver(seen));
      const stopped = isStopped(document);
      const state = over ? word("task", "done") : stopped ? say("blocked") : seen && isComplete(seen) ? say("checked") : "";
      return h("li", { class: over ? "ready" : stopped ? "short" : "" },
        h("span", { class: "where" }, say("slot", { slot: document.slot })),
        h("button", { class: "what plain", onclick: app.tapped(() => app.go("bench", document.no)) }, document.no),
        h("span", { class: "state" }, state || say("units", { n: document.units })));
    })),
  ].filter(Boolean);
}
