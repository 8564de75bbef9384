// Orders of one item each: the item is scanned once, then a waybill per parcel.

import { h } from "../dom.js";
import { say } from "../words.js";

export const hint = (app, item) => (item ? say("scan_waybill") : say("scan_item"));

export function scan(app, code, item) {
  if (!item) return app.go("batch", code);
  if (code === item) return app.refuseHere({ code }, "waybill_format");
  return app.record({ kind: "ship_one", code, sku: item }, code);
}

export function draw(app, item) {
  if (!item) {
    return h("section", { class: "middle" },
      h("div", { class: "slip", "aria-hidden": "true" }),
      h("h1", {}, say("scan_item")),
      h("p", {}, say("batch_help")));
  }
  const known = app.itemOf(item);
  return h("section", { class: "current" },
    h("p", {}, say("batch_of")),
    h("p", { class: "one" }, known?.name || known?.sku || item),
    h("p", { class: "codes" }, [known?.sku, item].filter(Boolean).join(" · ")),
    h("p", { class: "count" }, h("strong", { id: "shipped" }, String(app.shippedOf(item))), ` ${say("batch_shipped")}`),
    h("p", { class: "next" }, say("scan_waybill")),
    h("button", { class: "lacks", onclick: app.tapped(() => app.go("batch")) }, say("other_item")));
}
