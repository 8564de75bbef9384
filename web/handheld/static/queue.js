// The queue: every scan goes to disk first, then to the server, oldest first, one request at a time, and leaves the
// queue only with its answer. Tells `events`: changed(), viewed(views), answered(scan, answer), refusals(), back() and
// signedOut().

import { Unreachable, ask } from "./api.js";
import { advanced, viewKey } from "./floor.js";
import { alone, hearTabs, tellTabs } from "./one_tab.js";
import * as store from "./store.js";
import { say } from "./words.js";

const AT_ONCE = 50;
const AGAIN_MS = 2_000;
const TRIES = 3; // of a scan that the server fails at, by itself

export class Queue {
  #events;
  #owner = null;
  #waiting = [];
  #sending = null;
  #wanted = false;
  #adding = Promise.resolve();
  #failures = new Map();
  offline = false;
  settled = 0; // grows with each answer: a view that was asked for before is older than one that was answered

  constructor(events) {
    this.#events = events;
    hearTabs((message) => this.#onOtherTab(message));
    setInterval(() => this.send(), AGAIN_MS);
    addEventListener("online", () => this.send());
    addEventListener("offline", () => this.#noteOffline(true));
  }

  // Whose scans are sent: {picker, warehouse}; null when nobody is signed in.
  async belongsTo(owner) {
    this.#owner = owner;
    this.#waiting = await store.waitingScans();
    this.#events.changed();
    this.send();
  }

  get own() { return this.#waiting.filter((scan) => this.#isOwn(scan)); }
  get others() { return this.#waiting.filter((scan) => !this.#isOwn(scan)); }

  // A view with the scans in it that nobody answered yet.
  seen(view) { return advanced(view, this.own); }

  // Keep a scan, then send it. It counts at once for what is seen; no longer when it could not be kept, which throws.
  async add(scan) {
    const owned = { ...scan, ...this.#owner };
    this.#waiting.push(owned);
    this.#events.changed();
    const write = this.#adding.then(() => store.addScan(owned));
    this.#adding = write.catch(() => {}); // a scan that cannot be kept is told to whoever made it; it stops no other one
    try {
      await write;
    } catch (error) {
      this.#forget(new Set([owned.id]));
      this.#events.changed();
      throw error;
    }
    tellTabs({ queued: true });
    this.send();
    return owned;
  }

  send() {
    this.#wanted = true;
    this.#sending ??= alone((renew) => this.#drain(renew)).finally(() => {
      this.#sending = null;
      if (this.#wanted) this.send(); // a scan came while the last round ended
    });
    return this.#sending;
  }

  // Note how a request went that was made beside the queue.
  heard() { this.#noteOffline(false); }
  notHeard() { this.#noteOffline(true); }

  async #drain(renew) {
    while (this.#wanted) {
      this.#wanted = false;
      await this.#adding;
      const scans = (await store.waitingScans()).filter((scan) => this.#isOwn(scan)).slice(0, AT_ONCE);
      if (!this.#owner || !(await renew())) return;
      if (scans.length ? await this.#sendThese(scans) : await this.#knock()) this.#wanted ||= scans.length > 0;
    }
  }

  // Ask whether the server is there again, when there is nothing to send.
  async #knock() {
    if (!this.offline) return false;
    try {
      await ask("GET", "session");
      this.#noteOffline(false);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
    return false;
  }

  // Whether the queue may go on.
  async #sendThese(scans) {
    const bodies = scans.map(({ picker: _picker, warehouse: _warehouse, ...body }) => body);
    try {
      const { status, data } = await ask("POST", "scans", { ...this.#owner, scans: bodies });
      this.#noteOffline(false);
      if (status === 200) return await this.#settle(scans, data.answers);
      if (status === 401 || status === 409) this.#events.signedOut();
      if ([400, 413, 422, 500].includes(status)) return await this.#apart(scans, status);
      return false;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.#noteOffline(true);
      return false;
    }
  }

  // The server cannot read what it got, or fails at it: find the scan, so that it stops no other one and a person
  // hears of it.
  async #apart(scans, status) {
    if (scans.length > 1) return this.#sendThese(scans.slice(0, 1));
    const [{ id }] = scans;
    const failures = (this.#failures.get(id) ?? 0) + 1;
    this.#failures.set(id, failures);
    if (status === 500 && failures < TRIES) return false;
    const said = status === 500 ? "failed" : "unreadable";
    return this.#settle(scans, [{ id, ok: false, said, text: say(`said_${said}`) }]);
  }

  async #settle(scans, answers) {
    const byId = new Map(scans.map((scan) => [scan.id, scan]));
    const answered = answers.filter((answer) => byId.has(answer.id));
    const refused = answered.filter((answer) => !answer.ok).map((answer, place) => ({
      scan: byId.get(answer.id), said: answer.said, text: answer.text, answered_at: Date.now() + place / 1000,
    }));
    const views = new Map();
    for (const { document, wave } of answered) {
      if (document) views.set(viewKey({ document: document.no }), document);
      if (wave) views.set(viewKey({ wave: wave.no }), wave);
    }
    const ids = new Set(answered.map((answer) => answer.id));
    await store.settle(ids, refused, views);
    this.settled += 1;
    this.#forget(ids);
    tellTabs({ views, refused: refused.length > 0 });
    for (const answer of answered) this.#events.answered(byId.get(answer.id), answer);
    this.#tell(views, refused.length > 0);
    return answered.length > 0;
  }

  #tell(views, refused) {
    this.#events.viewed(views);
    this.#events.changed();
    if (refused) this.#events.refusals();
  }

  async #onOtherTab({ views, refused, signedIn }) {
    if (signedIn) return this.#events.signedOut();
    this.#waiting = await store.waitingScans();
    if (views) this.settled += 1;
    this.#tell(views ?? new Map(), refused);
  }

  #forget(ids) {
    this.#waiting = this.#waiting.filter((scan) => !ids.has(scan.id));
  }

  #isOwn(scan) {
    return this.#owner !== null && scan.picker === this.#owner.picker && scan.warehouse === this.#owner.warehouse;
  }

  #noteOffline(offline) {
    if (this.offline === offline) return;
    this.offline = offline;
    this.#events.changed();
    if (!offline) this.#events.back();
  }
}
