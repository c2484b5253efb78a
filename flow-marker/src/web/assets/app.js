// The page of flow-marker: where it begins, its frame, and which view is shown.
//
// What tests hold on to, and no change should break:
//   main[data-view="now|then|flows|controls|captures|switches|events"]   the view that is shown (`then`: a moment, #now?at=SECONDS)
//   [data-answer="causing|believe|hot|work|broken|changed"]              one answer each, with data-level="ok|note|warn|bad"
//   #chart                              data-points: points drawn; data-latest: the time of the newest, nanoseconds since 1970
//   tr[data-flow="10.0.0.1:5001 → 10.0.0.2:80 tcp"]                      a flow, with data-flow-state="seen|evidence|found|marked|released"
//   [data-control=NAME]                 a control, with data-state as in /controls/json, and button[data-action=release]
//   #pause, #resume, #enter-token       the buttons; #paused is the banner with data-withdrawn="true|false"
//   #dialog, #token                     dialogs, with button[data-action=confirm]; fields input[name=who], [name=reason], [name=token]
//   #connection                         data-state="live|stale|lost"; #old is the banner that says how old everything is
//   [data-problem=KIND] [data-change=KIND] [data-switch=AGENT] [data-finding=KIND] [data-list=NAME] [data-decision=KIND] [data-controller=NAME]
//   #search, [data-filter=STATE]        in Flows; #kind, #older, #export-csv, #export-json in Events; #copy-link in Now

import { askTokensOf, enterToken, forget, hasToken, wantsToken } from './api.js';
import { askToken } from './dialog.js';
import { h, render } from './dom.js';
import { clock, exact, span, zone } from './format.js';
import { age, live, now, retry, state, subscribe } from './store.js';
import { denied, pause, resume } from './views/acts.js';
import * as captures from './views/captures.js';
import * as controls from './views/controls.js';
import * as events from './views/events.js';
import * as flows from './views/flows.js';
import * as first from './views/now.js';
import { learn, mayWrite, since, switchName } from './views/parts.js';
import * as switches from './views/switches.js';

/** @typedef {{title: string, kind: string, draw: () => any, after?: () => void, close: () => void}} View */

/** @type {Array<[string, string, (redraw: () => void, parameters: URLSearchParams) => View]>} */
const VIEWS = [
  ['now', 'Now', first.open], ['flows', 'Flows', flows.open], ['controls', 'Controls', controls.open],
  ['captures', 'Captures', captures.open], ['switches', 'Switches', switches.open], ['events', 'Events', events.open],
];

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const [header, banners, main, announcer] = ['header', 'banners', 'main', 'announcer'].map(element);

/** @type {?View} */
let view = null;
let shown = 'now';
let queued = false;
/** When last. */
let drawn = 0;

/** Draws soon, once for however many reasons there are. */
function redraw() {
  if (queued) return;
  queued = true;
  // Frames do not come to pages that nobody looks at, which saves the work.
  requestAnimationFrame(() => {
    queued = false;
    draw();
  });
}

function draw() {
  drawn = performance.now();
  render(header, ...frame());
  render(banners, ...told());
  if (view) {
    main.dataset.view = view.kind;
    render(main, h('h1', { class: 'aside' }, view.title), ...[view.draw()].flat());
    view.after?.();
  }
  announce();
}

