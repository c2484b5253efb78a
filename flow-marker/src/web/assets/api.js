// Requests to the API. A bearer token, where one is needed, is kept in this tab alone and shown with every request; changes
// carry the token of the page besides, which is another one after each restart of the daemon.

const KEPT = 'flow-marker-token';

/** @typedef {{token: string, caller: string, write: boolean}} Page */

/** The token of the page, and who we are. @type {?Promise<Page>} */
let page = null;
/** A person who is being asked for a token. @type {?Promise<boolean>} */
let asking = null;
/** @type {(why: string) => Promise<?string>} */
let ask = async () => null;

/** A person has been asked for a token and has none to give: nobody is asked again until he says so. */
let declined = false;

/** Sets who asks a person for a token: it answers null when there is none. @param {(why: string) => Promise<?string>} asker */
export function askTokensOf(asker) {
  ask = asker;
}

/** An answer that is not what was asked for. */
export class Problem extends Error {
  /** @param {string} detail @param {number} status 0 when there was no answer @param {string} kind */
  constructor(detail, status, kind) {
    super(detail);
    this.status = status;
    this.kind = kind;
  }
}

export const hasToken = () => sessionStorage.getItem(KEPT) !== null;
export const wantsToken = () => declined;

/** A person wants to enter a token after all. */
export function enterToken() {
  declined = false;
  return tokenEntered('This server knows its callers by credentials.');
}

/** Forgets the token and begins anew. */
export function forget() {
  sessionStorage.removeItem(KEPT);
  location.reload();
}

/** @param {Response} response */
async function problem(response) {
  let detail = `${response.status} ${response.statusText}`;
  let kind = '';
  try {
    const body = await response.json();
    detail = body.detail ?? detail;
    kind = String(body.type ?? '').split(':').pop() ?? '';
  } catch {
    // Not from us: a proxy, say. The status is all there is.
  }
  return new Problem(detail, response.status, kind);
}

/** One request, without asking anybody. @param {string} path @param {RequestInit} init */
async function once(path, init) {
  const headers = new Headers(init.headers);
  const token = sessionStorage.getItem(KEPT);
  if (token) headers.set('Authorization', `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...init, headers, credentials: 'same-origin', cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem('the server does not answer', 0, 'silent');
  }
  if (!response.ok) throw await problem(response);
  return response;
}

/** A request; a person is asked for a token where one is needed. @param {string} path @param {RequestInit} [init] */
export async function request(path, init = {}) {
  for (;;) {
    const shown = sessionStorage.getItem(KEPT);
    try {
      return await once(path, init);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      // Somebody may have entered one meanwhile.
      if (sessionStorage.getItem(KEPT) !== shown) continue;
      if (error.kind === 'wrong-credentials') sessionStorage.removeItem(KEPT);
      if (declined || !(await tokenEntered(error.message))) throw error;
    }
  }
}

/** Whether a person has entered a token; all requests that need one wait for the same answer. @param {string} why */
function tokenEntered(why) {
  asking ??= (async () => {
    const token = await ask(why);
    if (token) sessionStorage.setItem(KEPT, token);
    declined = !token;
    page = null;
    return Boolean(token);
  })().finally(() => {
    asking = null;
  });
  return asking;
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export async function get(path, signal) {
  return (await request(path, { signal })).json();
}

/** Who we are, and what we may. @returns {Promise<Page>} */
export function identity() {
  page ??= get('/page/token').catch((error) => {
    page = null;
    throw error;
  });
  return page;
}

/** Another process answers now: its page has another token. */
export function restarted() {
  page = null;
}

/** Changes something. @param {string} method @param {string} path @param {any} [body] @returns {Promise<any>} */
export async function change(method, path, body) {
  const send = async () => {
    /** @type {Record<string, string>} */
    const headers = { 'X-Flow-Marker-Page': (await identity()).token };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    return request(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  };
  let response;
  try {
    response = await send();
  } catch (error) {
    if (!(error instanceof Problem) || error.kind !== 'no-page-token') throw error;
    restarted();
    response = await send();
  }
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** Saves an answer as a file: a link could not show the token. Whether there is more than the file has. @param {string} path @param {string} name */
export async function download(path, name) {
  const response = await request(path);
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return response.headers.has('Link');
}
