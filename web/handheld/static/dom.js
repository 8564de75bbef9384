// Elements made by hand: text goes in as text, so nothing that was scanned or sent is ever read as HTML.

export const find = (selector) => document.querySelector(selector);

// An element with properties (`class`, `onclick`, `data-...`) and children: elements, texts, or nothing.
export function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}
