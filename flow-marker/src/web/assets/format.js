// Figures and moments as people read them. Moments are nanoseconds since 1970; as numbers they are exact to a microsecond.

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

/** Three digits at most, with the prefix of the thousands. @param {?number} value @param {string} unit */
export function scaled(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  let step = 0;
  let rest = Math.abs(value);
  while (rest >= 999.5 && step < UNITS.length - 1) {
    rest /= 1000;
    step += 1;
  }
  const digits = rest >= 9.95 || step === 0 ? 0 : 1;
  return `${value < 0 ? '−' : ''}${rest.toFixed(digits)} ${UNITS[step]}${unit}`.trimEnd();
}

/** @param {?number} bps bits per second */
export const rate = (bps) => scaled(bps, 'b/s');

/** @param {?number} bytes */
export const bytes = (bytes) => scaled(bytes, 'B');

/** With thousands apart. @param {?number} value */
export function count(value) {
  if (value === null || value === undefined) return '–';
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** @param {?number} share 0 to 1 */
export function percent(share) {
  if (share === null || share === undefined) return '–';
  const value = share * 100;
  // Little is not nothing.
  if (value > 0 && value < 0.05) return '<0.1\u00a0%';
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)}\u00a0%`;
}

/** How long, in one or two units. @param {?number} seconds */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  const whole = Math.max(0, Math.round(seconds));
  if (seconds > 0 && seconds < 0.9995) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95 && seconds !== whole) return `${seconds.toFixed(1)} s`;
  if (whole < 90) return `${whole} s`;
  if (whole < 3600) return two(whole, 60, 'min', 1, 's', whole < 600);
  if (whole < 86400) return two(whole, 3600, 'h', 60, 'min', true);
  return two(whole, 86400, 'd', 3600, 'h', whole < 10 * 86400);
}

/** @param {number} whole @param {number} large @param {string} a @param {number} small @param {string} b @param {boolean} both */
function two(whole, large, a, small, b, both) {
  const rest = Math.floor((whole % large) / small);
  return `${Math.floor(whole / large)} ${a}${both && rest ? ` ${rest} ${b}` : ''}`;
}

/** @param {number} a @param {number} b both in nanoseconds @returns {number} seconds from a to b */
export const between = (a, b) => (b - a) / 1e9;

/** @param {?number} ns @param {number} now */
export function ago(ns, now) {
  return ns === null || ns === undefined ? '–' : `${span(Math.max(0, Math.round(between(ns, now))))} ago`;
}

/** @param {number} value @param {number} [width] */
const pad = (value, width = 2) => String(value).padStart(width, '0');

/** The time of day where the reader is. @param {?number} ns */
export function clock(ns) {
  if (ns === null || ns === undefined) return '–';
  const date = new Date(ns / 1e6);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** Moments that are nearer than this need no day, in nanoseconds. */
const NEAR = 12 * 3600e9;

/** The day and the time of day, without the day if it is near `now`. @param {?number} ns @param {number} [now] */
export function moment(ns, now) {
  if (ns === null || ns === undefined) return '–';
  const date = new Date(ns / 1e6);
  const near = now !== undefined && Math.abs(now - ns) < NEAR;
  return near ? clock(ns) : `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(ns)}`;
}

/** The offset of the reader's clock: `UTC+1`. @param {number} ns */
export function zone(ns) {
  const minutes = -new Date(ns / 1e6).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `UTC${minutes < 0 ? '−' : '+'}${hours}${minutes % 60 ? `:${pad(Math.abs(minutes) % 60)}` : ''}`;
}

/** For titles: exact and the same for everybody. @param {?number} ns */
export function exact(ns) {
  return ns === null || ns === undefined ? null : new Date(ns / 1e6).toISOString().replace('T', ' ');
}

/** @param {number} number @param {string} one @param {string} [many] */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
