// details.js: one node: its numbers, its sockets, and what can be done to it.

// Remote asks the manager. It is there only while a lab runs.
class Remote {
  constructor() {
    this.on = false;
    this.may = false; // whether who looks at this page may also command nodes
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    this.token = given || "";
  }

  send(method, path) {
    const headers = {"X-Starmesh-Command": "1"};
    if (this.token) headers.Authorization = "Bearer " + this.token;
    return fetch(path, {method, headers, cache: "no-store"});
  }

  // look finds out whether commands would be taken: a button that does nothing is not shown.
  async look() { this.may = await this.send("GET", "may").then((r) => r.json()).catch(() => false); }

  async ask(method, path, run, node) {
    const response = await this.send(method, path + "?" + new URLSearchParams({run: run.name, node}));
    const text = await response.text();
    if (!response.ok) throw new Error(text.trim() || response.statusText);
    return JSON.parse(text);
  }
}

const actions = {
  stop: {text: "Stop it in good order", doing: "Stopping", did: "has been stopped"},
  kill: {text: "Kill it without a word", doing: "Killing", did: "has been killed: its process is gone"},
  start: {text: "Start it again", doing: "Starting", did: "runs again"},
};

// command has something done to a node and says in status how it went; of the one before nothing is said any more.
let told = null;
async function command(remote, action, run, node, status) {
  if (told && told !== status) put(told, "");
  told = status;
  put(status, `${actions[action].doing} ${node} …`);
  try {
    await remote.ask("POST", action, run, node);
    put(status, `${node} ${actions[action].did}.`);
  } catch (err) {
    put(status, `${node}: ${err.message}`);
  }
}

const socketColumns = [
  ["fd", "descriptor", (r) => r.fd < 0 ? "–" : String(r.fd)],
  ["role", "role", (r) => r.role],
  ["protocol", "protocol", (r) => r.protocol],
  ["local IP", "local IP address", (r) => r.local_ip || "–"],
  ["local port", "local port", (r) => portText(r.local_port, r.local_class)],
  ["remote IP", "remote IP address", (r) => r.remote_ip || "–"],
  ["remote port", "remote port", (r) => portText(r.remote_port, r.remote_class)],
  ["state", "state", (r) => r.state],
  ["sent", "bytes sent", (r) => r.out_bytes == null ? "–" : bytesText(r.out_bytes)],
  ["received", "bytes received", (r) => r.in_bytes == null ? "–" : bytesText(r.in_bytes)],
  ["remarks", "remarks", (r) => r.backlog != null ? `${r.waiting} of ${r.backlog} wait to be accepted` : r.via ? "carried by the " + r.via : r.closed_first ? "closed first " + (r.closed_first === "here" ? "here" : "by the other side") : ""],
];
const portText = (port, kind) => port ? port + (kind ? ` (${kind})` : "") : "–";

class Details {
  constructor(remote) {
    this.remote = remote;
    this.heading = el("h2", {tabindex: -1});
    this.hint = el("p", {class: "says", text: "Click a node, or press Enter on it, to see its numbers and its sockets."});
    this.numbers = el("dl", {class: "numbers"});
    this.buttons = el("p", {class: "buttons"});
    this.status = el("p", {class: "status", role: "status"});
    this.sockets = el("div", {class: "sockets"});
    this.close = el("button", {type: "button", class: "close", text: "Close", onclick: () => this.onclose()});
    this.root = el("section", {class: "details", "aria-label": "The chosen node", hidden: true},
      el("header", {}, this.heading, this.close), this.buttons, this.status, this.numbers, this.sockets);
    this.onclose = () => {};
    this.timer = 0;
    this.asked = 0;
  }

  show(run, node) {
    clearTimeout(this.timer);
    this.asked++;
    this.run = run;
    this.node = node;
    this.root.hidden = !node;
    if (!node) return;
    set(this.root, "data-node", node.name);
    put(this.heading, `${node.name} in the ${run.begin.system} with ${count(run.begin.receivers, "receiver", "receivers")}`);
    put(this.status, "");
    this.sockets.replaceChildren();
    this.values = {};
    this.numbers.replaceChildren();
    this.buttons.replaceChildren(...Object.entries(actions).map(([name, a]) =>
      el("button", {type: "button", "data-action": name, text: a.text, onclick: () => command(this.remote, name, this.run, node.name, this.status)})));
    this.buttons.hidden = true;
    this.refresh(this.asked);
  }

