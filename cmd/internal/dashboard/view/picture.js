// picture.js: the nodes of a run, drawn as what they are to each other.

const pictureWidth = 1000, pictureHeight = 700;

// ellipse places n points at equal distances on the rim; the first at the top, or the last two on both sides of the left
// end, so that the way from there into the ring is free.
function ellipse(n, rx, ry, open) {
  const steps = 720, lengths = [0], rim = (i) => {
    const angle = 2 * Math.PI * i / steps - Math.PI / 2;
    return {x: 0.5 + rx * Math.cos(angle) / pictureWidth, y: 0.5 + ry * Math.sin(angle) / pictureHeight};
  };
  for (let i = 1; i <= steps; i++) {
    const a = rim(i - 1), b = rim(i);
    lengths.push(lengths[i - 1] + Math.hypot((b.x - a.x) * pictureWidth, (b.y - a.y) * pictureHeight));
  }
  const whole = lengths[steps], places = [], first = open ? 0.75 + 0.5 / n : 0;
  for (let k = 0; k < n; k++) places.push(rim(lengths.findIndex((l) => l >= whole * ((first + k / n) % 1))));
  return {places, gap: whole / n};
}

// layout gives the place of each node and how large it may be. A server is not one of a circle of equals: it stands
// in the middle of its clients, or beside those who pass on what it sends.
function layout(run) {
  const n = run.nodes.length, {hub, server} = run.system, aside = server && !hub;
  const rim = ellipse(Math.max(1, server ? n - 1 : n), aside ? 310 : 425, 280, aside);
  const radius = Math.max(7, Math.min(52, rim.gap * 0.37));
  if (!server) return {places: rim.places, radius};
  const shift = aside ? 0.14 : 0;
  return {places: [{x: aside ? 0.06 : 0.5, y: 0.5}, ...rim.places.map((p) => ({x: p.x + shift, y: p.y}))], radius};
}

const shortName = (node) => node.part === "origin" ? node.name : (node.name.match(/\d+$/) || [node.name])[0];
const stateWords = {waiting: "waits", done: "has the whole file"};

// stateText says how a node is, with the words that are seen in it.
function stateText(state) {
  const {node, reading, share, how, again} = state, origin = node.part === "origin";
  let now = stateWords[reading.state];
  if (how) now = how + (origin ? "" : `, holds ${percent(share)}`);
  else if (origin) now = `${bytesText(reading.out)} sent, has the file from the start`;
  else if (reading.state === "running") now = `${percent(share)} held, receives more`;
  return now + (again ? ", was started again" + (again > 1 ? ` ${again} times` : "") : "");
}

class Picture {
  constructor(ink, choose) {
    this.choose = choose;
    this.canvas = el("canvas", {"aria-hidden": "true"});
    this.svg = el("svg:svg", {viewBox: `0 0 ${pictureWidth} ${pictureHeight}`, role: "group"});
    this.root = el("div", {class: "picture"}, this.canvas, this.svg);
    this.flows = new Flows(this.canvas, ink);
    this.marks = [];
    rove(this.root, () => this.marks.map((m) => m.g));
  }

  show(run) {
    this.run = run;
    const {places, radius} = layout(run);
    this.flows.place(run, places);
    set(this.svg, "aria-label", `The nodes of the ${run.begin.system}. Arrow keys move between them, Enter tells more.`);
    this.marks = run.nodes.map((node) => this.mark(node, places[node.index], radius));
    this.svg.replaceChildren(...this.marks.map((m) => m.g));
    if (this.marks[0]) set(this.marks[0].g, "tabindex", 0);
  }

