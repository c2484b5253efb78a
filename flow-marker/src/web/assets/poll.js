// Asking again and again, for views that the overview is not enough for: never twice at a time, not while nobody looks, and
// what was known stays until something newer is.

import { get } from './api.js';
import { state, subscribe } from './store.js';

/**
 * @param {() => string} path what to ask @param {number} period milliseconds between an answer and the next question
 * @param {() => void} changed something is new
 */
export function poll(path, period, changed) {
  /** @type {{data: any, fault: string, again: () => void, end: () => void}} */
  const poll = { data: null, fault: '', again, end };
  let asked = new AbortController();
  let timer = 0;
  let ended = false;

  async function ask() {
    asked = new AbortController();
    const mine = asked;
    try {
      const data = await get(path(), mine.signal);
      if (mine.signal.aborted) return;
      poll.data = data;
      poll.fault = '';
    } catch (error) {
      if (mine.signal.aborted) return;
      poll.fault = error instanceof Error ? error.message : String(error);
    }
    changed();
    if (!ended) timer = setTimeout(next, period);
  }
  /** Asks when somebody looks. */
  function next() {
    if (document.visibilityState === 'visible') ask();
    else timer = setTimeout(next, 1000);
  }
  function again() {
    asked.abort();
    clearTimeout(timer);
    ask();
  }
  function end() {
    ended = true;
    asked.abort();
    clearTimeout(timer);
    unsubscribe();
  }
  // As soon as the server is back.
  let before = state.connection;
  const unsubscribe = subscribe(() => {
    if (state.connection === 'live' && before !== 'live') again();
    before = state.connection;
  });
  ask();
  return poll;
}

/** Calls after the last of many calls. @param {() => void} what @param {number} quiet milliseconds */
export function settled(what, quiet) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(what, quiet);
  };
}
