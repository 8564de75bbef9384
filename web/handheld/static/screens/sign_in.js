// Nobody is signed in: a badge is waited for. What was scanned before stays in the queue.

import { h } from "../dom.js";
import { say } from "../words.js";

export const hint = () => say("scan_badge");
export const scan = (app, code) => app.signIn(code);

export function draw(app) {
  return h("section", { class: "middle" },
    h("div", { class: "badge", "aria-hidden": "true" }),
    h("h1", {}, say("scan_badge")),
    h("p", {}, say("sign_in_help")),
    app.queue.others.length > 0 && h("p", { class: "note" }, say("sign_in_queue", { n: app.queue.others.length })));
}
