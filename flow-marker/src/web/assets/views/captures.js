// Conversations that are captured, the lists that decide it, and what was not captured.

import { h } from '../dom.js';
import { bytes, count, plural, span } from '../format.js';
import { poll } from '../poll.js';
import { badge, controlLink, fault, panel, place, since, table, when } from './parts.js';
import { release } from './acts.js';

/** Reasons as people read them. @type {Record<string, string>} */
const REASONS = {
  family: 'not IPv4', agent: 'switch not in the inventory', exempt: 'exempt hosts', switch_full: 'switch has no place', all_full: 'no place in all', resting: 'released a short while ago',
};

/** @param {() => void} redraw */
export function open(redraw) {
  const captures = poll(() => '/captures/json', 3000, redraw);
  const session = (/** @type {any} */ session) => ({
    key: `${session.name}`,
    props: { 'data-control': session.name },
    cells: [
      session.state ? badge(session.state) : '', controlLink(session.name, `${session.local} ↔ ${session.remote}`), session.list, place({ agent: session.agent }),
      session.analyzer, since(session.started), since(session.last), `${plural(session.samples, 'sample')}, ${bytes(session.bytes)}`, release(session.name, `${session.local} and ${session.remote}`),
    ],
  });
  const list = (/** @type {any} */ list) => ({
    key: list.name,
    props: { 'data-list': list.name },
    cells: [
      h('b', null, list.name), count(list.entries), list.faults ? plural(list.faults, 'line') : '', list.loaded ? when(list.loaded) : 'never',
      list.age === null ? '–' : [span(list.age), list.recalled && ' (from before the start)'],
      list.error ? [h('span', { class: 'badge level-warn' }, h('span', { class: 'sign', 'aria-hidden': 'true' }, '▲'), 'failed'), ` ${list.error}`] : h('span', { class: 'badge level-ok' }, h('span', { class: 'sign', 'aria-hidden': 'true' }, '✓'), 'fine'),
    ],
  });
  function draw() {
    const data = captures.data;
    if (!data) return [fault(captures)];
    const refused = Object.entries(data.refused).filter(([, times]) => times > 0);
    return [
      fault(captures),
      panel('sessions', 'Conversations', table('Conversations that are captured', ['State', 'Hosts', 'List', 'Switch', 'Copies go to', 'Since', 'Last seen', 'Sampled', 'Act'], data.sessions.map(session), 'Nothing is captured.'),
        h('span', { class: 'quiet' }, `${count(data.sessions.length)} of ${count(data.total)} in all, ${count(data.per_switch)} a switch`)),
      panel('lists', 'Blacklists', table('Blacklists', ['Name', 'Entries', 'Not understood', 'Loaded', 'Known to be the newest for', 'State'], data.lists.map(list), 'No blacklist is configured.')),
      panel('refused', 'Seen and not captured', refused.length
        ? h('ul', { class: 'inline' }, refused.map(([reason, times]) => h('li', { key: reason }, h('b', null, count(times)), ` ${REASONS[reason] ?? reason.replaceAll('_', ' ')}`)))
        : h('p', { class: 'none' }, 'None.')),
    ];
  }
  return { title: 'Captures', kind: 'captures', draw, close: captures.end };
}
