// What several views show: states, switches and ports, controls and flows, tables. A state always has its word and its sign;
// colour only helps.

import { h } from '../dom.js';
import { ago, between, exact, moment, percent, rate, span } from '../format.js';
import { now, state } from '../store.js';

/** Sign and word of a level. @type {Record<string, [string, string]>} */
const LEVELS = { ok: ['✓', 'fine'], note: ['i', 'note'], warn: ['▲', 'warning'], bad: ['✕', 'problem'], info: ['i', 'note'], warning: ['▲', 'warning'], critical: ['✕', 'critical'] };

/** @param {string} level */
export function level(level) {
  const [sign, word] = LEVELS[level] ?? LEVELS.note;
  return h('span', { class: `badge level-${level}` }, h('span', { class: 'sign', 'aria-hidden': 'true' }, sign), word);
}

/** Sign, word and colour of what a flow or a control is. @type {Record<string, [string, string, string]>} */
const STATES = {
  seen: ['○', 'seen', 'quiet'], evidence: ['◔', 'evidence', 'note'], found: ['◆', 'elephant', 'warn'], marked: ['●', 'marked', 'mark'],
  wanted: ['◔', 'wanted', 'note'], installed: ['●', 'installed', 'mark'], observed: ['○', 'would be', 'quiet'], paused: ['‖', 'paused', 'warn'],
  refused: ['✕', 'refused', 'bad'], failed: ['✕', 'failed', 'bad'], releasing: ['◑', 'releasing', 'note'], released: ['◌', 'released', 'quiet'],
  over_budget: ['▲', 'no place', 'warn'],
  hits: ['✓', 'matches', 'ok'], queued: ['✓', 'own queue', 'ok'], none: ['▲', 'no effect', 'warn'], unknown: ['…', 'too early', 'quiet'],
};

/** @param {string} name @param {string} [word] another word than usual */
export function badge(name, word) {
  const [sign, usual, colour] = STATES[name] ?? ['·', name.replaceAll('_', ' '), 'quiet'];
  return h('span', { class: `badge level-${colour}` }, h('span', { class: 'sign', 'aria-hidden': 'true' }, sign), word ?? usual);
}

/** Whether a control works. @param {?string} verdict @param {?string} [why] */
export function effect(verdict, why) {
  if (!verdict) return null;
  // Seen at another switch, which for a flow means less.
  return h('span', { title: why ?? null }, verdict === 'seen' ? badge('hits', 'arrives') : badge(verdict));
}

/** Names of switches by their agents, as far as the overview and others have told. @type {Map<string, string>} */
const names = new Map();

/** @param {Iterable<{agent?: ?string, switch?: ?string, name?: ?string}>} rows */
export function learn(rows) {
  for (const row of rows) {
    const name = row.switch ?? row.name;
    if (row.agent && name && !name.includes('/')) names.set(row.agent, name);
  }
}

/** The agent of a switch that is given by name or address. @param {string} text */
export const agentOf = (text) => [...names].find(([, name]) => name === text)?.[0] ?? text;

/** @param {?string} agent */
export const switchName = (agent) => (agent ? names.get(agent) ?? agent : 'all switches');

/** Where something is: switch and port by name. @param {{agent?: ?string, switch?: ?string, port?: any, ifindex?: number}} row */
export function place(row) {
  const port = typeof row.port === 'object' && row.port ? row.port.name ?? `port ${row.port.ifindex}` : row.port ?? (row.ifindex ? `port ${row.ifindex}` : '');
  const name = row.switch && !row.switch.includes('/') ? row.switch : switchName(row.agent ?? null);
  return h('span', { class: 'place', title: row.agent ?? null }, h('b', null, name), port && ` ${port}`);
}

/** A moment, exact on request. @param {?number} ns */
export const when = (ns) => h('time', { title: exact(ns) }, moment(ns, now()));
/** How long ago. @param {?number} ns */
export const since = (ns) => h('time', { title: exact(ns) }, ns === null || ns === undefined ? '–' : ago(ns, now()));