/** What stands above every view. */
function frame() {
  const words = { live: ['●', 'live'], stale: ['▲', 'no data'], lost: ['✕', 'no connection'] }[state.connection];
  const paused = state.overview?.pause;
  return [
    h('a', { class: 'brand', href: '#now' }, 'flow-marker'),
    h('nav', { 'aria-label': 'Views' }, VIEWS.map(([name, title]) =>
      h('a', { key: name, href: `#${name}`, 'aria-current': name === shown ? 'page' : null }, title))),
    h('div', { class: 'state' },
      h('span', { id: 'connection', class: `connection is-${state.connection}`, 'data-state': state.connection, title: state.why || null },
        h('span', { class: 'sign', 'aria-hidden': 'true' }, words[0]), words[1]),
      h('time', { class: 'number', title: exact(now()) }, `${clock(now())} ${zone(now())}`),
      wantsToken() && h('button', { type: 'button', key: 'enter', id: 'enter-token', class: 'main', onclick: () => enterToken().then(retry) }, 'Enter a token'),
      hasToken() && h('button', { type: 'button', key: 'forget', class: 'small', onclick: forget, title: state.identity?.caller ?? null }, 'Forget token'),
      paused
        ? h('button', { type: 'button', id: 'resume', key: 'resume', class: 'main', onclick: resume, disabled: !mayWrite(), title: mayWrite() ? null : denied() }, 'Resume')
        : h('button', { type: 'button', id: 'pause', key: 'pause', class: 'grave', onclick: pause, disabled: !mayWrite(), title: mayWrite() ? null : denied() }, 'Withdraw all and pause')),
  ];
}

/** What everybody must see whatever they look at. */
function told() {
  const banners = [];
  const seconds = age();
  if (state.connection !== 'live') {
    banners.push(h('div', { id: 'old', key: 'old', class: 'banner level-bad' },
      h('b', null, seconds === null ? 'No data yet: ' : `No data for ${span(Math.floor(seconds))}; reconnecting: `),
      state.why, seconds === null ? '' : `; what you see is from ${clock(state.overview.time)}`, '.'));
  }
  const paused = state.overview?.pause;
  if (paused) {
    const waiting = paused.waiting.map(switchName);
    banners.push(h('div', { id: 'paused', key: 'paused', class: 'banner level-warn', 'data-withdrawn': String(paused.withdrawn) },
      h('b', null, '‖ Paused'), ` by ${paused.who}, `, since(paused.since), paused.reason && `: ${paused.reason}`, '. ',
      paused.withdrawn ? 'Nothing of ours is on any switch.' : `Still waiting for ${waiting.slice(0, 5).join(', ')}${waiting.length > 5 ? ` and ${waiting.length - 5} more` : ''}.`));
  }
  return banners;
}

/** What was said last to those who listen instead of look. */
let said = '';

/** Says what has changed, and nothing that changes all the time. */
function announce() {
  if (!state.overview && state.connection === 'lost' && state.why === 'connecting') return;
  const bad = (state.overview?.answers ?? []).filter((/** @type {any} */ answer) => answer.level === 'bad').length;
  const words = [
    { live: 'Data is live', stale: 'No data is coming', lost: 'Connection lost, reconnecting' }[state.connection],
    state.overview?.pause ? (state.overview.pause.withdrawn ? 'Paused, everything is withdrawn' : 'Paused, switches are withdrawing') : '',
    bad ? `${bad} of six answers tell of a problem` : '',
  ].filter(Boolean).join('. ');
  if (words === said) return;
  said = words;
  announcer.textContent = words;
}

/** Shows the view that the address names. */
function route() {
  const [name, query = ''] = location.hash.slice(1).split('?', 2);
  const found = VIEWS.find(([known]) => known === name) ?? VIEWS[0];
  const first = view === null;
  view?.close();
  render(main);
  shown = found[0];
  view = found[2](redraw, new URLSearchParams(query));
  document.title = `${view.title} · flow-marker`;
  draw();
  // Who came by keyboard goes on in what is new.
  if (!first) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

askTokensOf(askToken);
subscribe(() => {
  const overview = state.overview;
  if (overview) learn([...overview.links, ...overview.flows, ...overview.controls, ...overview.problems, ...overview.changes]);
  redraw();
});
addEventListener('hashchange', route);
// The address says which view is shown, so it cannot say the place on the page as well.
element('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
// The clock goes on, and so do countdowns, when nothing comes.
setInterval(() => performance.now() - drawn > 900 && redraw(), 1000);
route();
live();
