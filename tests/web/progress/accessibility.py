"""What keeps people from using a page, measured in the browser: contrast, labels, headings, size of what is touched.

Sources: WCAG 2.2, success criteria 1.4.3 (contrast of text), 1.3.1 and 4.1.2 (names of fields), 2.5.8 (24 pixels) and
2.4.3 (order of focus).
"""

from playwright.sync_api import Page

_FAULTS = r"""
() => {
  const found = [];
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const named = (element) => `${element.tagName} ${(element.textContent || element.id).trim().slice(0, 30)}`;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const shown = element.getClientRects().length > 0;
    if (!shown) continue;
    const style = getComputedStyle(element);
    if (own || element.matches("input")) {
      const [a, b] = [light(parts(style.color)), light(behind(element))].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (!element.disabled && ratio < (large ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)}: ${named(element)}`);
    }
    if (element.matches("input:not([type=hidden])") && !element.labels.length) found.push(`no label: ${element.name}`);
    if (element.matches("button, .button, .tabs a, .card, input:not([type=hidden])")) {
      const box = element.getBoundingClientRect();
      if (Math.min(box.width, box.height) < 24) found.push(`small: ${named(element)}`);
    }
    if (element.matches("button, a") && !element.textContent.trim()) found.push(`no name: ${element.outerHTML}`);
    if (element.tabIndex > 0) found.push(`tab order of its own: ${named(element)}`);
    for (const id of (element.getAttribute("aria-describedby") || "").split(" ").filter(Boolean))
      if (!document.getElementById(id)) found.push(`describes nothing: ${id}`);
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (!document.querySelector("main") || !document.title) found.push("no main or title");
  if (!document.documentElement.lang) found.push("no language");
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  if (new Set(ids).size !== ids.length) found.push("an id twice");
  return found;
}
"""


def faults(page: Page) -> list[str]:
    """Everything that is wrong with the page, in words; empty when nothing is."""
    found: list[str] = page.evaluate(_FAULTS)
    return found


def tab_stops(page: Page, most: int = 20) -> list[str]:
    """What the tab key stops at, one after the other: a field's name, or the text of a link or a button."""
    page.evaluate("document.activeElement.blur()")
    stops: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "document.activeElement === document.body ? '' : document.activeElement.name"
            " || document.activeElement.textContent.trim()"
        )
        if not here or here in stops:
            break
        stops.append(here)
    return stops
