// Conveniences of the console; every page works without them.
"use strict";
(() => {
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;
  const rows = () => [...document.querySelectorAll("table[data-rows] tbody tr")];
  let at = -1;

  function goTo(place) {
    const all = rows();
    if (!all.length) return;
    at = Math.max(0, Math.min(place, all.length - 1));
    all.forEach((row, index) => row.classList.toggle("here", index === at));
    all[at].scrollIntoView({ block: "nearest" });
  }

  const actions = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
    j: () => goTo(at + 1),
    k: () => goTo(at - 1),
    ArrowDown: () => goTo(at + 1),
    ArrowUp: () => goTo(at - 1),
    Enter: () => rows()[at]?.querySelector("a")?.click(),
    x: () => rows()[at]?.querySelector("input[type=checkbox]")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key.startsWith("Arrow") && !rows().length) return;
    if (event.key === "Enter" && (at < 0 || event.target !== document.body)) return;
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });

  document.addEventListener("htmx:afterSwap", () => { at = -1; });

  // "all of this page", and a range with the shift key
  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target.closest("input[type=checkbox]");
    if (!box) return;
    const table = box.closest("table");
    if (!table) return;
    const boxes = [...table.querySelectorAll("tbody input[type=checkbox]")];
    if (box.hasAttribute("data-all")) {
      boxes.forEach((one) => { one.checked = box.checked; });
    } else if (event.shiftKey && boxes.includes(last)) {
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((one, other) => one - other);
      boxes.slice(from, to + 1).forEach((one) => { one.checked = box.checked; });
    }
    last = box;
    table.dispatchEvent(new CustomEvent("chosen", {
      bubbles: true,
      detail: boxes.filter((one) => one.checked).length,
    }));
  });

  document.addEventListener("chosen", (event) => {
    document.querySelectorAll("[data-chosen-count]").forEach((place) => { place.textContent = event.detail; });
  });

  // a form that cannot be taken back asks once
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.ask || event.target.dataset.ask;
    if (question && !window.confirm(question)) event.preventDefault();
  });
})();
