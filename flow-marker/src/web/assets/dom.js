// Trees of elements from plain descriptions. Views are functions from what is known to a description; `render` changes only
// what differs, so that focus, selections, scroll positions and open details outlast the update of every second.
//
// Text is only ever set as text: whatever a host name or a switch says, it cannot become markup.

/** @typedef {{tag: string, props: Object<string, any>, children: Array<Tree|string>, key: any}} Tree */

const SVG = 'http://www.w3.org/2000/svg';

/** What an element was made from. @type {WeakMap<Element, Object<string, any>>} */
const made = new WeakMap();
/** The key of an element among its siblings. @type {WeakMap<Node, any>} */
const keys = new WeakMap();

/**
 * Describes an element. Properties that begin with `on` are listeners, `key` tells siblings apart, `value` and `checked` are
 * set when the description changes and not when a person has changed the field; what is null, undefined or false is left out.
 * @param {string} tag @param {?Object<string, any>} [props] @param {...any} children @returns {Tree}
 */
export function h(tag, props, ...children) {
  const flat = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== '');
  return { tag, props: props ?? {}, children: flat.map((child) => (typeof child === 'object' ? child : String(child))), key: props?.key };
}

/** Makes the children of `parent` what is described. @param {Element} parent @param {...any} children */
export function render(parent, ...children) {
  patchChildren(parent, h('', null, ...children).children);
}

/** @param {Element} parent @param {Array<Tree|string>} wanted */
function patchChildren(parent, wanted) {
  /** @type {Map<any, ChildNode>} */
  const keyed = new Map();
  for (const node of parent.childNodes) {
    if (keys.get(node) !== undefined) keyed.set(keys.get(node), node);
  }
  let next = parent.firstChild;
  for (const tree of wanted) {
    const key = typeof tree === 'string' ? undefined : tree.key;
    let node = key === undefined ? unkeyed(next) : keyed.get(key) ?? null;
    if (node && !fits(node, tree)) node = null;
    const fresh = node ?? create(tree, parent);
    if (node && typeof tree !== 'string') patch(/** @type {Element} */ (node), tree);
    if (node && typeof tree === 'string' && node.nodeValue !== tree) node.nodeValue = tree;
    if (key !== undefined) keyed.delete(key);
    if (fresh === next) next = next.nextSibling;
    else put(fresh, parent, next);
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

/**
 * Puts a node before another one. What is moved would lose the focus, and who goes by keyboard would begin anew whenever a
 * row takes another place.
 * @param {ChildNode} node @param {Element} parent @param {?ChildNode} next
 */
function put(node, parent, next) {
  const focused = document.activeElement;
  const moves = node.isConnected && focused instanceof HTMLElement && node.contains(focused);
  parent.insertBefore(node, next);
  if (moves) focused.focus({ preventScroll: true });
}

/** The node if it has no key. @param {?ChildNode} node */
function unkeyed(node) {
  return node && keys.get(node) === undefined ? node : null;
}

/** @param {Node} node @param {Tree|string} tree */
function fits(node, tree) {
  if (typeof tree === 'string') return node.nodeType === Node.TEXT_NODE;
  return node.nodeType === Node.ELEMENT_NODE && /** @type {Element} */ (node).localName === tree.tag && keys.get(node) === tree.key;
}

/** @param {Tree|string} tree @param {Element} parent @returns {ChildNode} */
function create(tree, parent) {
  if (typeof tree === 'string') return document.createTextNode(tree);
  const picture = tree.tag === 'svg' || (parent.namespaceURI === SVG && parent.localName !== 'foreignObject');
  const node = picture ? document.createElementNS(SVG, tree.tag) : document.createElement(tree.tag);
  if (tree.key !== undefined) keys.set(node, tree.key);
  patch(node, tree);
  return node;
}

/** @param {Element} node @param {Tree} tree */
function patch(node, tree) {
  const before = made.get(node) ?? {};
  made.set(node, tree.props);
  // Options first: a select can only have a value that is among them.
  patchChildren(node, tree.children);
  for (const name of new Set([...Object.keys(before), ...Object.keys(tree.props)])) {
    if (name !== 'key' && before[name] !== tree.props[name]) set(node, name, tree.props[name], before[name]);
  }
}

/** @param {any} node @param {string} name @param {any} value @param {any} before */
function set(node, name, value, before) {
  if (name.startsWith('on')) {
    if (before) node.removeEventListener(name.slice(2), before);
    if (value) node.addEventListener(name.slice(2), value);
  } else if (name === 'value' || name === 'checked') {
    node[name] = value ?? '';
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? '' : String(value));
  }
}
