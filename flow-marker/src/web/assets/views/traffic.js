// Traffic over time: the chart with its points, its span and its cursor. The points so far come from the history once, and
// then, as long as the span has not ended, one each second with the overview.

import { get } from '../api.js';
import { LAYERS, chart, closest, nearest, thinned } from '../chart.js';
import { askFor, notice } from '../dialog.js';
import { h } from '../dom.js';
import { between, clock, count, exact, moment, percent, plural, rate } from '../format.js';
import { now, state } from '../store.js';
import { panel } from './parts.js';

const SPANS = /** @type {const} */ ([[300, '5 min'], [900, '15 min'], [3600, '1 h'], [86400, '1 d'], [604800, '7 d']]);

/** @param {() => void} redraw @param {?number} pin seconds since 1970 that the chart is to show; null: now */
export function traffic(redraw, pin) {
  let seconds = pin === null ? 900 : 1800;
  let step = 1;
  /** @type {import('../chart.js').Point[]} */
  let points = [];
  /** What is drawn. @type {import('../chart.js').Point[]} */
  let drawn = [];
  /** The time that the cursor is at, which stays while the picture moves. @type {?number} */
  let cursorTime = null;
  /** Its place among what is drawn. @type {?number} */
  let cursor = null;
  /** The cursor stays when the mouse leaves. */
  let held = false;
  let size = { width: 800, height: 200 };
  let fault = '';
  let asked = 0;
  /** @type {?number} */
  let started = null;
  let gap = false;
  let lookedAt = Date.now();

  /** Where the picture begins and ends, in nanoseconds. */
  const reach = () => {
    const until = pin === null ? now() : (pin + seconds / 2) * 1e9;
    const from = until - seconds * 1e9;
    // What is young fills the picture, as long as there is a minute of it.
    const first = pin === null && points.length ? Math.min(points[0].time, until - 60e9) : from;
    return { from: Math.max(from, first), until };
  };

  async function load() {
    const mine = ++asked;
    const at = pin === null ? '' : `at=${Math.round(pin + seconds / 2)}&`;
    try {
      const history = await get(`/history/json?${at}seconds=${seconds}`);
      if (mine !== asked) return;
      ({ step, points } = history);
      fault = '';
    } catch (error) {
      if (mine !== asked) return;
      fault = error instanceof Error ? error.message : String(error);
    }
    redraw();
  }
  load();

  /** A second more. */
  function follow() {
    const overview = state.overview;
    // A picture of what is long over does not grow; one that reaches beyond now does, until its end.
    if (!overview || overview.time > reach().until) return;
    if (state.connection !== 'live') gap = true;
    else if (gap || (started !== null && started !== overview.started)) {
      gap = false;
      load();
    }
    started = overview.started;
    const last = points.at(-1);
    if (step !== 1) {
      // A coarser history grows by itself.
      if ((!last || between(last.time, overview.time) > 2 * step) && Date.now() - lookedAt > 1000 * step) reload();
      return;
    }
    if (last && overview.time <= last.time) return;
    points.push({ time: overview.time, ...overview.traffic, marks: overview.counts.marks, samples: overview.counts.samples_per_second });
    const from = reach().until - seconds * 1e9;
    while (points.length && points[0].time < from) points.shift();
  }
  const reload = () => {
    lookedAt = Date.now();
    load();
  };

  const watch = new ResizeObserver(([entry]) => {
    size = { width: Math.floor(entry.contentRect.width), height: Math.floor(entry.contentRect.height) };
    redraw();
  });
  /** @type {?Element} */
  let watched = null;

  function move(/** @type {number} */ by) {
    const at = Math.max(0, Math.min(drawn.length - 1, (cursor ?? drawn.length - 1) + by));
    cursorTime = drawn[at].time;
    held = true;
    redraw();
  }
  function drop() {
    cursorTime = null;
    held = false;
    redraw();
  }
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === 'Escape') drop();
    else if (by !== undefined && drawn.length) move(event.shiftKey ? by * 10 : by);
    else return;
    event.preventDefault();
  };
  const point = (/** @type {PointerEvent} */ event) => {
    const down = event.type === 'pointerdown';
    if (!drawn.length || (held && !down)) return;
    // A second click lets go.
    if (held && event.pointerType === 'mouse') return drop();
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    const { from, until } = reach();
    cursorTime = drawn[nearest(drawn, from, until, size.width, event.clientX - box.left)].time;
    held = down;
    redraw();
  };
  const leave = () => {
    if (!held) drop();
  };
  /** The place of the cursor, as long as its time is in the picture. */
  const placed = () => {
    if (cursorTime === null || !drawn.length || cursorTime < drawn[0].time) return null;
    const at = drawn.findIndex((point) => point.time >= /** @type {number} */ (cursorTime));
    return at < 0 ? drawn.length - 1 : at;
  };

  function copy() {
    const at = Math.round((cursor === null || !drawn[cursor] ? (pin ?? now() / 1e9) * 1e9 : drawn[cursor].time) / 1e9);
    const link = `${location.origin}${location.pathname}#now?at=${at}`;
    const show = () => askFor({ title: 'Link to this moment', fields: [{ name: 'link', label: exact(at * 1e9) ?? '', value: link, readonly: true }] });
    // Only there where the page is served from this machine or over TLS.
    if (!navigator.clipboard) show();
    else navigator.clipboard.writeText(link).then(() => notice(`Copied: ${link}`), show);
  }

  function draw() {
    follow();
    drawn = thinned(points, step);
    cursor = placed();
    const { from, until } = reach();
    const at = drawn[cursor ?? (pin === null ? drawn.length - 1 : closest(drawn, pin * 1e9))];
    const said = at ? `${moment(at.time, now())}: ${LAYERS.map((layer) => `${layer.label} ${rate(at[layer.name])}`).join(', ')}` : 'no data';
    const legend = h('dl', { class: 'legend' }, LAYERS.toReversed().map((layer) => [
      h('div', { key: layer.name },
        h('dt', null, h('span', { class: `swatch swatch-${layer.name}`, 'aria-hidden': 'true' }), layer.label),
        h('dd', null, at ? rate(at[layer.name]) : '–'))]));
    return panel('traffic', 'Traffic where it enters', [
      h('div', { class: 'reading' }, legend,
        h('p', { class: 'quiet' }, at ? [
          h('b', null, moment(at.time, now())), at.marks === undefined ? '' : ` · ${plural(at.marks, 'mark')}`,
          at.samples === undefined ? '' : ` · ${count(at.samples)} samples/s`, at.lost ? ` · ${percent(at.lost)} lost` : '',
        ] : fault || 'no data yet')),
      h('div', {
        id: 'chart', class: 'chart', tabindex: '0', role: 'slider', 'aria-label': 'Traffic over time; arrow keys move the cursor',
        'aria-orientation': 'horizontal', 'aria-valuemin': 0, 'aria-valuemax': Math.max(0, drawn.length - 1), 'aria-valuenow': cursor ?? Math.max(0, drawn.length - 1),
        // It would be read aloud every second otherwise.
        'aria-valuetext': cursor === null ? 'the latest values' : said,
        'data-points': drawn.length, 'data-latest': points.at(-1)?.time ?? '',
        onkeydown: keys, title: 'Click to hold the cursor', onpointermove: point, onpointerdown: point, onpointerleave: leave,
      }, chart({ points: drawn, from, until, step: Math.max(step, (step * points.length) / Math.max(1, drawn.length)), ...size, cursor, pin: pin === null ? null : pin * 1e9 })),
    ], h('div', { class: 'tools' },
      h('div', { class: 'choice', role: 'group', 'aria-label': 'Span of the chart' }, SPANS.map(([each, label]) =>
        h('button', { type: 'button', 'aria-pressed': String(each === seconds), onclick: () => choose(each) }, label))),
      h('button', { type: 'button', id: 'copy-link', onclick: copy }, cursor === null ? 'Copy link to this moment' : `Copy link to ${clock(drawn[cursor].time)}`)));
  }

  function choose(/** @type {number} */ each) {
    seconds = each;
    points = [];
    cursorTime = null;
    held = false;
    reload();
    redraw();
  }

  /** The chart's place has a size only once it is drawn. */
  function drawnOnce() {
    const place = document.getElementById('chart');
    if (!place || place === watched) return;
    watch.disconnect();
    watch.observe(place);
    watched = place;
  }

  return { draw, after: drawnOnce, close: () => watch.disconnect() };
}
