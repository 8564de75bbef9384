// The page's texts, in the language that the server wrote it in.

const words = JSON.parse(document.body.dataset.words);

export function say(name, values = {}) {
  return (words[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// A word for a code of the system, such as a carrier's or a hold's; the code itself where there is none.
export const word = (group, code) => words[`${group}_${code}`] ?? code;

export function clockTime(iso) {
  if (!iso) return "";
  const parts = { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" };
  return new Intl.DateTimeFormat("zh-CN", parts).format(new Date(iso));
}
