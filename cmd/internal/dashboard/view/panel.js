// panel.js: all that is shown of one run: the picture, the time, the totals, and what each node holds and has sent.

class Panel {
  constructor(ink, choose) {
    this.ink = ink;
    this.choose = choose;
    this.picture = new Picture(ink, (node) => choose(this.run, node));
    this.title = el("h2");
    this.badge = el("span", {class: "badge"});
    this.says = el("p", {class: "says"});
    this.expected = el("ul", {class: "expected"});
    this.time = new TimeBar();
    this.tiles = new Tiles();
    this.legend = el("p", {class: "legend"});
    this.rows = el("div", {class: "rows", role: "list"});
    this.scale = el("p", {class: "scale"});
    this.quick = el("p", {class: "quick"});
    this.stuck = el("p", {class: "stuck", role: "status"});
    this.root = el("section", {class: "panel"},
      el("header", {}, this.title, this.badge), el("div", {class: "telling"}, this.says, this.stuck), this.expected, this.time.root,
      el("div", {class: "halves"},
        el("div", {}, this.picture.root, this.legend, this.quick),
        el("div", {}, this.tiles.root, el("h3", {text: "What each node holds, and what it has sent"}), this.scale, this.rows)));
    rove(this.rows, () => this.lines.map((l) => l.button));
    this.lines = [];
  }

  show(run) {
    this.run = run;
    const b = run.begin, s = run.system;
    put(this.title, `${s.name} · ${count(b.receivers, s.receivers.slice(0, -1), s.receivers)}`);
    set(this.root, "aria-label", this.title.textContent);
    set(this.root, "data-system", b.system);
    set(this.root, "data-run", run.name);
    put(this.says, s.says);
    this.expected.replaceChildren(...(b.faults || []).map((f) => el("li", {text: f})));
    this.picture.show(run);
    this.lines = run.nodes.map((node) => new Line(node, b.chunks, this.ink, () => this.choose(this.run, node.name)));
    this.rows.replaceChildren(...this.lines.map((l) => l.root));
    if (this.lines[0]) set(this.lines[0].button, "tabindex", 0);
    set(this.rows, "data-many", run.nodes.length > 12);
    set(this.rows, "data-machines", run.nodes.some((n) => n.machine));
    this.legendFor(run);
  }

  legendFor(run) {
    const {group, bytes} = dotBytes(run);
    const of = group === 1 ? "one chunk" : `${group} chunks`;
    this.legend.replaceChildren(
      el("span", {class: "diamond", "aria-hidden": "true", text: "◆"}), ` ${of} (${bytesText(bytes)}) from the ${run.system.origin}`,
      ...(run.system.hub ? [] : ["  ", el("span", {class: "disc", "aria-hidden": "true", text: "●"}), " from a receiver"]),
      "  — thin line: has carried some");
  }

  // update shows a state; scales are common to all panels: the most bytes a node sent, and the longest time.
  update(state, scales, selected, live) {
    const gone = state.gone ? ` · ${state.gone} gone` : "";
    const done = state.done >= this.run.begin.receivers;
    put(this.badge, (state.over || done ? "finished" : live ? "running now" : state.t <= 0 ? "at the start" : "under way") + gone);
    set(this.badge, "data-kind", state.gone ? "trouble" : state.over || done ? "finished" : "running");
    this.time.update(state, scales.seconds);
    put(this.stuck, waitingFor(state));
    this.tiles.update(state);
    const file = this.run.begin.file_bytes;
    put(this.scale, `Left: the chunks it holds. Right: payload sent; a full bar is ${fixed(scales.bytes / (file || 1))} × the file (${bytesText(scales.bytes)})${scales.both ? ", the same on both sides" : ""}.`);
    state.nodes.forEach((s, i) => this.lines[i] && this.lines[i].update(s, scales.bytes, file, selected));
    this.picture.update(state, selected);
  }

  paint(t, speed, selected) { this.picture.flows.paint(t, speed, selected); }
}

