// main.js: the page as a whole: which runs are shown, at which moment, and the clock.

const lag = 0.5; // seconds that the live picture is behind the readings, so that it can go evenly from one to the next

// heading names the kinds of systems.
function heading() {
  const names = systems.filter((s) => s.head).map((s, i) => i ? s.name.toLowerCase() : s.name);
  return `${names.join(", ").replace(/, (?=[^,]*$)/, " and ")}: who carries the load`;
}

class App {
  constructor(root) {
    this.root = root;
    this.whole = root.tagName === "MAIN"; // the page is the view's own
    this.ink = new Ink(root);
    this.remote = new Remote();
    this.lab = new Lab();
    this.clock = {t: 0, playing: false, speed: 1, following: false};
    this.live = false;
    this.selected = null; // {run, node}
    this.left = new Panel(this.ink, (run, node) => this.choose(run, node));
    this.right = new Panel(this.ink, (run, node) => this.choose(run, node));
    this.details = new Details(this.remote);
    this.details.isNewest = (run) => run === this.lab.newest;
    this.details.onclose = () => this.choose(null, null);
    this.build();
    this.watchKeys();
    this.stale = true;
    this.lastPaint = 0;
    requestAnimationFrame((now) => this.frame(now));
  }

  build() {
    this.file = el("p", {class: "says"});
    this.link = el("span", {class: "badge", "data-kind": "running"});
    this.message = el("p", {class: "message", role: "status", hidden: true});
    this.news = el("div", {class: "unseen", "aria-live": "polite"});
    const changed = () => this.picked();
    this.numberPick = el("select", {id: "replay-receivers", onchange: () => { this.unfollow(); this.pickNumber(Number(this.numberPick.value)); }});
    this.leftPick = el("select", {id: "replay-left", onchange: changed});
    this.rightPick = el("select", {id: "replay-right", onchange: changed});
    const field = (label, select) => el("label", {for: select.id}, label, select);
    this.log = el("ol", {class: "log", tabindex: 0, "aria-label": "What happened"});
    this.panels = el("div", {class: "panels"}, this.left.root, this.right.root);
    this.joined = new Map(); // by name, who is waited with
    this.empty = el("div", {class: "says waiting", text: "Waiting for the first run to begin …"});
    this.quickStatus = el("p", {class: "status", role: "status"});
    this.transport = new Transport(this);
    this.picks = [field("Receivers", this.numberPick), field("Left", this.leftPick), field("Right", this.rightPick)];
    this.root.replaceChildren(
      el("header", {class: "top"}, el("div", {}, this.whole ? el("h1", {text: heading()}) : null, this.file),
        el("form", {class: "picks", onsubmit: (e) => e.preventDefault()},
          ...this.picks, this.link)),
      this.message, this.empty, this.panels, this.quickStatus, this.details.root,
      el("section", {class: "events"}, el("h2", {text: "What happened"}), this.log),
      this.transport.root, this.news);
    this.showPair(null, null);
  }

  // What sources tell.

  begin(hello) {
    this.lab = new Lab();
    this.live = hello.live;
    this.remote.on = hello.control;
    if (hello.control) this.remote.look().then(() => this.quick());
    this.clock.following = hello.live;
    this.choose(null, null);
    put(this.link, hello.live ? "live" : "replay");
    this.say(hello.thinned ? "The run was long: some readings were left out here, so that movements are coarser. Totals are exact." : "");
  }

  event(e) {
    if (e.crew) return this.crew(e.crew);
    const run = this.lab.add(e);
    if (!run) return;
    const now = performance.now() / 1000;
    if (e.begin) {
      this.offset = Infinity;
      for (const status of [this.quickStatus, this.details.status]) put(status, ""); // was about the run before
    }
    if (this.live && run === this.lab.newest) this.offset = Math.min(this.offset, now - (e.t || 0));
    if (e.begin || e.end) this.listsStale = true;
    if (e.begin || e.end || e.note) this.logStale = true;
    if (this.live) this.announce(run, e);
    this.stale = true;
  }

  // crew lists who has joined, while the lab waits for the others.
  crew(c) {
    if (c.left) this.joined.delete(c.name); else this.joined.set(c.name, c);
    const rows = [...this.joined.values()].map((n) => el("li", {text: `${n.name}: ${[n.host, n.address].filter(Boolean).join(", ")}`}));
    this.empty.replaceChildren(`${c.nodes} of ${count(c.wanted, "node has", "nodes have")} joined`, el("ol", {class: "crew"}, ...rows));
    put(this.news, `${c.name} has ${c.left ? "left" : "joined"}: ${c.nodes} of ${c.wanted}.`);
  }

  // announce says aloud what is rare and matters; numbers are there to be read.
  announce(run, e) {
    const who = `${run.begin.system} with ${count(run.begin.receivers, "receiver", "receivers")}`;
    if (e.begin) put(this.news, `The ${who} has begun.`);
    if (e.note && e.note.fault) put(this.news, e.note.text);
    if (e.end) put(this.news, `The ${who} has ended.`);
  }