/** When a control ends: how long that is from now, if a time is set, and what it depends on. @param {{until: ?number, ends: ?string}} control */
export function ending({ until, ends }) {
  if (until === null || until === undefined) return h('span', { class: 'quiet' }, ends || '–');
  const left = between(now(), until);
  return h('span', { title: exact(until) }, left > 0 ? `${span(Math.round(left))} left` : 'ending', ends && h('span', { class: 'quiet' }, `, ${ends}`));
}

/** The evidence that there is, of what is asked for. @param {number} share */
export function evidenceBar(share) {
  const part = Math.max(0, Math.min(1, share));
  return h('span', { class: 'evidence' },
    h('svg', { class: 'bar', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      h('rect', { class: 'bar-all', width: 100, height: 8 }), h('rect', { class: 'bar-part', width: part * 100, height: 8 })),
    percent(part));
}

/** How a flow is written everywhere. @param {any} flow */
export function flowText(flow) {
  const end = (/** @type {string} */ host, /** @type {number} */ port) => `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `${end(flow.source, flow.sport)} → ${end(flow.destination, flow.dport)} ${flow.protocol}`;
}

/** A link to a control. @param {?string} name @param {any} [text] */
export function controlLink(name, text) {
  return name && h('a', { href: `#controls?name=${encodeURIComponent(name)}`, title: name }, text ?? shortName(name));
}

/** `fm_mark_67f1…` @param {string} name */
export const shortName = (name) => (name.length > 16 ? `${name.slice(0, 12)}…` : name);

/** Evidence in words. @param {any} evidence */
export function evidenceText(evidence) {
  if (!evidence || !evidence.bytes) return '';
  return `${(evidence.bytes / 1e6).toFixed(evidence.bytes < 1e7 ? 1 : 0)} MB in ${span(evidence.seconds)}, ${rate(evidence.rate_bps)} where ${rate(evidence.threshold_bps)} makes an elephant; by ${evidence.path}, ${evidence.samples} samples, confidence ${percent(evidence.confidence)}`;
}

/** A column of figures. @param {string} name */
export const figures = (name) => ({ name, class: 'figures' });

/**
 * A table that becomes cards where there is no room: every cell knows the name of its column.
 * @param {string} label @param {Array<string|{name: string, class: string}>} columns @param {Array<{key: any, props?: Object<string, any>, cells: any[]}>} rows @param {string} none
 */
export function table(label, columns, rows, none) {
  if (!rows.length) return h('p', { class: 'none' }, none);
  const all = columns.map((column) => (typeof column === 'string' ? { name: column, class: null } : column));
  const empty = (/** @type {any} */ cell) => [cell].flat(Infinity).every((part) => !part && part !== 0);
  return h('table', { class: 'cards', 'aria-label': label },
    h('thead', null, h('tr', null, all.map((column) => h('th', { scope: 'col', class: column.class }, column.name)))),
    h('tbody', null, rows.map((row) =>
      h('tr', { ...row.props, key: row.key }, row.cells.map((cell, at) =>
        h('td', { 'data-label': all[at].name, class: [all[at].class, empty(cell) && 'empty'].filter(Boolean).join(' ') || null }, cell))))));
}

/** A part of a view. @param {string} id @param {any} title @param {any} body @param {any} [aside] what stands beside the title @param {boolean} [scrolls] */
export function panel(id, title, body, aside = null, scrolls = false) {
  // What scrolls must be reachable by keyboard.
  const reachable = scrolls ? { tabindex: '0', role: 'group', 'aria-labelledby': `title-${id}` } : {};
  return h('section', { class: `panel panel-${id}`, key: id, 'aria-labelledby': `title-${id}` },
    h('header', null, h('h2', { id: `title-${id}` }, title), aside),
    h('div', { class: 'body', ...reachable }, body));
}

/** Says that what is shown could not be asked for again. @param {{fault: string, data: any}} poll @param {string} key */
export function fault(poll, key = 'fault') {
  if (!poll.fault) return poll.data === null ? h('p', { class: 'none', key }, 'Loading…') : null;
  return h('p', { class: 'fault', role: 'alert', key }, `${poll.fault}${poll.data === null ? '' : '; what is shown is older'}`);
}

/** Whether this person may change something. */
export const mayWrite = () => state.identity?.write === true;