// waitingFor says what everyone waits for when what they lack is nowhere; "" while it is somewhere.
function waitingFor(state) {
  const {run} = state, {chunks} = run.begin, [origin, ...others] = state.nodes;
  if (state.over || state.done >= run.begin.receivers || origin.reading.state !== "gone") return "";
  if (run.system.hub) return `All wait for the ${run.system.origin}: it is gone, and nobody else gives anything.`;
  const there = others.filter((n) => n.reading.state !== "gone");
  if (!chunks || there.some((n) => n.share === 1)) return "";
  const maps = there.map((n) => n.reading.map).filter(Boolean).map(chunkBits);
  let nowhere = 0;
  for (let i = 0; i < chunks; i++) if (!maps.some((bits) => bits[i >> 3] >> (i & 7) & 1)) nowhere++;
  if (!nowhere) return "";
  return `${percent(nowhere / chunks)} of the chunks (${nowhere} of ${chunks}) exist nowhere now: all wait for someone who brings them.`;
}

// TimeBar sets the time so far against the least time that is possible.
class TimeBar {
  constructor() {
    this.number = el("strong");
    this.words = el("span", {class: "words"});
    this.fill = el("div", {class: "fill"});
    this.tick = el("div", {class: "tick"});
    this.least = el("span");
    this.tickText = el("span", {class: "ticktext"}, "least possible", el("span", {class: "long", text: " over these links"}), this.least);
    this.unlimited = el("span", {text: "The links have no limit, so there is no bound."});
    this.root = el("div", {class: "time"},
      el("p", {}, this.number, " ", this.words),
      el("div", {class: "track", "aria-hidden": "true"}, this.fill, this.tick),
      el("p", {class: "under", "aria-hidden": "true"}, this.tickText, this.unlimited));
  }

  update(state, most) {
    const bound = state.run.begin.bound_s || 0, done = state.over || state.done >= state.run.begin.receivers;
    put(this.number, done ? secondsText(state.elapsed) : state.elapsed.toFixed(1) + " s"); // a clock with more digits flickers
    const ratio = bound ? state.elapsed / bound : 0;
    let words = "so far";
    const n = state.run.begin.receivers;
    if (done && state.done < n) words = `in all, for ${state.done} of ${n}` + (bound ? `; the bound is for all ${n}` : "");
    else if (bound) words = done ? `= ${fixed(ratio)} × the bound` : ratio > 1 ? `so far, ${fixed(ratio)} × the bound` : `so far; the bound is ${secondsText(bound)}`;
    else if (done) words = "in all";
    put(this.words, words);
    style(this.fill, "inline-size", Math.min(100, 100 * state.elapsed / most).toFixed(2) + "%");
    set(this.fill, "data-done", done);
    this.tick.hidden = !bound;
    const at = Math.min(100, 100 * bound / most);
    style(this.tick, "inset-inline-start", at.toFixed(2) + "%");
    this.tickText.hidden = !bound;
    this.unlimited.hidden = Boolean(bound);
    put(this.least, `: ${secondsText(bound)}`);
    style(this.tickText, "margin-inline-start", at > 50 ? "0" : `max(0px, ${at.toFixed(2)}% - .4em)`);
    style(this.tickText, "margin-inline-end", at > 50 ? `calc(${(100 - at).toFixed(2)}% - .4em)` : "0");
    set(this.tickText, "data-side", at > 50 ? "end" : "start");
  }
}

// Tiles are the totals.
class Tiles {
  constructor() {
    this.root = el("ul", {class: "tiles"});
    this.tile = {};
    for (const [key, name, meaning] of [
      ["done", "done", "Receivers that have put together the whole file and verified it."],
      ["copies", "origin copies", "What the node that had the file has sent, divided by the size of the file: as many as there are receivers if nobody passes anything on, one if everybody does."],
      ["uploaders", "effective uploaders", "By how many nodes the work is done, if all did the same: (Σ sent)² ÷ Σ sent². 1: a single node does it all."],
      ["polls", "polls of agents", "How often the manager has asked the nodes for their readings. The picture is made of the answers."],
    ]) {
      const value = el("strong", {"data-figure": key}), hint = el("span", {class: "hint"});
      this.tile[key] = {value, hint};
      const why = el("details", {class: "why"}, el("summary", {text: name, title: meaning}), el("span", {text: meaning}));
      this.root.append(el("li", {}, why, value, hint));
    }
  }

