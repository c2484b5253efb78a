// A stacked area chart in SVG: what it draws is a function of points, of a size and of where the cursor is. Times and rates
// come in; nothing here asks for anything.

import { h } from './dom.js';
import { clock, moment, rate } from './format.js';

/** @typedef {{time: number, marked: number, large: number, mice: number, marks?: number, samples?: number, lost?: number}} Point */

/** From the bottom up. */
export const LAYERS = /** @type {const} */ ([
  { name: 'marked', label: 'marked elephants' },
  { name: 'large', label: 'large, unmarked' },
  { name: 'mice', label: 'mice and all else' },
]);

/** More points than a screen has columns help nobody. */
const MOST = 900;
const MARGIN = { left: 58, right: 8, top: 8, bottom: 20 };

/** The same course in fewer points: their means. @param {Point[]} points @param {number} step seconds between them @returns {Point[]} */
export function thinned(points, step) {
  if (points.length <= MOST) return points;
  const width = Math.ceil(points.length / MOST) * step * 1e9;
  const thin = [];
  for (let at = 0, end = 0; at < points.length; at = end) {
    // By the clock and not by their place: else the picture would tremble with every point that comes.
    const slot = Math.floor(points[at].time / width);
    while (end < points.length && Math.floor(points[end].time / width) === slot) end += 1;
    const part = points.slice(at, end);
    const mean = (/** @type {(point: Point) => number} */ of) => part.reduce((sum, point) => sum + of(point), 0) / part.length;
    thin.push({
      time: part[part.length - 1].time,
      marked: mean((p) => p.marked), large: mean((p) => p.large), mice: mean((p) => p.mice),
      marks: Math.round(mean((p) => p.marks ?? 0)), samples: mean((p) => p.samples ?? 0), lost: Math.max(...part.map((p) => p.lost ?? 0)),
    });
  }
  return thin;
}

/** A round number a bit above. @param {number} value */
export function ceiling(value) {
  if (!(value > 0)) return 1e6;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value * 1.04) ?? 15;
  return step * power;
}

/** Round steps of time for the axis, in seconds. */
const STEPS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

/** @param {number} from @param {number} until both in nanoseconds @param {number} most */
function ticks(from, until, most) {
  const seconds = (until - from) / 1e9;
  const step = STEPS.find((step) => seconds / step <= most) ?? 172_800;
  // Round where the reader is, not at Greenwich.
  const offset = new Date(until / 1e6).getTimezoneOffset() * 60;
  const first = Math.ceil((from / 1e9 - offset) / step) * step + offset;
  const all = [];
  for (let at = first; at * 1e9 <= until; at += step) all.push(at * 1e9);
  return all;
}

/**
 * @param {{points: Point[], from: number, until: number, step: number, width: number, height: number, cursor: ?number, pin: ?number}} drawn
 * Times are in nanoseconds; `step` is the seconds between points, `cursor` the place of a point, `pin` a time.
 */
export function chart({ points, from, until, step, width, height, cursor, pin }) {
  const inner = { width: Math.max(10, width - MARGIN.left - MARGIN.right), height: Math.max(10, height - MARGIN.top - MARGIN.bottom) };
  const most = ceiling(points.reduce((most, p) => Math.max(most, p.marked + p.large + p.mice), 0));
  const x = (/** @type {number} */ time) => MARGIN.left + ((time - from) / (until - from)) * inner.width;
  const y = (/** @type {number} */ value) => MARGIN.top + (1 - value / most) * inner.height;
  const runs = unbroken(points, step);
  const at = cursor === null ? null : points[cursor];
  const days = until - from > 86_400e9;
  return h('svg', { class: 'plot', width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true', focusable: 'false' },
    h('defs', null,
      h('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        h('rect', { class: 'fill-marked', width: 6, height: 6 }), h('rect', { class: 'hatch', width: 1.5, height: 6 }))),
    [0, 0.5, 1].map((share) => [
      h('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(most * share), y2: y(most * share) }),
      h('text', { class: 'axis', x: MARGIN.left - 6, y: y(most * share) + (share === 1 ? 9 : 3), 'text-anchor': 'end' },
        share ? rate(most * share) : '0'),
    ]),
    ticks(from, until, Math.max(2, inner.width / 90)).map((time) => [
      h('line', { class: 'grid', x1: x(time), x2: x(time), y1: MARGIN.top, y2: MARGIN.top + inner.height }),
      h('text', { class: 'axis', x: x(time), y: height - 5, 'text-anchor': 'middle' },
        days ? moment(time).slice(5, 10) : clock(time).slice(0, until - from < 300e9 ? 8 : 5)),
    ]),
    LAYERS.map((layer, index) =>
      h('path', { class: `area area-${layer.name}`, fill: layer.name === 'marked' ? 'url(#hatch)' : null, d: runs.map((run) => area(run, index, x, y)).join('') })),
    LAYERS.map((layer, index) => h('path', { class: `edge edge-${layer.name}`, d: runs.map((run) => edge(run, index, x, y)).join('') })),
    pin !== null && pin >= from && pin <= until && h('g', { class: 'pin' },
      h('line', { x1: x(pin), x2: x(pin), y1: MARGIN.top, y2: MARGIN.top + inner.height }),
      h('path', { d: `M${x(pin) - 5} ${MARGIN.top}h10l-5 7z` })),
    at && h('g', { class: 'cursor' },
      h('line', { x1: x(at.time), x2: x(at.time), y1: MARGIN.top, y2: MARGIN.top + inner.height }),
      LAYERS.map((_, index) => h('circle', { cx: x(at.time), cy: y(sum(at, index)), r: 2.5 }))));
}

/** What is below the upper edge of a layer, itself included. @param {Point} point @param {number} index */
function sum(point, index) {
  return LAYERS.slice(0, index + 1).reduce((sum, layer) => sum + point[layer.name], 0);
}

/** Where nothing is known nothing is drawn. @param {Point[]} points @param {number} step seconds */
function unbroken(points, step) {
  /** @type {Point[][]} */
  const runs = [];
  points.forEach((point, at) => {
    const before = points[at - 1];
    if (!before || point.time - before.time > 3.5 * step * 1e9) runs.push([]);
    runs[runs.length - 1].push(point);
  });
  return runs;
}

/** @param {Point[]} run @param {number} index @param {(time: number) => number} x @param {(value: number) => number} y */
function line(run, index, x, y) {
  return run.map((point) => `${x(point.time).toFixed(1)} ${y(index < 0 ? 0 : sum(point, index)).toFixed(1)}`);
}

/** @param {Point[]} run @param {number} index @param {(time: number) => number} x @param {(value: number) => number} y */
function area(run, index, x, y) {
  return `M${[...line(run, index, x, y), ...line(run, index - 1, x, y).reverse()].join('L')}Z`;
}

/** @param {Point[]} run @param {number} index @param {(time: number) => number} x @param {(value: number) => number} y */
function edge(run, index, x, y) {
  return `M${line(run, index, x, y).join('L')}`;
}

/** The place of the point nearest to a column of the picture. @param {Point[]} points @param {number} from @param {number} until @param {number} width @param {number} column */
export function nearest(points, from, until, width, column) {
  const time = from + ((column - MARGIN.left) / Math.max(10, width - MARGIN.left - MARGIN.right)) * (until - from);
  return closest(points, time);
}

/** The place of the point nearest to a time. @param {Point[]} points @param {number} time */
export function closest(points, time) {
  let best = 0;
  points.forEach((point, at) => {
    if (Math.abs(point.time - time) < Math.abs(points[best].time - time)) best = at;
  });
  return best;
}
