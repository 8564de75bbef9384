// Requests to the server. `Unreachable` means that nobody knows whether it heard us; everything else is an answer.

const TIMEOUT_MS = 10_000;

export class Unreachable extends Error {}

// {status, data} of an answer. One of 500 is an answer, too: asked again, the same would come; 502 to 504 are none.
export async function ask(method, path, body, timeout_ms = TIMEOUT_MS) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout_ms);
  try {
    const answer = await fetch(`/handheld/api/${path}`, {
      method,
      signal: stop.signal,
      credentials: "same-origin",
      headers: method === "POST" ? { "content-type": "application/json" } : {},
      body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
    });
    if (answer.status > 500) throw new Unreachable(`HTTP ${answer.status}`);
    return { status: answer.status, data: await answer.json() };
  } catch (error) {
    throw error instanceof Unreachable ? error : new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
  }
}

// A random UUID; `crypto.randomUUID` is only there on HTTPS.
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