  // come brings the section into the window, and the focus to it.
  come() {
    this.root.scrollIntoView({block: "nearest"});
    this.heading.focus({preventScroll: true});
  }

  // running tells whether the run's processes can be asked and commanded.
  get running() { return this.remote.on && this.run && !this.run.end && this.isNewest(this.run); }

  update(state) {
    const s = state.nodes[this.node.index], r = s.reading, n = this.node;
    const from = [...r.from].sort((a, b) => b[1] - a[1]);
    const numbers = {
      "state": stateText(s) + (n.trait ? ` (${n.trait} on purpose)` : ""),
      "holds": n.part === "origin" ? "all of it" : `${bytesText(r.have)} of ${bytesText(state.run.begin.file_bytes)}`,
      "payload sent": bytesText(r.out), "payload received": bytesText(r.in),
      "received from": from.length ? from.slice(0, 4).map(([name, b]) => `${name} ${bytesText(b)}`).join(", ") + (from.length > 4 ? ` and ${from.length - 4} more` : "") : "nobody",
      ...n.machine && {"machine": n.machine},
      "link up": n.up ? rateText(n.up) : "no limit", "link down": n.down ? rateText(n.down) : "no limit",
      "connections": String(r.conns) + (r.queue ? ` and ${r.queue} that wait to be accepted` : ""), "CPU time": secondsText(r.cpu || 0), "memory": bytesText(r.rss || 0),
      "its agent": `polled ${count(r.polls, "time", "times")}`,
    };
    for (const [name, text] of Object.entries(numbers)) {
      if (!this.values[name]) {
        this.values[name] = el("dd", {"data-figure": name});
        this.numbers.append(el("div", {}, el("dt", {text: name}), this.values[name]));
      }
      put(this.values[name], text);
    }
    this.buttons.hidden = !this.running || !this.remote.may;
    const gone = n.readings.at(-1)?.state === "gone";
    for (const b of this.buttons.children) b.disabled = (b.dataset.action === "start") !== gone;
  }

  // refresh asks for the socket table again and again while the node is shown.
  async refresh(asked) {
    if (asked !== this.asked || !this.node) return;
    if (!this.running) {
      if (!this.sockets.querySelector("table")) this.sockets.replaceChildren(el("p", {class: "says", text: "Its socket table can be seen while the lab runs: then the dashboard asks the node's agent."}));
      if (this.remote.on) this.timer = setTimeout(() => this.refresh(asked), 1000);
      return;
    }
    if (this.node.readings.at(-1)?.state === "gone") { // nobody is there to be asked
      this.sockets.replaceChildren(el("p", {class: "says", text: "Its process is gone, and its sockets with it."}));
      this.timer = setTimeout(() => this.refresh(asked), 1000);
      return;
    }
    let content;
    try {
      const rows = await this.remote.ask("GET", "sockets", this.run, this.node.name);
      if (rows?.why) throw new Error(rows.why);
      content = this.table(rows);
    } catch (err) {
      content = [el("p", {class: "says", text: "No socket table: " + err.message})];
    }
    if (asked !== this.asked) return;
    const first = !this.sockets.firstChild;
    this.sockets.replaceChildren(...content);
    if (first && document.activeElement === this.heading) this.root.scrollIntoView({block: "nearest"});
    this.timer = setTimeout(() => this.refresh(asked), 2000);
  }

  table(rows) {
    const head = el("tr", {}, ...socketColumns.map(([short, long]) => el("th", {scope: "col", title: long, text: short})));
    const body = rows.map((r) => el("tr", {"data-role": r.role, "data-closed": r.state === "closed"},
      ...socketColumns.map(([, , text]) => el("td", {text: text(r)}))));
    return [
      el("h3", {text: "Its sockets"}),
      el("p", {class: "says", text: "A socket is an endpoint with five parts: protocol, local IP and port, remote IP and port. Accepting gives data sockets with the same local port as the listening one: the pair of ends tells them apart."}),
      el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Socket table"}, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body))),
    ];
  }
}
