// The first screen: what one asks at 3 a.m., each in a sentence, and below it what the sentences are made from. With
// `at=SECONDS` it is the screen of a moment, for a ticket: the chart around it, and what was decided then.

import { h } from '../dom.js';
import { ago, between, clock, count, moment, percent, plural, rate, span } from '../format.js';
import { poll } from '../poll.js';
import { now, state } from '../store.js';
import { badge, controlLink, effect, ending, fault, figures, level, panel, place, switchName, table, when } from './parts.js';
import { release } from './acts.js';
import { decisionRows } from './decision.js';
import { traffic } from './traffic.js';

/** @type {Record<string, string>} */
const QUESTIONS = {
  causing: 'Are we causing this?', believe: 'Can I believe it?', hot: 'What is hot?',
  work: 'Do the controls work?', broken: 'What is broken?', changed: 'What changed in the last 15 minutes?',
};

/** Around a moment: so many seconds before and after it. */
const AROUND = 300;
/** More decisions are in the log. */
const MOST = 200;

/** @param {() => void} redraw @param {URLSearchParams} parameters */
export function open(redraw, parameters) {
  const text = parameters.get('at');
  const pin = text !== null && Number(text) > 0 ? Number(text) : null;
  const picture = traffic(redraw, pin);
  const then = pin === null ? null : poll(() => `/decisions/json?from=${Math.floor(pin - AROUND)}&until=${Math.ceil(pin + AROUND)}&max=${MOST}`, 15_000, redraw);
  return {
    title: pin === null ? 'Now' : `At ${moment(pin * 1e9)}`,
    kind: pin === null ? 'now' : 'then',
    draw: () => (pin === null || !then ? present(picture) : past(picture, then, pin)),
    after: picture.after,
    close: () => {
      picture.close();
      then?.end();
    },
  };
}

/** @param {ReturnType<typeof traffic>} picture */
function present(picture) {
  const overview = state.overview;
  if (!overview) return [h('p', { class: 'none' }, `Nothing is known yet: ${state.why}.`), picture.draw()];
  return [answers(overview), picture.draw(), links(overview.links), controls(overview.controls), problems(overview.problems), changes(overview.changes)];
}

/** @param {ReturnType<typeof traffic>} picture @param {ReturnType<typeof poll>} then @param {number} pin */
function past(picture, then, pin) {
  return [
    h('div', { class: 'moment', key: 'moment' },
      h('p', null, 'You look at ', h('b', null, when(pin * 1e9)), `, ${ago(pin * 1e9, now())}.`),
      h('a', { class: 'button', href: '#now' }, 'Back to now')),
    picture.draw(),
    panel('then', `Decisions within ${span(AROUND)} of it`, [
      fault(then), then.data?.length >= MOST && h('p', { class: 'quiet', key: 'most' }, `Only the newest ${MOST}; more are in `, h('a', { href: '#events' }, 'Events'), '.'),
      then.data && decisionRows(then.data, 'Nothing was decided then, or it is no longer kept.'),
    ]),
  ];
}

/** What this page knows better than the server: whether anything comes from there. @param {any} answer */
function honest(answer) {
  if (answer.question !== 'believe' || state.connection === 'live') return answer;
  return { ...answer, level: 'bad', text: `No: nothing comes from the server; all of this is from ${clock(state.overview.time)}.` };
}

/** @param {any} overview */
function answers(overview) {
  return h('section', { class: 'answers', key: 'answers', 'aria-label': 'Six answers' },
    overview.answers.map(honest).map((/** @type {any} */ answer) =>
      h('div', { class: `answer edge-${answer.level}`, key: answer.question, 'data-answer': answer.question, 'data-level': answer.level },
        h('h2', null, QUESTIONS[answer.question] ?? answer.question, level(answer.level)),
        h('p', null, answer.text))));
}

