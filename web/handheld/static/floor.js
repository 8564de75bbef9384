// What a scan does to what is seen of a wave or a document: checked and advanced here as the server will do it, so
// that work goes on without a network. The server decides; this only foresees. Pure: views in, views out.

const MOVES = { pick, missing, picked, check, pack, ship, put_back: putBack };

const PUT_BACK = "put_back"; // the state of a document whose goods have to return to their shelves
const DONE = "done";

// The view after a scan, or the reason why it will be refused: {said, view}, one of them empty.
export function foresee(view, scan) {
  const next = structuredClone(view);
  const said = MOVES[scan.kind](next, scan);
  return said ? { said, view: null } : { said: "", view: next };
}

// The view after scans that nobody answered yet; one that no longer fits is left to the server.
export function advanced(view, scans) {
  return scans.filter((scan) => concerns(view, scan)).reduce((seen, scan) => foresee(seen, scan).view ?? seen, view);
}

export const isWave = (view) => "picks" in view;
export const viewKey = (scan) => (scan.document ? `document:${scan.document}` : `wave:${scan.wave}`);
export const isComplete = (document) => document.lines.every((line) => line.checked >= line.wanted);
export const isOver = (document) => document.state === DONE;
export const isStopped = (document) => document.blocked.length > 0 || document.state === PUT_BACK;
export const openUnits = (pick) => pick.wanted - pick.picked - pick.missing;
export const unitsAstray = (line) => line.astray - line.returned;
export const hasItem = (rows, code) => rows.some((row) => isItem(row, code));

function concerns(view, scan) {
  if (scan.kind === "ship_one") return false;
  return isWave(view) ? !scan.document && scan.wave === view.no : scan.document === view.no;
}

const isItem = (row, code) => code !== "" && (row.barcode === code || row.sku === code);

// The first row of an item that still has room, or why there is none.
function roomFor(rows, code, room, quantity = 1) {
  const ofItem = rows.filter((row) => isItem(row, code));
  const row = ofItem.find((one) => room(one) >= quantity);
  return { row, said: row ? "" : ofItem.length ? "too_many" : "wrong_sku" };
}

function pick(wave, scan) {
  return count(wave, scan, "picked");
}

function missing(view, scan) {
  return isWave(view) ? count(view, scan, "missing") : lost(view, scan);
}

function lost(document, scan) {
  if (stop(document)) return stop(document);
  const units = scan.quantity ?? 1;
  const { row, said } = roomFor(document.lines, scan.code, (one) => one.wanted - one.checked, units);
  if (row) row.wanted -= units;
  if (row && document.lines.every((line) => line.wanted === line.boxed)) document.state = DONE;
  return said;
}

function count(wave, scan, column) {
  if (wave.state !== "picking") return "over";
  const { row, said } = roomFor(wave.picks, scan.code, openUnits, scan.quantity ?? 1);
  if (row) row[column] += scan.quantity ?? 1;
  return said;
}

function picked(wave) {
  wave.state = "picked";
  return wave.picks.some((row) => openUnits(row) > 0) ? "not_complete" : "";
}

// Why nothing more can be done with a document.
const stop = (document) => (isStopped(document) ? "blocked" : isOver(document) ? "over" : "");

function check(document, scan) {
  if (stop(document)) return stop(document);
  const { row, said } = roomFor(document.lines, scan.code, (one) => one.wanted - one.checked);
  if (row) row.checked += 1;
  return said;
}

function pack(document) {
  if (stop(document)) return stop(document);
  if (!isComplete(document)) return "not_complete";
  document.state = "packed";
  return "";
}

function ship(document, scan) {
  if (stop(document)) return stop(document);
  const isLast = isComplete(document); // with or without `more`: nothing is left that could follow
  if (!scan.more && !isLast) return "not_complete";
  if (document.lines.every((line) => line.checked === line.boxed)) return "not_complete";
  if (hasItem(document.lines, scan.code) || scan.code === document.no) return "waybill_format";
  if (document.waybills.length && !document.waybills.includes(scan.code.toUpperCase())) return "waybill_other";
  for (const line of document.lines) line.boxed = line.checked;
  if (isLast) document.state = DONE;
  return "";
}

function putBack(document, scan) {
  if (document.state !== PUT_BACK) return "over";
  const { row, said } = roomFor(document.lines.filter((line) => line.astray), scan.code, unitsAstray);
  if (row) row.returned += 1;
  if (!document.lines.some(unitsAstray)) document.state = DONE;
  return said;
}
