// Everything that is, was or would be on switches, and what a person can do about it.

import { notice } from '../dialog.js';
import { h } from '../dom.js';
import { count, plural, rate, span } from '../format.js';
import { poll, settled } from '../poll.js';
import { badge, effect, ending, evidenceText, fault, flowText, learn, mayWrite, place, switchName, when } from './parts.js';
import { denied, make, release } from './acts.js';
import { modes } from './modes.js';

/** Controls that are drawn at once. */
const SHOWN = 100;
const OVER = ['released'];

/** @param {() => void} redraw @param {URLSearchParams} parameters */
export function open(redraw, parameters) {
  let search = parameters.get('name') ?? '';
  let shown = SHOWN;
  let over = parameters.has('name');
  let made = '';
  const controls = poll(() => '/controls/json', 3000, redraw);
  const switches = poll(() => '/switches/json', 30_000, redraw);
  const set = poll(() => '/modes/json', 5000, redraw);
  const settle = settled(redraw, 100);
  const named = parameters.get('name');

  const matches = (/** @type {any} */ control) => {
    const text = [control.name, control.agent, control.port.name, control.state, control.flow && flowText(control.flow), control.about, ...control.rule].join(' ').toLowerCase();
    return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  };

  async function submit(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    made = '';
    try {
      const { name } = await make(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()])));
      form.reset();
      notice(`Wanted: ${name}`);
      controls.again();
    } catch (error) {
      made = error instanceof Error ? error.message : String(error);
    }
    redraw();
  }

  function list() {
    const all = controls.data;
    if (!all) return null;
    const current = all.filter((/** @type {any} */ control) => !OVER.includes(control.state));
    const past = all.filter((/** @type {any} */ control) => OVER.includes(control.state)).reverse();
    const found = [...current, ...(over ? past : [])].filter(matches);
    const part = found.slice(0, shown);
    return [
      h('p', { class: 'quiet', key: 'sum', role: 'status' }, `${plural(current.length, 'current control')}, ${count(past.length)} that are over${search ? `; ${count(found.length)} match` : ''}`),
      part.length ? h('ul', { class: 'entries', key: 'list' }, part.map((control) => one(control, control.name === named))) : h('p', { class: 'none', key: 'none' }, search ? 'No control matches.' : 'There is no control.'),
      found.length > part.length && h('p', { key: 'more' }, h('button', { type: 'button', onclick: () => { shown += SHOWN; redraw(); } }, 'Show more')),
    ];
  }

  function draw() {
    learn(switches.data ?? []);
    return [
      modes(set),
      h('details', { class: 'panel make', key: 'make' },
        h('summary', null, 'Make a control'),
        form(switches.data ?? [], submit, made)),
      h('form', { class: 'filters', key: 'filters', role: 'search', onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
        h('label', { class: 'search' }, h('span', null, 'Search'), h('input', {
          type: 'search', value: search, placeholder: 'name, address, switch, rule …', autocomplete: 'off', spellcheck: 'false',
          oninput: (/** @type {Event} */ event) => { search = /** @type {HTMLInputElement} */ (event.target).value; settle(); },
        })),
        h('label', { class: 'tick' }, h('input', { type: 'checkbox', checked: over, onchange: (/** @type {Event} */ event) => { over = /** @type {HTMLInputElement} */ (event.target).checked; redraw(); } }), 'also those that are over')),
      fault(controls),
      list(),
    ];
  }
  const close = () => [controls, switches, set].forEach((each) => each.end());
  return { title: 'Controls', kind: 'controls', draw, close };
}

/** @param {any} control @param {boolean} opened */
function one(control, opened) {
  const what = control.flow ? flowText(control.flow) : control.about ?? control.name;
  const kind = control.name.split('_')[1] ?? '';
  return h('li', { key: control.name, 'data-control': control.name, 'data-state': control.state },
    h('div', { class: 'line' },
      badge(control.state), effect(control.effect?.verdict, control.effect?.why),
      h('span', { class: 'what' }, h('b', null, kind), ' ', what), place({ agent: control.agent, port: control.port }),
      control.current && h('span', { class: 'number' }, rate(control.current.rate_bps)),
      control.effect?.hits && h('span', { class: 'number' }, plural(control.effect.hits.packets, 'packet')),
      h('span', { class: 'quiet' }, control.person ? `by ${control.person.who}` : 'controller'),
      !OVER.includes(control.state) && ending(control),
      !OVER.includes(control.state) && control.state !== 'releasing' && release(control.name, what)),
    control.error && h('p', { class: 'fault' }, h('b', null, 'The switch says: '), control.error),
    h('details', opened ? { open: true } : null,
      h('summary', null, 'Rule, evidence and times'),
      h('dl', { class: 'facts' }, facts(control))));
}

