// The event log: every decision, newest first, back as far as it is kept; and as a file.

import { download, get } from '../api.js';
import { notice } from '../dialog.js';
import { h } from '../dom.js';
import { count } from '../format.js';
import { poll, settled } from '../poll.js';
import { agentOf, fault, panel } from './parts.js';
import { KINDS, decisionRows, words } from './decision.js';

const PAGE = 100;
/** Decisions in a file. */
const EXPORT = 10_000;

/** @param {() => void} redraw @param {URLSearchParams} parameters */
export function open(redraw, parameters) {
  const filter = { kind: parameters.get('kind') ?? '', switch: parameters.get('switch') ?? '', control: parameters.get('control') ?? '', until: '' };
  /** Decisions from before the newest ones. @type {any[]} */
  let older = [];
  let end = false;
  let busy = false;
  let failed = '';
  /** What is asked for besides the place in the log. */
  const query = (/** @type {Record<string, string>} */ more = {}) => {
    const all = new URLSearchParams(more);
    for (const name of /** @type {const} */ (['kind', 'switch', 'control'])) if (filter[name].trim()) all.set(name, name === 'switch' ? agentOf(filter.switch.trim()) : filter[name].trim());
    if (filter.until) all.set('until', String(Math.floor(new Date(filter.until).getTime() / 1000)));
    return all;
  };
  const newest = poll(() => `/decisions/json?${query({ max: String(PAGE) })}`, 3000, redraw);

  /** The newest and the older ones, each once. */
  const all = () => {
    const ids = new Set();
    return [...(newest.data ?? []), ...older].filter((decision) => !ids.has(decision.id) && ids.add(decision.id));
  };
  const settle = settled(() => {
    older = [];
    end = false;
    failed = '';
    const shown = query();
    shown.delete('until');
    history.replaceState(null, '', `#events${shown.size ? `?${shown}` : ''}`);
    newest.again();
  }, 300);
  const change = (/** @type {keyof typeof filter} */ name) => (/** @type {Event} */ event) => {
    filter[name] = /** @type {HTMLInputElement} */ (event.target).value;
    settle();
  };
  async function back() {
    const last = all().at(-1);
    if (!last || busy) return;
    busy = true;
    redraw();
    try {
      // What is newer than what was shown first is in neither: it comes with the newest.
      const found = await get(`/decisions/json?${query({ before: String(last.id), max: String(PAGE) })}`);
      const fresh = found.filter((/** @type {any} */ decision) => decision.id < last.id);
      older = [...all(), ...fresh];
      end = fresh.length === 0;
      failed = '';
    } catch (error) {
      failed = error instanceof Error ? error.message : String(error);
    }
    busy = false;
    redraw();
  }
  async function save(/** @type {'csv'|'json'} */ kind) {
    failed = '';
    try {
      const more = await download(`/decisions/${kind}?${query({ max: String(EXPORT) })}`, `flow-marker-decisions.${kind}`);
      if (more) notice(`The file has the newest ${count(EXPORT)}; set Until for older ones.`);
    } catch (error) {
      failed = error instanceof Error ? error.message : String(error);
    }
    redraw();
  }
  const input = (/** @type {keyof typeof filter} */ name, /** @type {string} */ label, /** @type {Object<string, any>} */ more) =>
    h('label', { key: name }, h('span', null, label), h('input', { value: filter[name], oninput: change(name), autocomplete: 'off', spellcheck: 'false', ...more }));

  function draw() {
    const decisions = all();
    return [
      h('form', { class: 'filters', key: 'filters', role: 'search', onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
        h('label', { key: 'kind' }, h('span', null, 'Kind'), h('select', { id: 'kind', value: filter.kind, onchange: change('kind') },
          h('option', { value: '' }, 'all kinds'), KINDS.map((kind) => h('option', { value: kind, key: kind }, words(kind))))),
        input('switch', 'Switch', { placeholder: 'name or agent' }),
        input('control', 'Control', { placeholder: 'fm_mark_…' }),
        input('until', 'Until', { type: 'datetime-local', step: 1 }),
        h('div', { class: 'buttons', key: 'export' },
          h('button', { type: 'button', id: 'export-csv', onclick: () => save('csv') }, 'Export CSV'),
          h('button', { type: 'button', id: 'export-json', onclick: () => save('json') }, 'Export JSON'))),
      fault(newest),
      failed && h('p', { class: 'fault', role: 'alert', key: 'failed' }, failed),
      newest.data && panel('decisions', 'Decisions, newest first', [
        decisionRows(decisions, 'Nothing that matches was decided.'),
        decisions.length > 0 && h('p', { key: 'older' }, end
          ? h('span', { class: 'quiet' }, 'This is the oldest that is kept.')
          : h('button', { type: 'button', id: 'older', onclick: back, disabled: busy }, busy ? 'Loading…' : 'Older')),
      ], h('span', { class: 'quiet' }, `${count(decisions.length)} shown`)),
    ];
  }
  return { title: 'Events', kind: 'events', draw, close: newest.end };
}