/** @param {any[]} links */
function links(links) {
  const one = (/** @type {any} */ link) =>
    h('li', { key: `${link.agent} ${link.ifindex}` },
      h('div', { class: 'line' },
        place({ ...link, port: link.port ?? `port ${link.ifindex}` }),
        h('span', { class: 'fill' }, usage(link.utilisation), h('b', null, percent(link.utilisation))),
        h('span', { class: 'quiet' }, `${link.direction} ${rate(link.direction === 'out' ? link.out : link.in)}${link.speed ? ` of ${rate(link.speed)}` : ''}`),
        link.discards > 0 && h('span', { class: 'badge level-warn' }, h('span', { class: 'sign', 'aria-hidden': 'true' }, '▲'), `${count(Math.ceil(link.discards))} discards/s`),
        link.errors > 0 && h('span', { class: 'badge level-bad' }, h('span', { class: 'sign', 'aria-hidden': 'true' }, '✕'), `${count(Math.ceil(link.errors))} errors/s`)),
      link.flows.length > 0 && h('ul', { class: 'of-link' }, link.flows.map((/** @type {any} */ flow) =>
        h('li', { key: flow.text }, badge(flow.state), h('a', { href: `#flows?search=${encodeURIComponent(flow.text.replace('→', ''))}` }, flow.text), h('span', { class: 'number' }, rate(flow.rate))))));
  return panel('links', 'Hot links', links.length ? h('ul', { class: 'links' }, links.map(one)) : h('p', { class: 'none' }, 'No link is known by its counters yet.'), null, true);
}

/** How full a link is. @param {?number} share */
function usage(share) {
  const part = Math.max(0, Math.min(1, share ?? 0));
  return h('svg', { class: 'bar', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'bar-all', width: 100, height: 8 }), h('rect', { class: part >= 0.9 ? 'bar-full' : 'bar-part', width: part * 100, height: 8 }));
}

/** @param {any[]} controls */
function controls(controls) {
  const row = (/** @type {any} */ control) => ({
    key: control.name,
    props: { 'data-control': control.name, 'data-state': control.state },
    cells: [
      [controlLink(control.name, control.what), h('small', { title: control.why }, control.error ? [h('b', null, 'switch: '), control.error] : control.why)],
      [place(control), h('small', null, control.owner === 'controller' ? 'controller' : `by ${control.owner}`)],
      [badge(control.state), ' ', effect(control.effect, control.effect_why), control.effect_why && control.effect === 'none' && h('small', null, control.effect_why)],
      [h('span', { class: 'number' }, rate(control.rate)), h('small', null, control.hits === null ? 'hits not told' : plural(control.hits, 'packet'))],
      [ending(control), h('small', null, 'since ', when(control.since))],
      release(control.name, control.what),
    ],
  });
  return panel('controls', 'Controls', table('Controls', ['What, why', 'Where, who', 'State, effect', figures('Rate, hits'), 'Ends', 'Act'], controls.map(row), 'There is no control.'),
    h('a', { href: '#controls' }, 'all, and new ones'), true);
}

/** The name of the switch, unless the text has it. @param {any} row */
function where(row) {
  const name = row.switch ?? switchName(row.agent);
  return row.agent && !row.text.includes(name) && [h('b', { title: row.agent }, name), ': '];
}

/** @param {any[]} problems */
function problems(problems) {
  /** How many there are of each sort: their texts change every second, and what is selected should stay. @type {Map<string, number>} */
  const sorts = new Map();
  const key = (/** @type {any} */ problem) => {
    const sort = `${problem.kind} ${problem.agent}`;
    sorts.set(sort, (sorts.get(sort) ?? 0) + 1);
    return `${sort} ${sorts.get(sort)}`;
  };
  const one = (/** @type {any} */ problem) =>
    h('li', { key: key(problem), 'data-problem': problem.kind },
      level(problem.level), ' ', where(problem), problem.text,
      problem.since !== null && h('small', null, `for ${span(Math.round(between(problem.since, now())))}`));
  return panel('problems', 'What is broken', problems.length ? h('ul', { class: 'items' }, problems.map(one)) : h('p', { class: 'none' }, 'Nothing that is known.'), null, true);
}

/** @param {any[]} changes */
function changes(changes) {
  const one = (/** @type {any} */ change) =>
    h('li', { key: `${change.time} ${change.kind} ${change.text}`, 'data-change': change.kind },
      h('small', null, when(change.time)), ' ', where(change), change.text, change.count > 1 && ` (${count(change.count)} times)`);
  return panel('changes', 'What changed (15 min)', changes.length ? h('ul', { class: 'items' }, changes.map(one)) : h('p', { class: 'none' }, 'Nothing.'),
    h('a', { href: '#events' }, 'all'), true);
}
