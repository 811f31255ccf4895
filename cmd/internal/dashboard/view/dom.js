// dom.js: making elements, and writing numbers for people.

// el makes an element: props that begin with "on" are listeners, "class", "text" and attributes speak for themselves.
function el(tag, props = {}, ...children) {
  const svg = tag.startsWith("svg:");
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name === "class") e.setAttribute("class", value);
    else if (name === "text") e.textContent = value;
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c != null));
  return e;
}

// put writes text if it is not there already: what does not change costs nothing.
function put(e, text) { if (e.textContent !== text) e.textContent = text; }
function set(e, name, value) {
  if (value == null) e.removeAttribute(name);
  else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, value);
}
function style(e, name, value) { if (e.style.getPropertyValue(name) !== value) e.style.setProperty(name, value); }

// Sizes and times are written as the report does.
function bytesText(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return n.toFixed(i > 0 && n < 9.95 ? 1 : 0) + " " + units[i];
}
const fixed = (n) => n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2);
const rateText = (bytesPerSecond) => fixed(bytesPerSecond * 8 / 1e6) + " Mbit/s";
function secondsText(s) {
  if (s < 0.001) return "0 s";
  if (s < 1) return (1000 * s).toPrecision(3) + " ms";
  if (s < 60) return s.toPrecision(3) + " s";
  return `${Math.floor(Math.round(s) / 60)}m${String(Math.round(s) % 60).padStart(2, "0")}s`;
}
const percent = (share) => Math.floor(share * 100 + 1e-9) + "%";
const count = (n, one, many) => n + " " + (n === 1 ? one : many);

// fitCanvas gives a canvas the pixels of its place and says how large that is, or null where it has none.
function fitCanvas(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return null;
  const w = Math.round(width * ratio), h = Math.round(height * ratio);
  const fresh = canvas.width !== w || canvas.height !== h;
  if (fresh) { canvas.width = w; canvas.height = h; }
  return {width, height, ratio, fresh};
}

// Ink is the colours of the page as it is now, dark or light, for what is painted on a canvas.
class Ink {
  constructor(root) {
    this.root = root;
    this.changes = 0;
    this.read();
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.read());
  }

  read() {
    const computed = getComputedStyle(this.root);
    for (const name of ["origin", "receiver", "empty", "line", "text", "muted", "surface"]) {
      this[name] = computed.getPropertyValue("--" + name).trim() || "#888";
    }
    this.changes++;
  }
}

const stillPlease = window.matchMedia("(prefers-reduced-motion: reduce)");