  update(s) {
    const {origin, receivers} = s.run.system, n = s.run.begin.receivers;
    this.put("done", `${s.done} of ${n}`, `${receivers} with the verified file`);
    this.put("copies", fixed(s.copies) + " ×", `what the ${origin} sent, in files`);
    this.put("uploaders", s.sent ? fixed(s.uploaders) : "–", `of ${s.run.nodes.length} nodes; 1: one does it all`);
    this.put("polls", String(s.polls), `${count(s.polled, "agent", "agents")} polled ${count(s.polls, "time", "times")}`);
  }

  put(key, value, hint) {
    put(this.tile[key].value, value);
    put(this.tile[key].hint, hint);
  }
}

// A Line is one node in the list: its name, its chunks, what it has sent.
class Line {
  constructor(node, chunks, ink, choose) {
    this.node = node;
    this.chunks = chunks;
    this.ink = ink;
    this.name = node.machine ? `${node.name} · ${node.machine}` : node.name;
    this.button = el("button", {type: "button", class: "who", tabindex: -1, onclick: choose, "data-node": node.name},
      el("span", {class: "sign", "aria-hidden": "true"}), el("span", {class: "label", title: node.machine, text: this.name}), el("span", {class: "again", "aria-hidden": "true"}));
    this.sign = this.button.firstChild;
    this.again = this.button.lastChild;
    this.map = el("canvas", {class: "map", "aria-hidden": "true"});
    this.held = el("span", {class: "held"});
    this.bar = el("span", {class: "bar " + (node.part === "origin" ? "origin" : "receiver")});
    this.sent = el("span", {class: "sent"});
    this.root = el("div", {class: "row", role: "listitem", onclick: (e) => { if (e.target !== this.button) choose(); }},
      this.button, this.map, this.held, el("span", {class: "load", "aria-hidden": "true"}, this.bar), this.sent);
    this.painted = "";
  }

  update(s, most, file, selected) {
    const {reading, share, node} = s;
    set(this.root, "data-state", reading.state);
    set(this.root, "data-selected", node.name === selected ? "" : null);
    put(this.sign, {gone: "✕", done: "✓", waiting: "◌"}[reading.state] || (node.part === "origin" ? "◆" : "●"));
    put(this.again, againText(s.again));
    put(this.held, s.how || percent(share));
    style(this.bar, "inline-size", (100 * Math.min(1, reading.out / most)).toFixed(2) + "%");
    put(this.sent, bytesText(reading.out));
    set(this.button, "aria-label", `${this.name} ${stateText(s)}; sent ${bytesText(reading.out)}, ${fixed(file ? reading.out / file : 0)} copies`);
    this.paint(reading, share);
  }

  // paint draws the chunk map: every chunk in its place in the file.
  paint(reading, share) {
    const key = [reading.map || share.toFixed(3), this.map.clientWidth, this.map.clientHeight, this.ink.changes].join();
    if (key === this.painted) return;
    const size = fitCanvas(this.map);
    if (!size) return;
    this.painted = key;
    const g = this.map.getContext("2d"), {width, height} = this.map;
    const origin = this.node.part === "origin";
    g.fillStyle = this.ink.empty;
    g.fillRect(0, 0, width, height);
    g.fillStyle = origin ? this.ink.origin : this.ink.receiver;
    if (origin || !reading.map || !this.chunks || share === 1) {
      g.fillRect(0, 0, Math.round(width * share), height);
      return;
    }
    this.cells(g, width, height, chunkBits(reading.map), this.chunks);
  }

  cells(g, width, height, bits, chunks) {
    const columns = Math.min(width, chunks);
    for (let x = 0; x < columns; x++) {
      const from = Math.floor(x * chunks / columns), to = Math.max(from + 1, Math.floor((x + 1) * chunks / columns));
      let held = 0;
      for (let i = from; i < to; i++) held += bits[i >> 3] >> (i & 7) & 1;
      if (!held) continue;
      g.globalAlpha = 0.25 + 0.75 * held / (to - from);
      const left = Math.floor(x * width / columns), right = Math.floor((x + 1) * width / columns);
      g.fillRect(left, 0, right - left, height);
    }
    g.globalAlpha = 1;
  }
}
