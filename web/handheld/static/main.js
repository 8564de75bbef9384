// The page: a scanner types into the one field at the bottom and ends with Enter; each screen says what that means.

import { App } from "./app.js";
import { find, h } from "./dom.js";
import { acknowledgeRed, alarm, hush, isRed, wakeSound } from "./feedback.js";
import * as batch from "./screens/batch.js";
import * as bench from "./screens/bench.js";
import * as putBack from "./screens/put_back.js";
import * as signIn from "./screens/sign_in.js";
import * as wave from "./screens/wave.js";
import * as work from "./screens/work.js";
import { say } from "./words.js";

const SCREENS = { work, wave, bench, batch, "put-back": putBack };
const BADGE = /^PB-[A-Z2-7]{20}$/i;
const DOCUMENT = /^OB\d{6,}$/i;
const WAVE = /^WV\d{6,}$/i;
const LONGEST_CODE = 100;
const REFRESH_MS = 20_000;

const field = find("#code");
let shown = "";
let pressed = false; // a page that changes under a finger would lose its tap

class Page extends App {
  get screen() { return this.owner ? SCREENS[this.place[0]] ?? work : signIn; }
}

function draw(app) {
  drawFrame(app);
  if (!pressed) drawScreen(app);
}

function drawScreen(app) {
  const at = `${app.owner?.picker}${location.hash}`;
  const same = at === shown;
  const scrolled = find("main").scrollTop;
  find("main").replaceChildren(...[app.screen.draw(app, app.argument)].flat().filter(Boolean));
  find("main").scrollTop = same ? scrolled : 0;
  if (!same) hush();
  shown = at;
}

function drawFrame(app) {
  field.placeholder = app.screen.hint(app, app.argument);
  find("#who").textContent = app.owner ? `${app.owner.picker} · ${app.warehouseName || app.owner.warehouse}` : "";
  find("#home").hidden = find("#leave").hidden = !app.owner;
  find("#pending").hidden = !app.queue.own.length && !app.busy;
  find("#pending").textContent = app.queue.own.length ? `↑${app.queue.own.length}` : "…";
  drawBanner(app.queue);
}

function drawBanner(queue) {
  const banner = find("#banner");
  const own = queue.own.length;
  const others = queue.others;
  banner.hidden = !queue.offline && !others.length;
  banner.replaceChildren(...[
    queue.offline && h("strong", {}, say("offline")),
    queue.offline && h("span", { id: "queued" }, say("queued", { n: own })),
    others.length > 0 && h("span", { id: "others" }, say("others_wait", {
      n: others.length, who: [...new Set(others.map((scan) => scan.picker))].join(", "),
    })),
  ].filter(Boolean));
}

const app = new Page(draw);
window.addEventListener("popstate", app.tapped(() => app.arrive()));

function scanned(code) {
  if (code.length > LONGEST_CODE) return app.refuseHere({ code: code.slice(0, LONGEST_CODE) }, "unreadable");
  app.inTurn(() => take(code));
}

function take(code) {
  if (isRed()) return alarm(); // what nobody acknowledged must not be followed by more
  if (BADGE.test(code)) return app.signIn(code.toUpperCase());
  if (!app.owner) return app.screen.scan(app, code);
  if (WAVE.test(code)) return app.go("wave", code.toUpperCase());
  if (DOCUMENT.test(code) && app.place[0] !== "put-back") return app.go("bench", code.toUpperCase());
  return app.screen.scan(app, code, app.argument);
}

find("#scan").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = field.value.replace(/[\x00-\x1f\x7f]/g, "").trim(); // some codes bring separators that are no text
  field.value = "";
  if (code) scanned(code);
  else if (isRed()) acknowledgeRed(); // the scanner's own Enter key
});

// The field keeps the focus, or a scan would go astray; without a touch keyboard, unless somebody wants one.
const focus = () => { if (!document.querySelector("dialog[open]")) field.focus({ preventScroll: true }); };
document.addEventListener("pointerdown", () => {
  pressed = true;
  wakeSound();
}, { capture: true });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => setTimeout(() => {
    pressed = false;
    app.draw();
  }), { capture: true });
}
document.addEventListener("click", (event) => {
  if (!event.target.closest("dialog")) focus();
});
document.addEventListener("keydown", () => {
  wakeSound();
  if (document.activeElement !== field) focus(); // before the character arrives
}, { capture: true });
window.addEventListener("focus", focus);
find("#keys").addEventListener("click", () => {
  field.inputMode = field.inputMode === "none" ? "text" : "none";
  field.blur();
  focus();
});
find("#home").addEventListener("click", app.tapped(() => app.go("work")));
find("#leave").addEventListener("click", app.tapped(() => app.signOut()));

// Others make waves and call orders off meanwhile.
setInterval(() => {
  if (app.screen === work && !document.hidden && !app.queue.offline) app.inTurn(() => app.arrive());
}, REFRESH_MS);

focus();
app.inTurn(() => app.start());
