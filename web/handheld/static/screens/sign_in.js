// Nobody is signed in: a badge is waited for. What was scanned before stays in the queue.

import { uuid } from "../api.js";
import { h } from "../dom.js";
import { refuse } from "../feedback.js";
import { say } from "../words.js";

export const hint = () => say("scan_badge");

// Goods that are scanned after a session ended are no badge: the server would count each of them as an unknown one.
export const scan = (app, code) =>
  refuse({ id: uuid(), local: true, title: say("not_signed_in"), text: say("scan_badge"), details: [code] });

export function draw(app) {
  return h("section", { class: "middle" },
    h("div", { class: "badge", "aria-hidden": "true" }),
    h("h1", {}, say("scan_badge")),
    h("p", {}, say("sign_in_help")),
    app.queue.others.length > 0 && h("p", { class: "note" }, say("sign_in_queue", { n: app.queue.others.length })));
}
