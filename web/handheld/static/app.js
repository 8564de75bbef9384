// What every screen works with: who is signed in, the views, the queue, and where we are (the address's #fragment).

import { Unreachable, ask, uuid } from "./api.js";
import { keepOnly, refuse, tell } from "./feedback.js";
import { foresee, hasItem, viewKey } from "./floor.js";
import { tellTabs } from "./one_tab.js";
import { Queue } from "./queue.js";
import * as store from "./store.js";
import { say, word } from "./words.js";

const NOTICE_MS = 4_000; // so long a screen waits for a fresh view before it shows the one that it has
const TALKED_OF = new Set(["pack", "ship", "ship_one", "picked"]); // these are confirmed only by the server's answer

export class App {
  owner = null;
  warehouseName = "";
  busy = 0; // scans and taps that are not done yet
  #turn = Promise.resolve();
  #views = new Map();
  #shipped = new Map(); // units that left by `ship_one` since the page was opened, by item
  #ahead_ms = 0; // how far the server's clock is ahead of this device's, which may never have been set
  #draw;

  constructor(draw) {
    this.#draw = draw;
    this.queue = new Queue({
      changed: () => this.draw(),
      viewed: (views) => views.forEach((view, key) => this.#views.set(key, view)),
      answered: (scan, answer) => this.#onAnswer(scan, answer),
      refusals: () => this.showRefusals(),
      back: () => this.arrive(),
      signedOut: () => this.start(),
    });
  }

  draw() { this.#draw(this); }

  // Do what was scanned or tapped after everything before it, also where that had to ask the server first.
  inTurn(work) {
    this.busy += 1;
    this.draw();
    this.#turn = this.#turn.then(work).catch((error) => {
      refuse({ id: uuid(), local: true, title: say("refused"), text: say("broken"), details: [String(error)] });
    }).finally(() => {
      this.busy -= 1;
      this.draw();
    });
  }

  // The same as the answer to a tap.
  tapped(work) { return () => this.inTurn(work); }

  // Ask who is signed in; without a network whoever was here last goes on with what is on this device.
  async start() {
    try {
      const { status, data } = await ask("GET", "session");
      await this.#become(status === 200 ? data : null);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.queue.notHeard();
      if (!this.owner && localStorage.session) await this.#resume();
    }
  }

