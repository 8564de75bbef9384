// What hands and ears notice without looking: tones, vibration, a flash of colour; and the red page that must be read.

import { find, h } from "./dom.js";
import { say } from "./words.js";

// Hz, length and pause in seconds; a low, rough, repeated tone cannot be taken for the others
const TONES = {
  good: { type: "sine", volume: 0.5, notes: [[1320, 0.09, 0]] },
  done: { type: "sine", volume: 0.5, notes: [[990, 0.09, 0.03], [1485, 0.16, 0]] },
  asked: { type: "sine", volume: 0.2, notes: [[880, 0.04, 0]] },
  kept: { type: "triangle", volume: 0.5, notes: [[660, 0.08, 0.06], [660, 0.08, 0]] },
  bad: { type: "square", volume: 0.9, notes: [[180, 0.22, 0.06], [180, 0.22, 0.06], [140, 0.4, 0]] },
};
const VIBRATION = { good: 40, asked: 20, done: [40, 40, 80], kept: [40, 60, 40], bad: [250, 80, 250, 80, 400] };

const COLOURS = { good: "#0a7a2f", done: "#0a7a2f", kept: "#ffb300" };

let sound;

// Browsers make sound only after a key or a touch; each of them wakes it.
export function wakeSound() {
  if (!sound) {
    sound = new AudioContext();
    if (reds.length) play("bad"); // it was shown before there could be a sound
  }
  if (sound.state === "suspended") sound.resume();
}

function play(name) {
  navigator.vibrate?.(VIBRATION[name]);
  if (!sound) return;
  const { type, volume, notes } = TONES[name];
  let at = sound.currentTime;
  for (const [pitch, length, pause] of notes) {
    const tone = sound.createOscillator();
    const loudness = sound.createGain();
    tone.type = type;
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(volume, at);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + length);
    tone.connect(loudness).connect(sound.destination);
    tone.start(at);
    tone.stop(at + length);
    at += length + pause;
  }
}

// Say in a line what a scan did: `good`, `asked` (the server will say), `done` (a parcel is on its way, a wave walked)
// or `kept` (not sent yet).
export function tell(kind, text) {
  play(kind);
  const line = find("#last");
  line.className = kind;
  line.textContent = text;
  line.hidden = false;
  flash(COLOURS[kind]);
}

// A frame of colour round the page, to be seen from the corner of an eye; the next one cuts it short.
function flash(colour) {
  const frame = find("#frame");
  frame.getAnimations().forEach((one) => one.cancel());
  if (colour) frame.animate({ borderColor: [colour, colour, "transparent"] }, 600);
}

export function hush() {
  find("#last").hidden = true;
}

const reds = [];

// Show a refusal over everything until somebody acknowledges it; several follow each other.
// `refusal`: {id, title, text, details}; `onSeen` runs when it was acknowledged.
export function refuse(refusal, onSeen = () => {}) {
  if (reds.some((one) => one.id === refusal.id)) return;
  reds.push({ ...refusal, onSeen });
  showRed(reds.length === 1);
}

export const isRed = () => reds.length > 0;
export const alarm = () => play("bad");

// Another tab has acknowledged them.
export function keepOnly(ids) {
  const left = reds.filter((one) => one.local || ids.has(one.id));
  if (left.length === reds.length) return;
  reds.splice(0, reds.length, ...left);
  showRed(false);
}

export function acknowledgeRed() {
  const seen = reds.shift();
  showRed(true);
  seen?.onSeen();
}

function showRed(isNew) {
  const place = find("#red");
  const [first] = reds;
  place.hidden = !first;
  if (!first) return;
  if (isNew) play("bad");
  place.replaceChildren(h("div", {},
    h("h1", {}, first.title),
    h("p", { class: "sentence" }, first.text),
    h("ul", {}, first.details.map((detail) => h("li", {}, detail))),
    reds.length > 1 && h("p", { class: "more" }, say("more_refusals", { n: reds.length - 1 }))),
  h("button", { class: "big", id: "understood", onclick: acknowledgeRed }, say("understood")));
}
