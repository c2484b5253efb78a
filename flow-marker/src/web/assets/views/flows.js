// Flows with search and state, the largest first.

import { h } from '../dom.js';
import { count, rate } from '../format.js';
import { poll, settled } from '../poll.js';
import { badge, controlLink, evidenceBar, fault, figures, flowText, learn, place, since, table } from './parts.js';

/** More rows than these nobody reads: a narrower search finds more. */
const MOST = 1600;

/** States as the API knows them, and what they mean. */
const STATES = /** @type {const} */ ([
  ['seen', 'seen', 'among the larger ones, little evidence'], ['evidence', 'evidence', 'a third of the evidence or more'],
  ['found', 'elephant', 'an elephant without a mark on the switch'], ['marked', 'marked', 'its mark is on the switch'], ['released', 'released', 'ended within the last minute'],
]);

/** @param {() => void} redraw @param {URLSearchParams} parameters */
export function open(redraw, parameters) {
  let search = parameters.get('search') ?? '';
  let max = 100;
  /** @type {Set<string>} */
  const states = new Set((parameters.get('state') ?? '').split(',').filter(Boolean));
  const path = () => {
    const query = new URLSearchParams({ max: String(max) });
    if (search.trim()) query.set('search', search.trim());
    if (states.size) query.set('state', [...states].join(','));
    return `/elephants/json?${query}`;
  };
  const flows = poll(path, 2000, redraw);
  /** What is looked for is part of the link. */
  const settle = settled(() => {
    const query = new URLSearchParams();
    if (search.trim()) query.set('search', search.trim());
    if (states.size) query.set('state', [...states].join(','));
    history.replaceState(null, '', `#flows${query.size ? `?${query}` : ''}`);
    flows.again();
  }, 200);
  const toggle = (/** @type {string} */ state) => {
    if (!states.delete(state)) states.add(state);
    settle();
    redraw();
  };
  const type = (/** @type {Event} */ event) => {
    search = /** @type {HTMLInputElement} */ (event.target).value;
    settle();
  };
  const more = () => {
    max = Math.min(MOST, max * 4);
    flows.again();
  };

  const row = (/** @type {any} */ flow) => {
    const text = flowText(flow);
    return {
      // It may have come by another port a moment ago.
      key: `${flow.agent} ${flow.port.ifindex} ${text}`,
      props: { 'data-flow': text, 'data-flow-state': flow.state },
      cells: [
        badge(flow.state),
        h('span', { class: 'flow' }, text),
        [place(flow), flow.exit && h('small', null, `leaves by ${flow.exit.name ?? `port ${flow.exit.ifindex}`}`)],
        h('span', { class: 'number' }, rate(flow.rate)),
        evidenceBar(flow.evidence),
        since(flow.since),
        flow.control ? controlLink(flow.control) : '',
        flow.why ?? '',
      ],
    };
  };

  function draw() {
    const data = flows.data;
    if (data) learn(data.flows);
    return [
      h('form', { class: 'filters', key: 'filters', role: 'search', onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
        h('label', { class: 'search' }, h('span', null, 'Search'),
          h('input', { type: 'search', id: 'search', value: search, placeholder: 'address, port, switch, control …', oninput: type, autocomplete: 'off', spellcheck: 'false' })),
        h('div', { class: 'choice', role: 'group', 'aria-label': 'States' }, STATES.map(([state, word, title]) =>
          h('button', { type: 'button', key: state, 'data-filter': state, title, 'aria-pressed': String(states.has(state)), onclick: () => toggle(state) }, word))),
        h('p', { class: 'quiet', role: 'status' }, data ? `${count(data.flows.length)} of ${count(data.matching)} that match; ${count(data.total)} flows in all` : '')),
      fault(flows),
      data && table('Flows, the largest first', ['State', 'Flow', 'Enters at', figures('Rate'), 'Evidence', 'Since', 'Control', 'Why not marked'], data.flows.map(row),
        search || states.size ? 'No flow matches.' : 'No flow is large enough to be watched.'),
      data && data.flows.length < data.matching && max < MOST && h('p', { key: 'more' }, h('button', { type: 'button', onclick: more }, 'Show more')),
    ];
  }
  return { title: 'Flows', kind: 'flows', draw, close: flows.end };
}
