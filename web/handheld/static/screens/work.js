// The work list: waves to take or to go on with, goods to put back, and the ways to the bench.

import { h } from "../dom.js";
import { unitsAstray } from "../floor.js";
import { clockTime, say, word } from "../words.js";

export const hint = () => say("scan_document");
export const opened = (app) => app.read("work", "work");
export const scan = (app, code) => app.refuseHere({ code }, "not_found");

export function draw(app) {
  const list = app.kept("work");
  return [ways(app), ...(list ? found(app, list) : [])];
}

const ways = (app) => h("nav", { class: "ways" },
  h("button", { class: "big", onclick: app.tapped(() => app.go("bench")) }, say("bench")),
  h("button", { class: "big", onclick: app.tapped(() => app.go("batch")) }, say("batch")));

function found(app, list) {
  const own = (wave) => wave.picker === app.owner.picker;
  const waves = [...list.waves].sort((one, other) => own(other) - own(one));
  return [
    h("h2", {}, say("waves")),
    waves.length ? h("ul", { class: "cards" }, waves.map((wave) => card(app, wave, own(wave)))) : h("p", { class: "none" }, say("no_waves")),
    list.waiting > 0 && h("p", { class: "none" }, say("not_in_waves", { n: list.waiting })),
    list.waiting > 0 && h("button", { class: "big", onclick: app.tapped(() => app.read("waves", "work", "POST")) }, say("make_waves")),
    list.put_back.length > 0 && h("h2", { class: "warn" }, say("put_backs")),
    h("ul", { class: "cards" }, list.put_back.map((document) => h("li", {},
      h("button", { class: "card warn", onclick: app.tapped(() => app.go("put-back", document.no)) },
        h("strong", {}, document.no),
        h("span", {}, say("units_left", { n: unitsOf(document) })))))),
  ].filter(Boolean);
}

const unitsOf = (document) => document.lines.reduce((sum, line) => sum + unitsAstray(line), 0);

function card(app, wave, isOwn) {
  const others = wave.state === "picking" && !isOwn;
  const left = others && wave.abandoned; // its picker is signed in nowhere: anybody may go on with it
  const taken = others && !left;
  return h("li", {},
    h("button", { class: `card${isOwn ? " own" : ""}${left ? " left" : ""}`, disabled: taken, onclick: app.tapped(() => open(app, wave, isOwn)) },
      h("strong", {}, word("kind", wave.kind), wave.zone ? ` · ${say("zone", { zone: wave.zone })}` : ""),
      wave.leaves_at && h("span", { class: "leaves" }, say("leaves", { time: clockTime(wave.leaves_at) })),
      h("span", {}, say("wave_size", { documents: wave.documents - wave.done, units: wave.units }),
        wave.carrier ? ` · ${word("carrier", wave.carrier)}` : ""),
      h("span", { class: "small" }, `${wave.no} · ${whose(wave, taken, left)}`)));
}

function whose(wave, taken, left) {
  if (taken) return say("taken_by", { name: wave.picker });
  return left ? say("left_by", { name: wave.picker }) : word("state", wave.state);
}

async function open(app, wave, isOwn) {
  if (isOwn || wave.state === "picked" || (await app.read(`waves/${wave.no}/take`, `wave:${wave.no}`, "POST"))) app.go("wave", wave.no);
}