  connected(yes) {
    put(this.link, yes ? (this.live ? "live" : "replay") : "connection lost; trying again");
    set(this.link, "data-kind", yes ? "running" : "trouble");
  }

  finished() {
    const wasLive = this.live;
    this.live = this.remote.on = false;
    this.clock.following = false;
    put(this.link, wasLive ? "the lab has ended: replay it below" : "replay");
    set(this.link, "data-kind", "finished");
    this.refreshLists();
    if (!wasLive) this.pickNumber(this.bestNumber());
    if (!this.lab.runs.size) put(this.empty, "There is nothing to replay.");
    this.seek(Infinity);
  }

  // bestNumber is the largest number of receivers that more than one system was tried with.
  bestNumber() {
    const all = this.lab.receivers;
    return all.findLast((n) => new Set(this.lab.with(n).map((t) => t.begin.system)).size > 1) ?? all.at(-1);
  }

  say(text) { put(this.message, text); this.message.hidden = !text; }

  // What is shown.

  refreshLists() {
    this.listsStale = false;
    const newest = this.lab.newest;
    if (!newest) return;
    fill(this.numberPick, this.lab.receivers.map((n) => [n, String(n)]), this.number);
    if (this.clock.following) this.follow(newest);
    else if (!this.left.run) this.pickNumber(newest.begin.receivers);
    else this.fillPicks();
  }

  // follow shows the run under way, and beside it what another system did with as many receivers.
  follow(running) {
    const others = this.lab.with(running.begin.receivers).filter((t) => t !== running && t.begin.system !== running.begin.system && t.end);
    const hub = running.system.hub;
    const other = (hub ? others.findLast((t) => !t.system.hub) : others.findLast((t) => t.system.hub && t.system.head)) || others.at(-1);
    this.number = running.begin.receivers;
    if (hub || !other) this.showPair(running, other); else this.showPair(other, running);
  }

  pickNumber(n) {
    this.number = n;
    const runs = this.lab.with(n);
    const left = runs.find((t) => t.system.hub) || runs[0];
    const right = runs.find((t) => !t.system.hub && t.system.head && t !== left) || runs.find((t) => t.begin.system !== left?.begin.system);
    this.showPair(left, right);
    this.seek(Infinity);
  }

  picked() {
    this.unfollow();
    this.showPair(this.lab.runs.get(this.leftPick.value), this.lab.runs.get(this.rightPick.value));
    this.seek(Infinity);
  }

  showPair(left, right) {
    for (const [panel, run] of [[this.left, left], [this.right, right]]) {
      if (panel.run !== run && run) panel.show(run);
      if (!run) panel.run = null;
      panel.root.hidden = !run;
    }
    for (const e of [this.panels, this.transport.root, ...this.picks]) e.hidden = !left; // nothing to choose from
    this.empty.hidden = Boolean(left);
    set(this.panels, "data-single", left && right ? null : "");
    if (this.selected && ![left, right].includes(this.selected.run)) this.choose(null, null);
    if (left) put(this.file, `The file ${left.begin.file_name}, ${bytesText(left.begin.file_bytes)} in ${count(left.begin.chunks, "chunk", "chunks")}${right ? ", sent over the very same links each time" : ""}.`);
    this.fillPicks();
    this.quick();
    this.logStale = this.stale = true;
  }

  fillPicks() {
    const options = this.lab.with(this.number).map((t) => {
      const whole = t.wholeTime, runs = t.begin.repetition > 1 || this.lab.runs.has(t.name.replace(/\d+$/, "2")) ? ` ${t.begin.repetition}` : "";
      return [t.name, t.begin.system + runs + (whole != null ? ` (${secondsText(whole)})` : t.end ? " (not finished)" : "")];
    });
    fill(this.numberPick, this.lab.receivers.map((n) => [n, String(n)]), this.number);
    fill(this.leftPick, options, this.left.run?.name);
    fill(this.rightPick, [["", "nothing"], ...options], this.right.run?.name ?? "");
  }

  // quick puts the most telling fault below the running picture.
  quick() {
    for (const panel of [this.left, this.right]) {
      const run = panel.run, can = run && this.remote.on && this.remote.may && run === this.lab.newest && !run.end;
      panel.quick.hidden = !can;
      if (!can) continue;
      const origin = run.nodes[0].name;
      panel.quick.replaceChildren(...["stop", "start"].map((action) => el("button", {
        type: "button", "data-quick": action, text: action === "stop" ? `Stop the ${origin}` : `Start the ${origin} again`,
        onclick: () => command(this.remote, action, run, origin, this.quickStatus),
      })));
    }
  }

  choose(run, name) {
    const back = this.selected;
    this.selected = run && name ? {run, node: run.byName.get(name)} : null;
    this.details.show(run, this.selected?.node);
    this.stale = true;
    if (this.selected) {
      this.update(performance.now());
      this.details.come();
    } else if (back) {
      const panel = [this.left, this.right].find((p) => p.run === back.run);
      panel?.picture.marks[back.node.index]?.g.focus({preventScroll: true});
    }
  }

  // The clock.

