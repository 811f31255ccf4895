// model.js: runs as they were seen, and their state at any moment. No page here.

// systems, which the program puts before this file, are drawn as a server with clients (hub), as a circle of equals, or as a server and such a circle.
const unknownSystem = {hub: false, server: false, head: false, origin: "origin", receivers: "receivers", says: ""};
const systemOf = (name) => systems.find((s) => s.id === name) || {...unknownSystem, name};

// lastAt finds the last element of a list, sorted by t, that is not after t; -1 if none is.
function lastAt(list, t) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].t <= t) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// A Series is a total that grows, seen at some moments; in between it is taken to grow evenly.
class Series {
  constructor() { this.points = []; }

  // add tells the total at t, which was still the old one at the time before.
  add(t, value, before) {
    const last = this.points.at(-1);
    if (last && value <= last.value) return;
    if (!last) this.points.push({t: Math.min(before, t), value: 0});
    else if (before > last.t) this.points.push({t: before, value: last.value});
    this.points.push({t, value});
  }

  at(t) {
    const i = lastAt(this.points, t);
    if (i < 0) return 0;
    const a = this.points[i], b = this.points[i + 1];
    if (!b) return a.value;
    return a.value + (b.value - a.value) * (t - a.t) / (b.t - a.t);
  }

  // when tells at which time the total reached value.
  when(value, from) {
    let i = Math.max(0, lastAt(this.points, from));
    while (i + 1 < this.points.length && this.points[i + 1].value < value) i++;
    const a = this.points[i], b = this.points[i + 1];
    if (!b || b.value === a.value) return a.t;
    return a.t + (b.t - a.t) * (value - a.value) / (b.value - a.value);
  }
}

// A Run is one system serving one number of receivers once.
class Run {
  constructor(name, begin) {
    this.name = name;
    this.begin = begin;
    this.system = systemOf(begin.system);
    this.notes = [];
    this.end = null;
    this.last = 0;       // time of the newest event
    this.flows = new Map(); // "from>to" → Series
    this.doneTimes = new Map();
    this.nodes = (begin.nodes || []).map((n, i) => newTrack(n, i));
    this.byName = new Map(this.nodes.map((n) => [n.name, n]));
  }

  add(e) {
    this.last = Math.max(this.last, e.t || 0);
    if (e.reading) this.read(e.t || 0, e.reading);
    if (e.note) this.note({t: e.t || 0, ...e.note});
    if (e.end) this.end = {t: e.t || 0, ...e.end};
  }

  note(n) {
    this.notes.push(n);
    const node = n.fault && this.byName.get(n.node);
    if (node) node.faults.push(n);
  }

  read(t, r) {
    const node = this.byName.get(r.node);
    if (!node) return;
    const before = node.readings.at(-1);
    const reading = total(node, before, t, r);
    node.readings.push(reading);
    const since = before ? before.t : t;
    for (const [from, bytes] of reading.from) this.flow(from, r.node).add(t, bytes, since);
    if (r.state === "done" && !this.doneTimes.has(r.node) && node.part !== "origin") this.doneTimes.set(r.node, t);
  }

  flow(from, to) {
    const key = from + ">" + to;
    let series = this.flows.get(key);
    if (!series) {
      series = new Series();
      series.phase = (this.flows.size * 0.618034 + 0.3) % 1; // evenly spread, the golden ratio's way
      series.from = this.byName.get(from);
      series.to = this.byName.get(to);
      this.flows.set(key, series);
    }
    return series;
  }

  // duration is the time to show: to its end, or so far.
  get duration() { return this.last; }

  // wholeTime is the distribution time once it is known, else null.
  get wholeTime() {
    return this.end && this.end.distribution_s != null ? this.end.distribution_s : null;
  }

  get polls() {
    return this.nodes.reduce((sum, n) => sum + (n.readings.at(-1)?.polls || 0), 0);
  }

