// A question with numbers for answers, large enough for gloves.

import { find, h } from "./dom.js";
import { say } from "./words.js";

const SHOWN = 11;

// A number from 1 to `most`; 0 when none was chosen. All of them stand first: that is what is mostly meant.
export function askNumber(question, most) {
  const numbers = Array.from({ length: Math.min(most, SHOWN) }, (_, place) => most - place);
  return new Promise((resolve) => {
    const place = find("#ask");
    const choose = (number) => {
      place.close();
      find("#code").focus();
      resolve(number);
    };
    // a scanner types here, too: its Enter must not press a button
    place.onkeydown = (event) => { if (!["Tab", "Escape", " "].includes(event.key)) event.preventDefault(); };
    place.oncancel = () => resolve(0);
    place.replaceChildren(
      h("p", { class: "question" }, question),
      h("div", { class: "numbers" }, numbers.map((number) =>
        h("button", { class: "big", onclick: () => choose(number) }, String(number)))),
      h("button", { class: "big plain", onclick: () => choose(0) }, say("back")));
    place.showModal();
  });
}
