// Dialogs: one for confirmations, one for the token. Both are of the page from the beginning, so that the browser manages
// focus and Escape.

import { h, render } from './dom.js';

/** @param {string} id @returns {HTMLDialogElement} */
const dialog = (id) => /** @type {HTMLDialogElement} */ (document.getElementById(id));

/**
 * Asks something. `fields` are inputs: name, label, what stands in them and whether something must.
 * @param {{title: string, text?: any, fields?: Array<{name: string, label: string, value?: string, required?: boolean, readonly?: boolean}>,
 *   action?: string, grave?: boolean, act?: (values: Record<string, string>) => Promise<void>}} question
 * `act` is done before the dialog closes; what it throws is shown, and the dialog stays.
 * @returns {Promise<boolean>} whether it was done
 */
export function askFor({ title, text, fields = [], action = '', grave = false, act }) {
  const box = dialog('dialog');
  let busy = false;
  let fault = '';
  return new Promise((resolve) => {
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (busy || !act) return;
      const form = /** @type {HTMLFormElement} */ (event.target);
      const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
      busy = true;
      draw();
      try {
        await act(values);
        done = true;
        box.close();
      } catch (error) {
        fault = error instanceof Error ? error.message : String(error);
      }
      busy = false;
      draw();
    };
    let done = false;
    const draw = () =>
      render(
        box,
        h('form', { method: 'dialog', onsubmit: submit },
          h('h2', { id: 'dialog-title' }, title),
          text && h('div', { class: 'said' }, text),
          fields.map((field) =>
            h('label', { key: field.name }, h('span', null, field.label),
              h('input', {
                name: field.name, value: field.value ?? '', required: field.required, maxlength: field.readonly ? null : 200,
                readonly: field.readonly, autocomplete: 'off', onfocus: field.readonly ? select : null,
              }))),
          h('p', { class: 'fault', role: 'alert' }, fault),
          h('div', { class: 'buttons' },
            h('button', { type: 'button', onclick: close, 'data-action': 'cancel' }, act ? 'Cancel' : 'Close'),
            act && h('button', { type: 'submit', class: grave ? 'grave' : 'main', 'data-action': 'confirm', disabled: busy },
              busy ? 'Working…' : action))),
      );
    render(box);
    draw();
    box.addEventListener('close', () => resolve(done), { once: true });
    box.showModal();
  });
}

const close = () => dialog('dialog').close();
const select = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).select();

/** Asks for a token; null when none is entered. @param {string} why @returns {Promise<?string>} */
export function askToken(why) {
  const box = dialog('token');
  return new Promise((resolve) => {
    /** @type {?string} */
    let token = null;
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      token = String(new FormData(form).get('token') ?? '').trim() || null;
      form.reset();
      box.close();
    };
    render(
      box,
      h('form', { method: 'dialog', onsubmit: submit },
        h('h2', { id: 'token-title' }, 'A token is needed'),
        h('p', { class: 'said' }, why),
        h('label', null, h('span', null, 'Token'),
          h('input', { name: 'token', type: 'password', required: true, autocomplete: 'off', spellcheck: 'false' })),
        h('p', { class: 'hint' }, 'It is kept in this tab and gone with it. One is made by: flow-marker token NAME --scope read'),
        h('div', { class: 'buttons' },
          h('button', { type: 'button', onclick: () => box.close() }, 'Not now'),
          h('button', { type: 'submit', class: 'main', 'data-action': 'confirm' }, 'Use it'))),
    );
    box.addEventListener('close', () => resolve(token), { once: true });
    box.showModal();
  });
}

/** Shows something that a person should see and need not answer. @param {string} text */
export function notice(text) {
  const place = /** @type {Element} */ (document.getElementById('notice'));
  render(place, h('p', { key: text }, text));
  setTimeout(() => place.textContent === text && render(place), 8000);
}
