// One tab at a time, and tabs that tell each other what happened. Web Locks exist only on HTTPS; elsewhere a lease in
// the database does: it ends by itself when its tab dies, and the server takes each scan once in any case.

import { uuid } from "./api.js";
import * as store from "./store.js";

const LEASE_MS = 15_000; // longer than a request may take
const AGAIN_MS = 200;
const own = (sessionStorage.tab ??= uuid()); // a reloaded tab goes on with its own lease

// Run `work` while no other tab does; `work` gets a function that it calls before each request.
export async function alone(work) {
  if (navigator.locks) return navigator.locks.request("orderpool-send", () => work(async () => true));
  const renew = () => store.takeLease(own, Date.now(), Date.now() + LEASE_MS);
  while (!(await renew())) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  try {
    return await work(renew);
  } finally {
    await store.endLease(own);
  }
}

const channel = new BroadcastChannel("orderpool-handheld");

export const tellTabs = (message) => channel.postMessage(message);
export const hearTabs = (hear) => { channel.onmessage = (event) => hear(event.data); };
