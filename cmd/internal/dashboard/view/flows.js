// flows.js: chunks on their way, painted between the nodes. A dot leaves its giver when the readings say that as many
// bytes had gone; so there are as many dots as (groups of) chunks. Each pair of nodes begins its first group somewhere
// else, so that this is true on the whole though few groups are filled by one pair alone.

const flight = 0.9; // seconds on the screen from giver to taker

// dotBytes is how much one dot stands for: one chunk, or so many that about 150 dots leave in a second.
function dotBytes(run) {
  const chunk = run.begin.chunks ? run.begin.file_bytes / run.begin.chunks : run.begin.file_bytes;
  const expected = Math.max(run.wholeTime ?? run.begin.bound_s ?? 0, run.duration / 2, 1);
  const perSecond = run.begin.receivers * run.begin.file_bytes / expected / chunk;
  let group = 1;
  while (perSecond / group > 150) group *= 2;
  return {bytes: chunk * group, group, chunk};
}

// curve is the way from a to b: in a mesh bent to one side, so that there and back do not cover each other.
function curve(a, b, bend) {
  const mx = (a.x + b.x) / 2 - (b.y - a.y) * bend, my = (a.y + b.y) / 2 + (b.x - a.x) * bend;
  return {a, b, c: {x: mx, y: my}};
}
function along(way, p) {
  const q = 1 - p;
  return {
    x: q * q * way.a.x + 2 * q * p * way.c.x + p * p * way.b.x,
    y: q * q * way.a.y + 2 * q * p * way.c.y + p * p * way.b.y,
  };
}

class Flows {
  constructor(canvas, ink) { this.canvas = canvas; this.ink = ink; this.ways = new Map(); }

  // place tells where the nodes are, in shares of the picture.
  place(run, places) {
    this.run = run;
    this.places = places;
    this.ways.clear();
  }

  way(series, width, height) {
    let way = this.ways.get(series);
    if (!way || way.width !== width || way.height !== height) {
      const at = (n) => ({x: this.places[n.index].x * width, y: this.places[n.index].y * height});
      way = {...curve(at(series.from), at(series.to), this.run.system.hub ? 0 : 0.12), width, height};
      this.ways.set(series, way);
    }
    return way;
  }

  // paint shows time t of a clock that runs so many times faster than the wall's.
  paint(t, speed, selected) {
    const size = fitCanvas(this.canvas);
    if (!size || !this.run) return;
    const g = this.canvas.getContext("2d");
    g.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    g.clearRect(0, 0, size.width, size.height);
    const dot = dotBytes(this.run);
    const span = flight * Math.max(speed, 0.05);
    this.past(g, t, size);
    const shown = this.shown(t, span, selected);
    this.faint = Math.min(1, 45 / shown.length);
    for (const {series, moved, marked, sofar} of shown) {
      const color = series.from.part === "origin" ? this.ink.origin : this.ink.receiver;
      g.globalAlpha = selected && !marked ? 0.15 : 1;
      const way = this.way(series, size.width, size.height);
      this.line(g, way, color, moved > 0 ? moved / span : 0.3 * sofar / Math.max(1, t), marked);
      if (!stillPlease.matches) this.dots(g, way, series, t, span, dot.bytes, color, size);
    }
    g.globalAlpha = 1;
  }

  // shown lists the flows that carry something now, and all that the selected node ever had; at the end all there were.
  shown(t, span, selected) {
    const over = this.run.end && t > this.run.end.t + flight;
    const shown = [];
    for (const series of this.run.flows.values()) {
      if (!series.from || !series.to) continue;
      const sofar = series.at(t), moved = sofar - series.at(t - span);
      const marked = Boolean(selected) && (series.from.name === selected || series.to.name === selected);
      if (moved > 0 || (marked || over) && sofar > 0) shown.push({series, moved, marked, sofar});
    }
    return shown;
  }

  // past draws a thin line where anything has gone, whether or not it still does: the same in every system.
  past(g, t, {width, height}) {
    const used = [...this.run.flows.values()].filter((s) => s.from && s.to && s.at(t) > 0);
    g.strokeStyle = this.ink.line;
    g.globalAlpha = Math.min(1, 30 / used.length);
    g.lineWidth = 1.5;
    g.beginPath();
    for (const series of used) {
      const {a, b, c} = this.way(series, width, height);
      g.moveTo(a.x, a.y);
      g.quadraticCurveTo(c.x, c.y, b.x, b.y);
    }
    g.stroke();
    g.globalAlpha = 1;
  }

  line(g, way, color, rate, marked) {
    const most = this.run.begin.file_bytes / Math.max(this.run.begin.bound_s || 0, 1) || 1;
    g.strokeStyle = color;
    const alpha = g.globalAlpha;
    g.globalAlpha = alpha * (marked ? 0.9 : 0.1 + 0.3 * this.faint);
    g.lineWidth = 1 + (marked ? 1 : this.faint) * Math.min(5, 3 * Math.sqrt(Math.max(0, rate) / most));
    g.beginPath();
    g.moveTo(way.a.x, way.a.y);
    g.quadraticCurveTo(way.c.x, way.c.y, way.b.x, way.b.y);
    g.stroke();
    g.globalAlpha = alpha;
  }

  dots(g, way, series, t, span, bytes, color, size) {
    const first = Math.ceil(series.at(t - span) / bytes - series.phase), last = Math.floor(series.at(t) / bytes - series.phase);
    const fromOrigin = series.from.part === "origin";
    const r = Math.max(3, Math.min(6, size.width / 110));
    g.fillStyle = color;
    g.strokeStyle = this.ink.surface;
    g.lineWidth = 1;
    for (let k = Math.max(first, last - 40); k <= last; k++) {
      const p = (t - series.when((k + series.phase) * bytes, t - span)) / span;
      if (p < 0 || p > 1) continue;
      const at = along(way, p);
      g.beginPath();
      if (fromOrigin) {
        g.moveTo(at.x, at.y - r * 1.3); g.lineTo(at.x + r * 1.3, at.y); g.lineTo(at.x, at.y + r * 1.3); g.lineTo(at.x - r * 1.3, at.y);
        g.closePath();
      } else g.arc(at.x, at.y, r, 0, 2 * Math.PI);
      g.fill();
      g.stroke();
    }
  }
}
