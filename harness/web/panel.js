// The live page, in the tab of Locust's page and by itself: a custom element that is sent what changes, once a second.
import { ask } from "./ask.js";
import { ChartList } from "./chart_list.js";
import { Part, base, link, make } from "./elements.js";
import { RunData } from "./live_data.js";
import { NameTable } from "./name_table.js";
import { alertList, course, criteriaTable, headline, markList, tiles, verdict } from "./run_parts.js";

const STALE_MS = 3000;
const AGAIN_MS = 1500;
const DEAD_MS = 10000;

class Panel extends HTMLElement {
  connectedCallback() {
    if (!this.shadowRoot) this.build();
    this.connect();
    document.addEventListener("visibilitychange", this.seen = () => this.look());
    addEventListener("beforeprint", this.printed = () => this.print(true));
    addEventListener("afterprint", this.shown = () => this.print(false));
    this.clock = setInterval(() => { this.theme(); this.watch(); }, 500);
    this.theme();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.seen);
    removeEventListener("beforeprint", this.printed);
    removeEventListener("afterprint", this.shown);
    clearInterval(this.clock);
    this.disconnect();
  }

  disconnect() {
    clearTimeout(this.again);
    if (this.source) this.source.close();
    this.source = null;
  }

  // A tab that nobody sees costs the master nothing, and takes none of the browser's few connections.
  look() {
    if (document.hidden) this.disconnect();
    else if (!this.source) { this.heard = undefined; this.connect(); }
  }

  build() {
    const root = this.attachShadow({ mode: "open" });
    const style = make("link", { rel: "stylesheet", href: new URL("live.css", base).href });
    this.stale = make("p", { class: "box stale", role: "alert", hidden: true });
    this.head = new Part("header", { "aria-live": "polite" }, headline);
    this.told = make("p", { class: "muted told", role: "status" });
    this.stop = this.button("Stop", "stop", "Ends the run; answers that are out are waited for.");
    this.kill = this.button("Kill load", "springback/kill", "Ends the load at once: no answer is waited for.");
    this.kill.className = "kill";
    this.controls = make("div", { class: "controls", role: "group", "aria-label": "Controls" }, this.stop, this.kill);
    this.verdict = new Part("div", {}, verdict);
    this.course = new Part("div", {}, course);
    this.tiles = new Part("dl", { class: "tiles" }, tiles);
    this.charts = new ChartList(this);
    this.marks = new Part("div", {}, markList);
    this.names = new NameTable();
    this.alerts = new Part("section", { "aria-label": "Alerts" }, alertList);
    this.criteria = new Part("section", { "aria-label": "Findings so far" }, criteriaTable);
    this.links = make("p", { class: "links" }, link("./", "All runs and their reports"),
      location.pathname.endsWith("/springback/live") ? null : link("live", "This page by itself"));
    this.parts = make("div", { class: "parts", hidden: true }, this.tiles.element, this.charts.element, this.marks.element,
      this.alerts.element, this.criteria.element, this.names.element);
    this.view = make("section", { class: "view", "aria-label": "Springback" }, this.stale,
      make("div", { class: "top" }, this.head.element, this.controls), this.told, this.verdict.element, this.course.element, this.parts, this.links);
    root.append(style, this.view);
    this.view.hidden = true;
    style.addEventListener("load", () => { this.view.hidden = false; this.charts.redraw(); });
  }

  // Sends to a route of the master; what it refuses is told beside.
  button(text, path, title) {
    const button = make("button", { type: "button", title }, text);
    button.addEventListener("click", async () => {
      this.told.textContent = text === "Stop" ? "Stopping: waiting for the last answers …" : "Killing the load …";
      try {
        const said = await ask(`../${path}`, { method: "POST" });
        if (!said.success) this.told.textContent = said.message;
      } catch (error) { this.told.textContent = `Not done: ${error.message}`; }
    });
    return button;
  }

  connect() {
    this.disconnect();
    if (document.hidden) return;
    this.source = new EventSource(new URL("events", base));
    this.source.addEventListener("message", (event) => this.take(JSON.parse(event.data)));
    this.source.addEventListener("error", () => {
      // Refused for good, as after a logout or a restart of the master: the browser does not try again by itself.
      if (this.source && this.source.readyState === EventSource.CLOSED) this.retry();
    });
    this.tried = performance.now();
    if (this.heard === undefined) this.heard = this.tried;
  }

  async retry() {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.connect(), AGAIN_MS);
    try {
      const answer = await fetch(new URL("status", base));
      this.mustSignIn = answer.redirected;
    } catch { this.mustSignIn = false; }
  }

  take(message) {
    this.heard = performance.now() + 1000 * (message.quiet_s || 0);
    this.mustSignIn = false;
    this.watch();
    if (message.kind === "plan") this.data = new RunData(message);
    else if (message.kind === "points" && this.data && this.data.run === message.run) this.data.add(message);
    else if (message.kind === "names" && this.data && this.data.run === message.run) this.data.addNames(message.names);
    else if (message.kind === "state") this.state = message;
    if (message.kind === "state" || message.kind === "beat") this.show();
  }

  show() {
    const { state, data } = this, { status } = state;
    const isGoing = ["warm-up", "running", "drain"].includes(status.state), isOver = ["ended", "judging"].includes(status.state);
    this.head.show(status.state, status.words, status.phase, status.run, status.target, status.problems);
    if (!isGoing) this.told.textContent = "";
    this.controls.hidden = !isGoing;
    this.verdict.show(status.state, status.run, status.verdict, status.files, status.problems);
    this.course.show(isOver ? [] : status.phases.map(({ phase, start_s, end_s }) => [phase, start_s, end_s]), Math.floor(status.elapsed_s), status.duration_s, status.phase);
    const here = data && data.run === status.run && status.state !== "refused";
    this.parts.hidden = !here;
    if (!here) return;
    // The instant is told to a tenth of a second.
    data.complete = status.state === "running" ? Math.floor(status.elapsed_s - 0.1) - 1 : Infinity;
    data.isOver = isOver;
    const marks = this.lettered(data, state);
    this.tiles.show(this.tileFacts(status, state, data));
    this.charts.show(data, marks);
    this.marks.show(marks);
    this.names.show(data, status.phase);
    this.alerts.show(state.alerts);
    this.criteria.show(isOver && status.verdict ? [] : state.criteria_so_far);
  }

  tileFacts(status, state, data) {
    const newest = data.newest, at = (column) => { const value = column.at(newest); return Number.isNaN(value) ? null : value; };
    const recent = [0, 0]; // made and planned in ten seconds, without the newest: a load process may yet report of it
    for (let t = Math.max(0, newest - 10); t < newest; t += 1) {
      if (Number.isNaN(data.planned.at(t))) continue;
      recent[0] += data.made.at(t) || 0; recent[1] += data.planned.at(t);
    }
    return {
      state: status.state, made: at(data.made), planned: at(data.planned), recent, waiting: state.waiting,
      conditions: state.conditions, recovery: state.recovery, users: [status.users_connected, status.users_wanted, status.users_parked],
      nodes: [status.nodes, status.nodes_lost],
    };
  }

  // What happened at an instant, in the order of time: planned gates, faults, lost load processes, alerts.
  lettered(data, state) {
    const gates = data.plan.gates.map(([t, users, gate]) => ({ t, text: `gate ${gate}: ${users} users are due together` }));
    const told = state.moments.map(([t, kind, text]) => ({ t, text, kind }));
    const alerts = state.alerts.filter(([, , , unit]) => unit).map(([alert, t]) => ({ t, text: `alert ${alert}` }));
    const all = [...gates, ...told.filter(({ kind }) => kind !== "gate"), ...alerts].sort((a, b) => a.t - b.t);
    for (const gate of gates) {
      const sent = told.filter(({ kind, t }) => kind === "gate" && t === gate.t).map(({ text }) => text.replace(/^gate \S+ /, ""));
      if (sent.length) gate.text += `; ${sent.slice(0, 4).join("; ")}`;
    }
    return all.slice(0, 26).map((mark, index) => ({ ...mark, letter: String.fromCharCode(65 + index) }));
  }

  // Says that what is shown is old, as soon as it is.
  watch() {
    const now = performance.now(), quiet_ms = now - this.heard, isStale = quiet_ms > STALE_MS && !document.hidden;
    this.view.classList.toggle("is-stale", isStale);
    this.stale.hidden = !isStale;
    if (!isStale) return;
    if (Math.min(quiet_ms, now - this.tried) > DEAD_MS) this.connect(); // open, and yet nothing comes
    const since = `${Math.round(quiet_ms / 1000)} s old`;
    const words = this.mustSignIn ? `Signed out: what is shown is ${since}. Sign in again in Locust's page.`
      : `No connection: what is shown is ${since}. Trying again.`;
    if (this.stale.textContent !== words) this.stale.textContent = words;
  }

  // Paper is white, and shows what is out of view on the screen.
  print(isOnPaper) {
    this.toggleAttribute("paper", isOnPaper);
    this.theme();
    this.charts.paint();
  }

  // Locust changes its theme without telling: its page's background says which one it is.
  theme() {
    const found = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) || [255, 255, 255];
    const [red, green, blue] = found.map(Number), dark = red + green + blue < 384 && !this.hasAttribute("paper");
    if (this.hasAttribute("dark") === dark) return;
    this.toggleAttribute("dark", dark);
    this.charts.redraw();
  }
}
customElements.define("springback-panel", Panel);
