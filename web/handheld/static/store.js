// What outlives a reload and a dead battery: scans nobody answered yet, refusals nobody saw yet, and the last views.

const NAME = "orderpool-handheld";
const STORES = ["scans", "refusals", "views", "lease"];
const PAUSES = [0, 100, 400]; // ms before the next attempt

let opened;

// The database, opened once; anew after that failed, or after the browser closed it.
function open() {
  opened ??= connect().catch((error) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

function connect() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("scans", { autoIncrement: true }); // the key is the order of the scans
      for (const name of STORES.slice(1)) request.result.createObjectStore(name);
    };
    request.onsuccess = () => {
      request.result.onclose = () => { opened = undefined; };
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
}

// Run `work` in one transaction over all stores; resolves to what it returns once everything is on disk.
async function change(work) {
  for (const pause of PAUSES) {
    try {
      return await attempt(work);
    } catch {
      // the browser may close the database at any moment, and says so late; nothing of the attempt was kept
      const lost = opened;
      opened = undefined;
      lost?.then((database) => database.close(), () => {});
      await new Promise((resolve) => { setTimeout(resolve, pause); });
    }
  }
  return attempt(work);
}

async function attempt(work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORES, "readwrite", { durability: "strict" });
    const stores = Object.fromEntries(STORES.map((name) => [name, transaction.objectStore(name)]));
    let result;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error);
    work(stores, (value) => { result = value; });
  });
}

export const addScan = (scan) => change(({ scans }) => { scans.add(scan); });

// Every scan that waits, oldest first, whoever made it.
export const waitingScans = () => change(({ scans }, give) => { scans.getAll().onsuccess = (event) => give(event.target.result); });

// Refusals that nobody acknowledged yet, oldest first.
export const openRefusals = () =>
  change(({ refusals }, give) => {
    refusals.getAll().onsuccess = (event) => give(event.target.result.sort((a, b) => a.answered_at - b.answered_at));
  });

// Take answered scans out of the queue; in the same transaction keep what was refused, and the views as they are now.
export const settle = (ids, refused, views) =>
  change(({ scans, refusals, views: kept }) => {
    scans.openCursor().onsuccess = (event) => {
      const cursor = event.target.result;
      if (!cursor) return;
      if (ids.has(cursor.value.id)) cursor.delete();
      cursor.continue();
    };
    for (const refusal of refused) refusals.put(refusal, refusal.scan.id);
    for (const [key, view] of views) kept.put(view, key);
  });

export const acknowledge = (id) => change(({ refusals }) => { refusals.delete(id); });

export const keepView = (key, view) => change(({ views }) => { views.put(view, key); });

export const keptView = (key) => change(({ views }, give) => { views.get(key).onsuccess = (event) => give(event.target.result); });

export const forgetViews = () => change(({ views }) => { views.clear(); });

// Take or renew the right to send until a time (ms); false when another tab has it. For browsers without Web Locks.
export const takeLease = (owner, now, until) =>
  change(({ lease }, give) => {
    lease.get("send").onsuccess = (event) => {
      const held = event.target.result;
      const free = !held || held.owner === owner || held.until <= now;
      if (free) lease.put({ owner, until }, "send");
      give(free);
    };
  });

export const endLease = (owner) =>
  change(({ lease }) => {
    lease.get("send").onsuccess = (event) => { if (event.target.result?.owner === owner) lease.delete("send"); };
  });