  async #become(session) {
    const owner = session && { picker: session.picker, warehouse: session.warehouse.code };
    if (localStorage.owner !== JSON.stringify(owner)) {
      await store.forgetViews();
      this.#views.clear();
    }
    localStorage.owner = JSON.stringify(owner);
    localStorage.session = JSON.stringify(session);
    this.owner = owner;
    if (session?.now) this.#ahead_ms = Date.parse(session.now) - Date.now();
    this.warehouseName = session?.warehouse.name ?? "";
    await this.queue.belongsTo(owner);
    await this.showRefusals();
    await this.arrive();
  }

  // Without a network: whoever was signed in here last. The server will see whether that still holds.
  async #resume() {
    const last = JSON.parse(localStorage.session);
    if (last) await this.#become({ ...last, now: "" });
  }

  async signIn(badge) {
    try {
      const { status, data } = await ask("POST", "sign-in", { badge });
      if (status !== 200) return refuse({ id: uuid(), local: true, title: say("not_signed_in"), text: data.error, details: [] });
      tellTabs({ signedIn: true });
      await this.#become(data);
      await this.go("work");
      tell("done", say("hello", { name: data.picker }));
    } catch (error) {
      this.#onUnreachable(error, "");
    }
  }

  async signOut() {
    try {
      await ask("POST", "sign-out");
      tellTabs({ signedIn: true });
      await this.#become(null);
    } catch (error) {
      this.#onUnreachable(error, "");
    }
  }

  // The address: #screen or #screen/argument.
  get place() { return location.hash.slice(1).split("/").map(decodeURIComponent); }
  get argument() { return this.place[1] ?? ""; }

  // Go to a screen; done when it has its view, so that the next scan finds it.
  async go(screen, argument = "") {
    const hash = argument ? `#${screen}/${encodeURIComponent(argument)}` : `#${screen}`;
    if (location.hash !== hash) history.pushState(null, "", hash);
    await this.arrive();
  }

  async arrive() {
    this.draw();
    if (this.owner) await this.screen.opened?.(this, this.argument);
  }

  // A view as the server gave it last; undefined when it was never seen.
  kept(key) { return this.#views.get(key); }

  // The same as it will be once every scan is answered.
  view(key) {
    const view = this.kept(key);
    return view && this.queue.seen(view);
  }

  // What is known of an item from any list seen here; undefined when it was on none.
  itemOf(code) {
    for (const view of this.#views.values()) {
      const row = (view.picks ?? view.lines ?? []).find((one) => hasItem([one], code));
      if (row) return row;
    }
    return undefined;
  }

  document(no) { return this.view(`document:${no}`); }
  wave(no) { return this.view(`wave:${no}`); }

  // Read a view anew; without a network the one kept on this device. Gives null when there is neither, or none here.
  async read(path, key, method = "GET") {
    if (this.queue.offline && method === "GET" && (await this.#keptView(key))) return this.#views.get(key);
    for (;;) {
      const before = this.queue.settled;
      try {
        const { status, data } = await ask(method, path, {}, NOTICE_MS);
        this.queue.heard();
        if (status === 401) return this.start().then(() => null);
        if (status !== 200) return this.#refused(data.error, key);
        if (this.queue.settled !== before && method === "GET") continue; // an answer overtook it
        return await this.#take(data, key);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        if (method === "POST") return this.#onUnreachable(error, key.replace(/.*:/, ""));
        this.queue.notHeard();
        return (await this.#keptView(key)) ?? this.#unknownHere(key);
      }
    }
  }

  async #take(view, key) {
    const own = view.no ? key.replace(/:.*/, `:${view.no}`) : key; // a document can be found by another code, too
    this.#views.set(own, view);
    await store.keepView(own, view);
    this.draw();
    return view;
  }

  async #keptView(key) {
    const kept = this.#views.get(key) ?? (await store.keptView(key));
    if (!kept) return null;
    this.#views.set(key, kept);
    this.draw();
    return kept;
  }

  #unknownHere(key) {
    refuse({ id: uuid(), local: true, title: say("offline"), text: say("not_on_device"), details: [key.replace(/.*:/, "")] });
    return null;
  }

  #refused(text, key) {
    refuse({ id: uuid(), local: true, title: say("refused"), text, details: [key.replace(/.*:/, "")] });
    return null;
  }

  #onUnreachable(error, what) {
    if (!(error instanceof Unreachable)) throw error;
    this.queue.notHeard();
    refuse({ id: uuid(), local: true, title: say("offline"), text: say("needs_network"), details: what ? [what] : [] });
    return null;
  }

  // Make a scan: refused here when it cannot be right, else kept, counted and sent. Gives whether it counts.
  async record(scan, told) {
    const view = scan.kind === "ship_one" ? null : this.view(viewKey(scan));
    const said = this.#usedHere(scan) || (view ? foresee(view, scan).said : "");
    if (said) {
      this.refuseHere(scan, said);
      return false;
    }
    const made = { id: uuid(), at: new Date(Date.now() + this.#ahead_ms).toISOString(), ...scan };
    const sent = this.queue.add(made);
    this.#tellMade(scan, told);
    try {
      await sent;
    } catch (error) {
      refuse({ id: made.id, local: true, title: say("refused"), text: say("cannot_keep"), details: [String(error)] });
      return false;
    }
    return true;
  }

  #tellMade(scan, told) {
    if (this.queue.offline) tell("kept", `${told} · ${say("kept")}`);
    else if (TALKED_OF.has(scan.kind)) tell("asked", `${told} …`);
    else tell("good", told);
  }

  refuseHere(scan, said) {
    refuse({
      id: uuid(), local: true, title: say("refused"), text: say(`said_${said}`),
      details: [scan.code, scan.document, scan.wave].filter(Boolean),
    });
  }

  // A waybill that waits in the queue cannot go on a second parcel.
  #usedHere(scan) {
    if (scan.kind !== "ship" && scan.kind !== "ship_one") return "";
    const twice = this.queue.own.some((one) => ["ship", "ship_one"].includes(one.kind) && one.code === scan.code);
    return twice ? "waybill_used" : "";
  }

  // Units of an item that left in batch shipping, with those that nobody confirmed yet.
  shippedOf(item) {
    const asked = this.queue.own.filter((scan) => scan.kind === "ship_one" && scan.sku === item).length;
    return (this.#shipped.get(item) ?? 0) + asked;
  }

  #onAnswer(scan, answer) {
    if (answer.ok && scan.kind === "ship_one") this.#shipped.set(scan.sku, (this.#shipped.get(scan.sku) ?? 0) + 1);
    if (answer.ok && TALKED_OF.has(scan.kind)) tell("done", `${word("said", answer.said)} · ${scan.code || scan.document || scan.wave}`);
  }

  async showRefusals() {
    const open = await store.openRefusals();
    keepOnly(new Set(open.map((one) => one.scan.id)));
    for (const { scan, text } of open) {
      const who = this.owner && scan.picker !== this.owner.picker ? scan.picker : "";
      const item = scan.code || scan.sku;
      refuse(
        { id: scan.id, title: say("refused"), text, details: [item, scan.document, scan.wave, who].filter(Boolean) },
        () => store.acknowledge(scan.id).then(() => tellTabs({ refused: true })),
      );
    }
  }
}
