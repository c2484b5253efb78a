// What controllers may do.

import { h } from '../dom.js';
import { clearMode, denied, setMode } from './acts.js';
import { badge, fault, mayWrite, panel, since } from './parts.js';

/** @param {{data: any, fault: string, again: () => void}} set the answer of `/modes/json` */
export function modes(set) {
  const one = (/** @type {any} */ mode) => {
    const other = mode.mode === 'act' ? 'observe' : 'act';
    const button = (/** @type {string} */ text, /** @type {() => Promise<boolean>} */ act, /** @type {string} */ action) =>
      h('button', { type: 'button', class: 'small', key: action, 'data-action': action, disabled: !mayWrite(), title: mayWrite() ? null : denied(), onclick: () => act().then(set.again) }, text);
    return h('li', { key: mode.controller, 'data-controller': mode.controller, 'data-mode': mode.mode },
      h('b', null, mode.controller), badge(mode.mode === 'act' ? 'installed' : 'observed', mode.mode === 'act' ? 'acts' : 'observes'),
      mode.since !== null && h('span', { class: 'quiet' }, `by ${mode.who ?? mode.caller}, `, since(mode.since), mode.reason && `: ${mode.reason}`, `; configured: ${mode.configured}`),
      button(other === 'act' ? 'Let it act' : 'Only observe', () => setMode(mode.controller, other), other),
      mode.since !== null && button('As configured', () => clearMode(mode.controller, mode.configured), 'configured'));
  };
  return panel('modes', 'What controllers may do', [fault(set), set.data && h('ul', { class: 'modes' }, set.data.map(one))]);
}