  // at gives the state at a moment.
  at(t) {
    const file = this.begin.file_bytes;
    const s = {t, run: this, nodes: [], sent: 0, originSent: 0, squares: 0, most: 0, done: 0, gone: 0, polls: 0, polled: 0};
    for (const node of this.nodes) {
      const reading = node.readings[lastAt(node.readings, t)] || nothing(node);
      const origin = node.part === "origin";
      s.nodes.push({node, reading, ...fate(node, reading, t), share: origin ? 1 : file ? Math.min(1, reading.have / file) : 0});
      s.sent += reading.out;
      s.squares += reading.out * reading.out;
      s.most = Math.max(s.most, reading.out);
      if (origin) s.originSent += reading.out;
      else if (reading.holds) s.done++;
      if (reading.state === "gone") s.gone++;
      s.polls += reading.polls;
      if (reading.polls) s.polled++;
    }
    s.copies = file ? s.originSent / file : 0;
    s.uploaders = s.squares ? s.sent * s.sent / s.squares : 0;
    s.over = this.end != null && t >= Math.min(this.end.t, this.wholeTime ?? Infinity);
    s.elapsed = this.elapsed(t, s);
    return s;
  }

  elapsed(t, s) {
    const whole = this.wholeTime;
    if (whole != null && t >= whole) return whole;
    if (s.done > 0 && s.done === this.begin.receivers) {
      const last = Math.max(...this.doneTimes.values());
      return Math.min(t, whole ?? last);
    }
    return Math.max(0, t);
  }
}

function newTrack(n, index) {
  return {
    name: n.node, part: n.part, machine: n.machine || "", up: n.up_bytes_per_s, down: n.down_bytes_per_s, trait: n.trait || "", index,
    readings: [], faults: [], base: {out: 0, in: 0, from: new Map()}, raw: null,
  };
}

// fate tells what somebody has done to a node until t: how one that is gone ended, and how often it was started again.
function fate(node, reading, t) {
  const until = node.faults.slice(0, lastAt(node.faults, t) + 1), last = until.at(-1)?.text || "";
  const how = reading.state !== "gone" ? "" : /^(killed|stopped)/.exec(last)?.[0] || "gone";
  return {how, again: until.filter(isReturn).length};
}
const isReturn = (note) => note.fault && note.text.startsWith("started again");

const noFlows = new Map();

function nothing(node) {
  return {t: 0, state: "waiting", have: 0, out: 0, in: 0, from: noFlows, map: null, cpu: 0, rss: 0, conns: 0, queue: 0, polls: 0, holds: false};
}

// total adds what a node had carried before it was started again to what it tells, and keeps the numbers of one that is
// gone and tells none, or older ones: those of its log.
function total(node, before, t, r) {
  const less = node.raw && (r.out_bytes < node.raw.out_bytes || r.in_bytes < node.raw.in_bytes);
  const silent = r.state === "gone" && before && (!r.out_bytes && !r.in_bytes || less && before.state !== "gone");
  const raw = silent ? node.raw : r;
  if (less && !silent) keepTotals(node);
  node.raw = raw;
  const from = new Map();
  for (const f of raw.from || []) from.set(f.node, f.bytes + (node.base.from.get(f.node) || 0));
  for (const [name, bytes] of node.base.from) if (!from.has(name)) from.set(name, bytes);
  return {
    t, state: r.state, have: silent ? before.have : r.have_bytes,
    out: raw.out_bytes + node.base.out, in: raw.in_bytes + node.base.in, from,
    map: silent ? before.map : r.chunk_map || null, cpu: raw.cpu_s, rss: r.rss_bytes, conns: r.conns, queue: r.accept_queue || 0,
    polls: r.polls || (before ? before.polls + 1 : 1),
    holds: r.state === "done" || Boolean(before && before.holds),
  };
}

function keepTotals(node) {
  node.base.out += node.raw.out_bytes;
  node.base.in += node.raw.in_bytes;
  for (const f of node.raw.from || []) node.base.from.set(f.node, f.bytes + (node.base.from.get(f.node) || 0));
}

// A Lab is all runs, in the order in which they ran.
class Lab {
  constructor() { this.runs = new Map(); this.newest = null; }

  add(e) {
    let run = this.runs.get(e.run);
    if (e.begin) {
      run = new Run(e.run, e.begin);
      this.runs.set(e.run, run);
      this.newest = run;
    }
    if (run) run.add(e);
    return run;
  }

  // receivers lists the numbers of them that were tried.
  get receivers() {
    return [...new Set([...this.runs.values()].map((t) => t.begin.receivers))].sort((a, b) => a - b);
  }

  // with lists the runs with n receivers, by system, then by repetition.
  with(n) {
    const order = (t) => (systems.indexOf(t.system) + 1 || 99) * 1000 + t.begin.repetition;
    return [...this.runs.values()].filter((t) => t.begin.receivers === n).sort((a, b) => order(a) - order(b));
  }
}

// chunkBits reads a chunk map: chunk 0 is the lowest bit of the first byte.
function chunkBits(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
