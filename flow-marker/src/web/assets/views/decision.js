// Decisions as rows, in the event log and around a moment.

import { h } from '../dom.js';
import { count } from '../format.js';
import { controlLink, evidenceText, learn, switchName, table, when } from './parts.js';

/** Decisions that somebody should look at. */
const GRAVE = new Set(['refused', 'no_room', 'over_budget', 'dismissed', 'no_effect', 'changed_by_hand', 'pause_begun', 'pause_ended', 'mode_changed', 'list_failed', 'unreachable']);

/** All kinds, as `kind=` takes them. */
export const KINDS = [
  'wanted', 'would_have', 'prolonged', 'guarded', 'installed', 'refused', 'no_room', 'over_budget', 'displaced', 'hold_doubled', 'released', 'removed',
  'vacated', 'dismissed', 'orphan_adopted', 'orphan_removed', 'mark_arrives', 'no_effect', 'changed_by_hand', 'pause_begun', 'pause_ended', 'mode_changed',
  'reloaded', 'list_loaded', 'list_failed', 'unreachable', 'reachable',
];

/** `changed_by_hand` as people read it. @param {string} kind */
export const words = (kind) => kind.replaceAll('_', ' ');

/** @param {any[]} decisions @param {string} none */
export function decisionRows(decisions, none) {
  learn(decisions.map((decision) => ({ agent: decision.switch, switch: decision.switch_name })));
  const row = (/** @type {any} */ decision) => ({
    key: decision.id,
    props: { 'data-decision': decision.decision },
    cells: [
      [when(decision.time), decision.count > 1 && h('small', null, `${count(decision.count)} times, last `, when(decision.last))],
      GRAVE.has(decision.decision)
        ? h('span', { class: 'badge level-warn' }, h('span', { class: 'sign', 'aria-hidden': 'true' }, '▲'), words(decision.decision))
        : h('span', { class: 'badge level-quiet' }, words(decision.decision)),
      decision.switch ? [h('b', { title: decision.switch }, switchName(decision.switch)), decision.port?.name ? ` ${decision.port.name}` : ''] : '',
      [decision.control ? controlLink(decision.control, decision.what) : decision.what, decision.about && h('small', null, decision.about)],
      [decision.why ?? (decision.reason ? words(decision.reason) : ''), decision.evidence && ['wanted', 'would_have'].includes(decision.decision) && h('small', null, evidenceText(decision.evidence))],
      decision.who === 'controller' ? 'controller' : h('b', null, decision.who),
    ],
  });
  return table('Decisions', ['When', 'What', 'Switch', 'About', 'Why', 'Who'], decisions.map(row), none);
}
