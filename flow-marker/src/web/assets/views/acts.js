// What a person can do, each after a question: pause, resume, release. The server has the last word.

import { change } from '../api.js';
import { askFor, notice } from '../dialog.js';
import { h } from '../dom.js';
import { plural } from '../format.js';
import { state } from '../store.js';
import { mayWrite } from './parts.js';

/** Why a button cannot be pressed. */
const denied = () => (state.identity ? `you may look and not change: ${state.identity.caller}` : 'who you are is not known yet');

const fields = () => [
  { name: 'who', label: 'Who (for others to read)', value: '' },
  { name: 'reason', label: 'Why' },
];

/** What was said, without what was not. @param {Record<string, string>} values */
const said = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));

export function pause() {
  const marks = state.overview?.counts;
  const there = marks ? `${plural(marks.marks, 'mark')}, ${plural(marks.captures, 'capture')} and ${plural(marks.drops, 'drop')}` : 'all marks, captures and drops';
  return askFor({
    title: 'Withdraw all and pause?',
    text: `${there} are removed from all switches at once, and nothing is made again until somebody resumes. Flows are watched all the time.`,
    fields: fields(),
    action: 'Withdraw all and pause',
    grave: true,
    act: async (values) => void (await change('PUT', '/pause', said(values))),
  });
}

export function resume() {
  return askFor({
    title: 'Resume?',
    text: 'What is wanted by now comes back to the switches.',
    action: 'Resume',
    act: async () => void (await change('DELETE', '/pause')),
  });
}

/** A button that releases a control. @param {string} name @param {string} what */
export function release(name, what) {
  return h('button', {
    type: 'button', class: 'small', 'data-action': 'release', disabled: !mayWrite(), title: mayWrite() ? null : denied(),
    'aria-label': `Release ${what}`, onclick: () => confirmRelease(name, what),
  }, 'Release');
}

/** @param {string} name @param {string} what */
async function confirmRelease(name, what) {
  const done = await askFor({
    title: 'Release this control?',
    text: [h('p', null, h('b', null, what)), h('p', null, 'It is removed from its switch at once. A controller does not make it again for a while.')],
    action: 'Release',
    act: async () => void (await change('DELETE', `/controls/${encodeURIComponent(name)}`)),
  });
  if (done) notice(`Released: ${what}`);
}

/** Sets the mode of a controller. @param {string} controller @param {'act'|'observe'} mode */
export function setMode(controller, mode) {
  return askFor({
    title: mode === 'act' ? `Let the ${controller} controller act?` : `Only observe with the ${controller} controller?`,
    text: mode === 'act' ? 'What it wants is installed on the switches from now on.' : 'What it has made goes from all switches at once; what it wants is remembered.',
    fields: fields(),
    action: mode === 'act' ? 'Act' : 'Observe',
    grave: true,
    act: async (values) => void (await change('PUT', `/modes/${controller}`, { mode, ...said(values) })),
  });
}

/** Back to what the configuration says. @param {string} controller @param {string} configured */
export function clearMode(controller, configured) {
  return askFor({
    title: `Back to the configuration for ${controller}?`,
    text: `Its mode is then ${configured}.`,
    action: 'Back to the configuration',
    act: async () => void (await change('DELETE', `/modes/${controller}`)),
  });
}

/** @param {Record<string, string>} values as the form has them */
export async function make(values) {
  const wanted = said(values);
  /** @type {Record<string, any>} */
  const body = { ...wanted };
  for (const name of ['sport', 'dport', 'ttl']) if (wanted[name]) body[name] = Number(wanted[name]);
  return change('POST', '/controls', body);
}

export { denied };