  get length() { return Math.max(0, ...this.shown.map((p) => p.run.duration)); }
  selectedIn(panel) { return this.selected?.run === panel.run ? this.selected.node.name : null; }
  get shown() { return [this.left, this.right].filter((p) => p.run); }

  seek(t) {
    this.clock.t = Math.max(0, Math.min(t, this.length));
    this.stale = true;
  }

  // unfollow stays at the moment that is live now.
  unfollow() {
    if (!this.clock.following) return;
    this.seek(this.liveTime(performance.now()));
    this.clock.following = this.clock.playing = false;
    this.stale = true;
  }

  goLive() {
    this.clock.following = this.live;
    this.clock.playing = false;
    this.listsStale = this.stale = true;
  }

  toggle() {
    if (this.clock.following) return this.unfollow();
    if (!this.clock.playing && this.clock.t >= this.length - 0.01) this.seek(0);
    this.clock.playing = !this.clock.playing;
    this.stale = true;
  }

  // timeOf is the moment of a panel. All are on one clock: beside the run that is live stands what the other was then.
  timeOf(panel, now) {
    return Math.min(this.clock.following ? this.liveTime(now) : this.clock.t, panel.run.duration);
  }

  liveTime(now) {
    const running = this.lab.newest;
    if (!running || running.end) return Infinity;
    return Math.max(0, Math.min(running.last, now / 1000 - this.offset - lag));
  }

  // flightTime is the moment for what is on its way: that still arrives when a run is over.
  flightTime(panel, now) {
    const t = this.timeOf(panel, now);
    if (!panel.run.end || t < panel.run.duration) return t;
    return this.clock.playing ? this.clock.t : t + 10;
  }

  frame(now) {
    requestAnimationFrame((next) => this.frame(next));
    const passed = Math.min(0.25, (now - (this.lastFrame || now)) / 1000);
    this.lastFrame = now;
    if (this.clock.playing) {
      this.seek(this.clock.t + passed * this.clock.speed);
      if (this.clock.t >= this.length) this.clock.playing = false;
    }
    const moving = this.clock.playing || this.clock.following;
    if (!this.stale && !moving) return;
    if (now - this.lastPaint >= 30) {
      this.lastPaint = now;
      for (const p of this.shown) p.paint(this.flightTime(p, now), this.clock.playing ? this.clock.speed : 1, this.selectedIn(p));
    }
    if (!this.lastUpdate || now - this.lastUpdate >= (stillPlease.matches ? 500 : 100) || this.stale && !moving) this.update(now);
  }

  update(now) {
    this.lastUpdate = now;
    this.stale = false;
    if (this.listsStale) this.refreshLists();
    const states = this.shown.map((p) => p.run.at(this.timeOf(p, now)));
    const scales = {
      both: states.length > 1,
      bytes: Math.max(1, ...states.map((s) => this.mostSent(s.run))),
      seconds: Math.max(0.1, ...states.map((s) => Math.max(1.15 * (s.run.begin.bound_s || 0), s.run.wholeTime ?? s.run.duration))),
    };
    this.shown.forEach((p, i) => {
      p.update(states[i], scales, this.selectedIn(p), this.live && p.run === this.lab.newest && !p.run.end);
      if (this.selected?.run === p.run) this.details.update(states[i]);
      for (const b of p.quick.children) b.disabled = (b.dataset.quick === "start") !== (p.run.nodes[0].readings.at(-1)?.state === "gone");
    });
    this.showLog(now);
    this.transport.update(this);
  }

  // mostSent is the most that a node of the run has sent, or will have sent if all goes well.
  mostSent(run) {
    const most = Math.max(...run.nodes.map((n) => n.readings.at(-1)?.out || 0));
    return Math.max(most, run.begin.file_bytes * (run.system.hub ? run.begin.receivers : 1));
  }

  showLog(now) {
    if (this.logStale) {
      this.logStale = false;
      this.quick();
      this.lines = this.shown.flatMap((p) => logLines(p.run)).sort((a, b) => a.t - b.t).slice(-300);
      this.log.replaceChildren(...this.lines.map((l) => l.element));
    }
    for (const l of this.lines || []) {
      const panel = this.shown.find((p) => p.run === l.run);
      l.element.hidden = !panel || l.t > this.timeOf(panel, now) + 0.01;
    }
  }

  watchKeys() {
    (this.whole ? document : this.root).addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.altKey || e.metaKey) return;
      if (e.key === "Escape" && this.selected) return this.choose(null, null);
      if (e.target.closest("input, select, button, [role=button], .scroll, .log, a, textarea")) return;
      if (e.key === " ") this.toggle();
      else if (e.key === "ArrowRight") this.step(1);
      else if (e.key === "ArrowLeft") this.step(-1);
      else return;
      e.preventDefault();
    });
  }

  step(by) {
    this.unfollow();
    this.clock.playing = false;
    this.seek(this.clock.t + by * Math.max(0.1, this.length / 50));
  }
}

const place = document.getElementById("replay-view");
if (place) {
  const app = new App(place), data = document.getElementById("replay-data");
  if (data) embedded(app, data).catch((err) => app.say("The replay cannot be read: " + err.message)); else live(app);
}
