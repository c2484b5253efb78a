// What is known now: the overview that `/live` tells every second, and how far it can be believed. The stream is read with
// fetch, since EventSource cannot show a token. It heals by itself, also after a restart of the server.

import { Problem, get, identity, request, restarted } from './api.js';

/** Nothing for so long, where something comes every second, and people are told. Milliseconds. */
const STALE = 3000;
/** Then the connection is dead, whatever it says. */
const DEAD = 10_000;
/** The pauses between tries, one after the other; the last again and again. */
const PAUSES = [250, 500, 1000, 2000, 4000];

/** @typedef {'live'|'stale'|'lost'} Connection */

/** What views read. `overview` is as docs/API.md describes it. */
export const state = {
  /** @type {any} */
  overview: null,
  /** When it came, by the clock of this page, and by that of the machine. */
  received: 0,
  receivedAt: 0,
  /** @type {Connection} */
  connection: 'lost',
  /** Why there is no stream, for people. */
  why: 'connecting',
  /** @type {?{caller: string, write: boolean}} */
  identity: null,
};

/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {() => void} listener @returns {() => void} ends it */
export function subscribe(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/**
 * Milliseconds since a moment, by the clock of this page and by that of the machine: the former may stand still while the
 * machine sleeps, and then what is old would look new when it wakes.
 * @param {number} steady @param {number} wall
 */
const elapsed = (steady, wall) => Math.max(performance.now() - steady, Date.now() - wall);
const old = () => elapsed(state.received, state.receivedAt);

const tell = () => listeners.forEach((listener) => listener());

/** The server's time now, in nanoseconds since 1970: the clock of this machine may be wrong, that of `overview` is not. */
export function now() {
  if (!state.overview) return Date.now() * 1e6;
  return state.overview.time + old() * 1e6;
}

/** Seconds since something came. */
export const age = () => (state.overview ? old() / 1000 : null);

/** @param {any} overview */
function take(overview) {
  const other = state.overview !== null && state.overview.started !== overview.started;
  state.overview = overview;
  state.received = performance.now();
  state.receivedAt = Date.now();
  state.connection = 'live';
  state.why = '';
  if (other) restarted();
  if (other || !state.identity) whoAreWe();
  tell();
}

async function whoAreWe() {
  try {
    const { caller, write } = await identity();
    state.identity = { caller, write };
  } catch (error) {
    const later = error instanceof Problem && (error.status === 0 || error.status >= 500);
    // No changes from here, and the server has said why.
    if (!later) state.identity = { caller: error instanceof Error ? error.message : '', write: false };
  }
  tell();
}

/** Splits a stream of events as they come. @param {ReadableStream<Uint8Array>} body @param {(data: string) => void} each */
async function events(body, each) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).replaceAll('\r', '').split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const data = part.split('\n').filter((line) => line.startsWith('data:'));
      if (data.length) each(data.map((line) => line.slice(5).trimStart()).join('\n'));
    }
  }
}

let tries = 0;
let stream = new AbortController();
let wake = () => {};
/** Tries again at once. */
export let retry = () => {};

/** Reads until it ends. */
async function read() {
  stream = new AbortController();
  const watch = setInterval(() => {
    if (elapsed(heard, heardAt) > DEAD) stream.abort();
  }, 1000);
  let heard = 0;
  let heardAt = 0;
  const hear = () => {
    heard = performance.now();
    heardAt = Date.now();
  };
  hear();
  try {
    const response = await request('/live', { signal: stream.signal });
    hear();
    if (!response.body) throw new Problem('the browser cannot read streams', 0, 'stream');
    await events(response.body, (data) => {
      hear();
      tries = 0;
      take(JSON.parse(data));
    });
    throw new Problem('the server has ended the connection', 0, 'ended');
  } finally {
    clearInterval(watch);
    stream.abort();
  }
}

/** @param {unknown} error */
function lost(error) {
  const full = error instanceof Problem && error.status === 503;
  state.connection = 'lost';
  state.why = error instanceof Problem ? error.message : 'nothing came any more';
  tell();
  // Too many watch: a look now and then is better than none.
  if (full) get('/overview/json').then(take, () => {});
}

/** Keeps the overview up to date, for as long as the page is open. */
export async function live() {
  const again = () => wake();
  retry = again;
  addEventListener('online', again);
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && again());
  setInterval(watchAge, 500);
  // Whoever may pause can do so also while nothing is told.
  whoAreWe();
  for (;;) {
    try {
      await read();
    } catch (error) {
      lost(error);
    }
    const pause = PAUSES[Math.min(tries, PAUSES.length - 1)];
    tries += 1;
    // Not all browsers at once after a restart.
    await new Promise((resolve) => {
      wake = () => resolve(null);
      setTimeout(wake, pause * (0.75 + Math.random() / 2));
    });
  }
}

/** Says at once when nothing comes. */
function watchAge() {
  if (!state.overview) return;
  if (state.connection === 'live' && old() > STALE) {
    state.connection = 'stale';
    state.why = 'nothing comes';
  }
  if (state.connection !== 'live') tell();
}
