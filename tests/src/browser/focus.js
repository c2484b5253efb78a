// Follows the focus: "begin" before the first stop, "stop" at each (false when it is over), "end" for what was wrong.
const usable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
const scope = document.querySelector("dialog:modal") ?? document;
const tell = element => element.outerHTML.slice(0, 160);
const look = element => {
  const { outlineStyle, outlineWidth, outlineColor, boxShadow, backgroundColor, borderColor } = getComputedStyle(element);
  return { outline: `${outlineStyle} ${outlineWidth} ${outlineColor}`, visible: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1, rest: `${boxShadow} ${backgroundColor} ${borderColor}` };
};
// A group of radio buttons, and of tabs, is one stop.
const group = element => element.type === "radio" && element.name ? `radio ${element.name}` : element;
switch (arguments[0]) {
  case "begin": {
    // From the very beginning, wherever the last click was.
    const start = Object.assign(document.createElement("span"), { tabIndex: -1 });
    (scope === document ? document.body : scope).prepend(start);
    start.focus();
    start.remove();
    scrollTo(0, 0);
    const walk = globalThis.__focus = { before: new Map(), reached: new Set(), wrong: [], again: 0 };
    for (const element of scope.querySelectorAll(usable)) walk.before.set(element, look(element));
    return true;
  }
  case "stop": {
    const walk = globalThis.__focus;
    const element = document.activeElement;
    if (!element || element === document.body || element === document.documentElement) return false;
    // Some have several fields within, such as those for dates.
    if (element === walk.last) return true;
    walk.last = element;
    // What is live may change places, and be met again; where all is, a round is over.
    if (walk.reached.has(group(element))) return ++walk.again <= 5;
    walk.again = 0;
    walk.reached.add(group(element));
    const before = walk.before.get(element), now = look(element);
    if (!now.visible && !(before && before.rest !== now.rest)) walk.wrong.push(`does not show its focus: ${tell(element)}`);
    const box = element.getBoundingClientRect();
    if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) walk.wrong.push(`has the focus out of sight: ${tell(element)}`);
    return true;
  }
  case "end": {
    const walk = globalThis.__focus;
    for (const element of walk.before.keys()) {
      const asked = element.isConnected && element.tabIndex >= 0 && !element.disabled && !element.closest("[inert]");
      if (asked && element.checkVisibility({ visibilityProperty: true }) && !walk.reached.has(group(element))) walk.wrong.push(`is not reached: ${tell(element)}`);
    }
    return walk.wrong;
  }
}
