// Every text that is shown, its colour as it arrives on the screen, and what is behind it.
const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
const known = new Map();
// Any colour that CSS can name, as red, green, blue and opacity.
function read(colour) {
  if (!known.has(colour)) {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    known.set(colour, [red, green, blue, alpha / 255]);
  }
  return known.get(colour);
}
const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
// WCAG 2.2, relative luminance and contrast ratio.
function luminance(colour) {
  const [r, g, b] = colour.slice(0, 3).map(value => {
    const c = value / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
// From the element outwards; null when a picture is in between.
function behind(element) {
  const layers = [];
  for (let e = element; e; e = e.parentElement) {
    const style = getComputedStyle(e);
    if (style.backgroundImage !== "none" && !(e instanceof SVGElement)) return null;
    const colour = read(style.backgroundColor);
    if (colour[3] > 0) layers.push(colour);
    if (colour[3] >= 1) break;
    // What is in the top layer has nothing of the page behind it but its backdrop, which is judged with the page.
    if (e instanceof HTMLDialogElement && e.open) break;
  }
  const canvas = read("canvas");
  return layers.reduceRight((below, layer) => over(layer, below), [...canvas.slice(0, 3), 1]);
}
function opacity(element) {
  let all = 1;
  for (let e = element; e; e = e.parentElement) all *= Number(getComputedStyle(e).opacity);
  return all;
}
// What is on its way from one colour to another is judged by where it arrives.
document.body.getBoundingClientRect();
for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) animation.finish();
const wrong = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
const modal = document.querySelector("dialog:modal");
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || seen.has(element) || element.closest("script, style, noscript, title, desc, option")) continue;
  seen.add(element);
  if (!element.checkVisibility({ visibilityProperty: true })) continue;
  // Behind a question that must be answered first.
  if (modal && !modal.contains(element)) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const box = range.getBoundingClientRect();
  // For those who listen only.
  if (box.width < 2 || box.height < 2 || element.closest("[hidden]")) continue;
  const clip = getComputedStyle(element).clipPath;
  if (clip.startsWith("inset(50%") || element.getBoundingClientRect().width <= 1) continue;
  // Inactive components are exempt.
  if (element.closest(":disabled, [aria-disabled=true]")) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const ground = behind(element);
  const what = `“${node.data.trim().slice(0, 40)}” in ${element.tagName.toLowerCase()}.${element.className.baseVal ?? element.className}`;
  if (!ground) {
    wrong.push(`${what}: a picture behind it`);
    continue;
  }
  const colour = read(element instanceof SVGElement ? style.fill : style.color);
  const shown = over([...colour.slice(0, 3), colour[3] * opacity(element)], ground);
  const ratio = contrast(shown, ground);
  if (ratio < (large ? 3 : 4.5)) wrong.push(`${what}: ${ratio.toFixed(2)} (${shown.slice(0, 3).map(Math.round)} on ${ground.slice(0, 3).map(Math.round)})`);
}
return wrong;
