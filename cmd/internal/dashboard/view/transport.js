// transport.js: the slider, and the list of what happened.

// Transport is the bar with which time is moved.
class Transport {
  constructor(app) {
    this.play = el("button", {type: "button", class: "play", onclick: () => app.toggle()});
    this.slider = el("input", {type: "range", min: 0, step: 0.05, "aria-label": "Moment of the run", oninput: () => {
      app.unfollow();
      app.clock.playing = false;
      const to = Number(this.slider.value);
      app.seek(to > app.length - 0.05 ? Infinity : to); // its steps do not quite reach the end
    }, onkeydown: (e) => {
      const by = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[e.key];
      if (!by || e.ctrlKey || e.altKey || e.metaKey) return;
      e.preventDefault(); // its own steps are as fine as a mouse needs them
      app.step(by);
    }});
    this.marks = el("div", {class: "marks", "aria-hidden": "true"});
    this.time = el("output", {class: "clock"});
    this.speed = el("select", {id: "replay-speed", "aria-label": "Speed of the replay", onchange: () => { app.clock.speed = Number(this.speed.value); }});
    fill(this.speed, [[0.25, "¼ speed"], [0.5, "½ speed"], [1, "real speed"], [2, "2 ×"], [4, "4 ×"], [10, "10 ×"]], 1);
    this.back = el("button", {type: "button", class: "back", text: "Back to live", onclick: () => app.goLive()});
    this.root = el("div", {class: "transport", role: "group", "aria-label": "Replay"},
      this.play, el("div", {class: "slide"}, this.marks, this.slider), this.time, this.speed, this.back);
  }

  update(app) {
    const {clock} = app, t = clock.following ? Math.max(0, ...app.shown.map((p) => p.run === app.lab.newest ? app.timeOf(p, performance.now()) : 0)) : clock.t;
    put(this.play, clock.playing || clock.following ? "❚❚ Pause" : "▶ Play");
    set(this.slider, "max", Math.max(0.1, app.length).toFixed(2));
    if (!this.slider.matches(":active") || clock.playing || clock.following) this.slider.value = t;
    set(this.slider, "aria-valuetext", t.toFixed(1) + " seconds");
    put(this.time, `${t.toFixed(1)} of ${app.length.toFixed(1)} s`);
    this.back.hidden = !app.live || clock.following;
    const faults = app.shown.flatMap((p) => p.run.notes.filter((n) => n.fault));
    if (faults.length === this.marked && app.length === this.markedLength) return;
    this.marked = faults.length;
    this.markedLength = app.length;
    this.marks.replaceChildren(...faults.map((n) => {
      const mark = el("span", {title: n.text});
      style(mark, "inset-inline-start", (100 * n.t / Math.max(0.1, app.length)).toFixed(2) + "%");
      return mark;
    }));
  }
}

// fill sets the options of a select, if they are not there already, and which of them is chosen.
function fill(select, options, chosen) {
  const key = JSON.stringify(options);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...options.map(([value, text]) => el("option", {value, text})));
  }
  if (chosen !== undefined && select.value !== String(chosen)) select.value = String(chosen);
}

// logLines are what happened in a run.
function logLines(run) {
  const line = (t, kind, sign, text) => ({t, run, element: el("li", {"data-kind": kind},
    el("span", {class: "when", text: secondsText(Math.max(0, t))}), el("span", {class: "sys", text: run.begin.system}),
    el("span", {class: "sign", "aria-hidden": "true", text: sign}), el("span", {text}))});
  const lines = run.notes.map((n) => line(n.t, isReturn(n) ? "back" : n.fault ? "fault" : "note", isReturn(n) ? "↻" : n.fault ? "⚡" : "·", (n.node && !n.text.includes(n.node) ? n.node + ": " : "") + n.text));
  const {end, begin} = run;
  if (end) {
    const whole = end.distribution_s != null ? ` ${end.verified < begin.receivers ? "These" : "All"} had it after ${secondsText(end.distribution_s)}.` : "";
    lines.push(line(end.t, end.error ? "fault" : "end", end.error ? "✕" : "✓", end.error ? `ended: ${end.error}` :
      `${end.verified} of ${begin.receivers} hold the file, compared byte for byte.${whole}`));
  }
  return lines;
}