/** @param {any} control */
function facts(control) {
  const { times, timing, effect, person } = control;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => value && h('div', { key: name }, h('dt', null, name), h('dd', null, value));
  const steps = [
    ['waited at the agent', timing.agent_hold_seconds, timing.agent_hold], ['evidence', timing.evidence_seconds], ['decision to request', timing.decision_to_request_seconds],
    ['HTTP', timing.http_seconds], ['queue', timing.queue_seconds], ['commit', timing.commit_seconds], ['installed to first marked sample', timing.first_marked_seconds],
  ];
  const moments = [['first sample', times.first_sample], ['detected', times.detected], ['sent', times.put_sent], ['installed', times.installed], ['last sample', times.ended], ['removed', times.removed]];
  return [
    fact('Name', h('code', null, control.name)),
    fact('Rule', h('pre', { tabindex: '0', role: 'group', 'aria-label': 'Rule' }, control.rule.join('\n'))),
    fact('Evidence', evidenceText(control.evidence)),
    fact('About', control.about),
    fact('Wanted by', person && [person.who, person.reason && `: ${person.reason}`, ', until ', when(person.until)]),
    fact('Effect', effect && [effectText(effect)]),
    fact('Times', h('ul', { class: 'inline' }, moments.filter(([, at]) => at).map(([name, at]) => h('li', { key: name }, `${name} `, when(at))))),
    fact('Where the time went', h('ul', { class: 'inline' }, steps.filter(([, seconds]) => seconds !== null && seconds !== undefined).map(([name, seconds, how]) =>
      h('li', { key: name }, `${name} `, h('b', null, span(seconds)), how && ` (${how})`)))),
    fact('Switch', control.switch),
    fact('Mode', control.mode),
  ];
}

/** @param {any} effect */
function effectText(effect) {
  const parts = [effect.why];
  if (effect.hits) parts.push(`${plural(effect.hits.packets, 'packet')} matched`);
  if (effect.seen) parts.push(`mark seen in ${plural(effect.seen.samples, 'sample')} of ${effect.seen.agent ?? 'another switch'}`);
  if (effect.unmarked) parts.push(`${plural(effect.unmarked.samples, 'sample')} without it`);
  if (effect.queue) parts.push(`queue ${effect.queue.queue}${effect.queue.unmarked === null ? '' : `, unmarked traffic ${effect.queue.unmarked}`}`);
  return parts.filter(Boolean).join('; ') || 'nothing is known yet';
}

/** @param {any[]} switches @param {(event: SubmitEvent) => void} submit @param {string} fault */
function form(switches, submit, fault) {
  const input = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Object<string, any>} */ more = {}) =>
    h('label', { key: name }, h('span', null, label), h('input', { name, autocomplete: 'off', spellcheck: 'false', ...more }));
  const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Array<[string, string]>} */ options) =>
    h('label', { key: name }, h('span', null, label), h('select', { name }, options.map(([value, text]) => h('option', { value, key: value }, text))));
  const port = { type: 'number', min: 1, max: 65535 };
  return h('form', { class: 'grid', onsubmit: submit },
    choice('action', 'Action', [['mark', 'mark a flow'], ['capture', 'capture two hosts'], ['drop', 'drop']]),
    choice('switch', 'Switch', switches.map((each) => [each.agent, switchName(each.agent) === each.agent ? each.agent : `${switchName(each.agent)} (${each.agent})`])),
    choice('protocol', 'Protocol', [['tcp', 'tcp'], ['udp', 'udp'], ['', 'none (capture)']]),
    input('source', 'Source'), input('sport', 'Source port', port),
    input('destination', 'Destination', { required: true }), input('dport', 'Destination port', port),
    input('ttl', 'Seconds', { type: 'number', min: 1, max: 86400, placeholder: '600' }), input('reason', 'Why', { maxlength: 200 }),
    h('p', { class: 'hint', key: 'hint' }, 'A mark needs all of a flow; a capture two IPv4 hosts and no ports; a drop may leave out the source and ports.'),
    h('p', { class: 'fault', role: 'alert', key: 'fault' }, fault),
    h('div', { class: 'buttons', key: 'buttons' }, h('button', { type: 'submit', class: 'main', disabled: !mayWrite(), title: mayWrite() ? null : denied() }, 'Make it')));
}