  mark(node, place, radius) {
    const origin = node.part === "origin", server = origin && this.run.system.server;
    const r = origin ? Math.max(radius, server ? 46 : Math.min(30, radius * 1.4)) : radius;
    const shape = (grow, cls) => server ?
      el("svg:rect", {class: cls, x: -r - grow, y: -r * 0.8 - grow, width: 2 * (r + grow), height: 2 * (r * 0.8 + grow), rx: 8}) :
      el("svg:circle", {class: cls, r: r + grow});
    const ring = origin ? null : el("svg:circle", {class: "ring", r: r * 0.86, pathLength: 100, "stroke-width": r * 0.28, transform: "rotate(-90)"});
    const big = origin ? Math.min(r * 0.5, 26) : r < 30 ? r * 1.15 : Math.min(r * 0.85, 34); // the larger, if it stands alone
    const label = el("svg:text", {class: "name", "font-size": Math.max(big, 12), text: this.label(node, r)});
    const more = r >= (origin && !server ? 36 : 30) ? el("svg:text", {class: "more", "font-size": Math.min(r * 0.34, 18), y: r * (origin ? 0.48 : 0.4)}) : null;
    if (more) set(label, "y", -r * (origin ? 0.1 : 0.2));
    const cross = el("svg:path", {class: "cross", d: `M${-r} ${-r}L${r} ${r}M${r} ${-r}L${-r} ${r}`});
    const again = el("svg:text", {class: "again", "font-size": Math.max(14, Math.min(r * 0.6, 26)), x: r * 0.9, y: r * 0.95});
    const g = el("svg:g", {
      class: "node " + (origin ? "origin" : "receiver"), role: "button", tabindex: -1, "data-node": node.name,
      transform: `translate(${place.x * pictureWidth} ${place.y * pictureHeight})`,
      onclick: () => this.choose(node.name), onkeydown: pressed(() => this.choose(node.name)),
    }, shape(7, "halo"), shape(0, "body"), ring, cross, label, " ", more, again, this.trait(node, place, r));
    if (!origin && !this.run.system.hub) g.classList.add("equal");
    return {g, ring, more, again, node};
  }

  // label is what has room in a node: in a very small one nothing, for the list names them all.
  label(node, r) {
    if (r < 10) return "";
    return node.part === "origin" && r < 28 ? "O" : shortName(node);
  }

  trait(node, place, r) {
    if (!node.trait) return null;
    const left = place.x < 0.3, right = place.x > 0.7, up = place.y > 0.5;
    return el("svg:text", {
      class: "trait", "font-size": 20, text: node.trait, y: up ? r + 24 : -r - 12,
      "text-anchor": left ? "start" : right ? "end" : "middle", x: left ? -r : right ? r : 0,
    });
  }

  update(state, selected) {
    state.nodes.forEach((s, i) => {
      const m = this.marks[i];
      if (!m) return;
      set(m.g, "data-state", s.reading.state);
      set(m.g, "aria-label", `${s.node.name} ${stateText(s)}${s.node.trait ? ", " + s.node.trait : ""}`);
      set(m.g, "aria-pressed", s.node.name === selected);
      if (m.ring) set(m.ring, "stroke-dasharray", `${(s.share * 100).toFixed(1)} 100`);
      if (m.more) put(m.more, this.moreText(s));
      put(m.again, againText(s.again));
    });
  }

  moreText(s) {
    if (s.how) return s.how;
    if (s.node.part === "origin") return bytesText(s.reading.out);
    return s.reading.state === "done" ? "✓" : s.reading.state === "waiting" ? "waits" : percent(s.share);
  }
}

// againText marks a node that was started again.
const againText = (times) => times > 1 ? "↻" + times : times ? "↻" : "";

// pressed calls act for Enter and the space bar, as a button does.
function pressed(act) {
  return (e) => {
    if (e.key !== "Enter" && e.key !== " ") return;
    e.preventDefault();
    e.stopPropagation();
    act();
  };
}

// rove lets the arrow keys move between the items of a group, which is one stop of the tab key.
function rove(group, items) {
  group.addEventListener("keydown", (e) => {
    const all = items(), at = all.indexOf(e.target);
    if (at < 0) return;
    const to = {ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1}[e.key];
    if (to === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    all[(to + all.length) % all.length].focus();
  });
  group.addEventListener("focusin", (e) => {
    const all = items();
    if (all.includes(e.target)) for (const item of all) item.setAttribute("tabindex", item === e.target ? "0" : "-1");
  });
}
