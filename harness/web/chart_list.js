// The charts on the page: drawn when there is something new and somebody can see them, read with pointer or keys.
import { CHARTS, FORMATS, NOTHING, draw, isShown, linesOf, told } from "./charts.js";
import { make } from "./elements.js";

const VIEWS = [["run", "Whole run"], ["spike", "Spike"], ["minute", "Last minute"]];
const SUMMARY_MS = 5000;
const NO_SECOND = "no second chosen";
const PAPER_SCALE = 3; // pixels on paper for each of the screen

export class ChartList {
  constructor(host) {
    this.host = host; // the element whose style has the colours
    this.choice = "run";
    this.marks = [];
    this.shown = new Map(); // id -> parts of a chart on the page
    this.buttons = VIEWS.map(([name, text]) => {
      const button = make("button", { type: "button", "aria-pressed": String(name === this.choice) }, text);
      button.addEventListener("click", () => this.choose(name));
      return button;
    });
    this.list = make("div", { class: "charts" });
    this.element = make("section", { "aria-label": "Charts" }, make("div", { class: "tools" }, make("h3", {}, "Over time"),
      make("div", { class: "views", role: "group", "aria-label": "Stretch of time" }, ...this.buttons)), this.list,
      make("p", { class: "muted" }, "By the second in which requests should have begun. ",
        make("span", { class: "hint" }, "Point at a chart, or focus it and use the arrow keys, to read a second.")));
    this.visible = new Set();
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) isIntersecting ? this.visible.add(target.dataset.chart) : this.visible.delete(target.dataset.chart);
      this.redraw();
    }, { rootMargin: "200px" });
    this.resized = new ResizeObserver(() => this.redraw());
    this.resized.observe(this.list);
  }

  choose(name) {
    this.choice = name;
    this.buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(VIEWS[index][0] === name)));
    this.redraw();
  }

  // New figures, or another run. `marks` are {t, letter}.
  show(data, marks) {
    if (this.data !== data) { this.cursor = null; this.summed = -Infinity; }
    this.data = data;
    this.marks = marks;
    this.redraw();
  }

  redraw() {
    if (this.pending || !this.data) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
  }

  view() {
    const { data } = this, newest = Math.max(1, data.newest + 1), spike = data.phase("spike");
    const oldest = Math.max(0, newest - data.plan.most_seconds);
    if (this.choice === "minute") return { from: Math.max(0, newest - 60), to: Math.max(60, newest) };
    if (this.choice === "spike" && spike) {
      const [, start, end] = spike, around = Math.max(5, (end - start) / 2);
      return { from: Math.max(0, Math.floor(start - around)), to: Math.ceil(end + 3 * around) };
    }
    return { from: oldest, to: Math.max(data.duration_s - oldest > data.plan.most_seconds ? 0 : data.duration_s, newest) };
  }

  paint() {
    const onPaper = this.host.hasAttribute("paper"); // where nothing is out of view
    if (!this.data || document.hidden && !onPaper) return;
    const began = performance.now(), style = getComputedStyle(this.host), cache = new Map();
    const colour = (name) => { if (!cache.has(name)) cache.set(name, style.getPropertyValue(name).trim()); return cache.get(name); };
    const view = { ...this.view(), marks: this.marks }, sum = performance.now() - this.summed > SUMMARY_MS;
    for (const chart of CHARTS) {
      if (!isShown(chart, this.data)) { this.remove(chart.id); continue; }
      const part = this.shown.get(chart.id) || this.add(chart);
      if (sum) this.summary(chart, part, view);
      if (!onPaper && !this.visible.has(chart.id)) continue;
      part.drawn = draw(part.canvas, chart, this.data, view, colour, onPaper ? PAPER_SCALE : globalThis.devicePixelRatio);
      part.view = view;
      if (part.drawn) this.legend(part, part.drawn.lines);
    }
    if (sum) this.summed = performance.now();
    this.place();
    this.took_ms = performance.now() - began;
    this.element.dataset.drawn = String(this.data.newest);
  }

  add(chart) {
    // A slider over the seconds: a screen reader leaves it the arrow keys, and says the value that they lead to.
    const canvas = make("canvas", { role: "slider", tabindex: "0", "data-chart": chart.id, "aria-label": chart.title,
      "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0", "aria-valuetext": NO_SECOND });
    const cursor = make("i", { class: "cursor", hidden: true }), legend = make("ul", { class: "legend" });
    const readout = make("output", { class: "readout", "aria-live": "off" });
    const unit = chart.unit ? make("small", {}, ` ${chart.unit}`) : null;
    const box = make("figure", { "data-chart": chart.id }, make("figcaption", {}, make("h4", {}, chart.title, unit), legend, readout),
      make("div", { class: "plot" }, canvas, cursor));
    const part = { chart, canvas, cursor, legend, readout, box, labels: "" };
    canvas.addEventListener("pointermove", (event) => this.point(part, event.offsetX));
    canvas.addEventListener("pointerleave", () => { if (this.cursor && !this.cursor.held) this.read(null); });
    canvas.addEventListener("keydown", (event) => this.key(part, event));
    canvas.addEventListener("blur", () => this.read(null));
    const after = CHARTS.slice(CHARTS.indexOf(chart) + 1).map(({ id }) => this.shown.get(id)).find(Boolean);
    this.list.insertBefore(box, after ? after.box : null);
    this.shown.set(chart.id, part);
    this.visible.add(chart.id);
    this.observer.observe(box);
    return part;
  }

  remove(id) {
    const part = this.shown.get(id);
    if (!part) return;
    this.observer.unobserve(part.box);
    part.box.remove();
    this.shown.delete(id);
  }

  legend(part, lines) {
    const labels = lines.map(({ label }) => label).join("\n");
    if (labels === part.labels) return;
    part.labels = labels;
    part.legend.replaceChildren(...lines.map((each) => {
      const swatch = make("i", {});
      swatch.style.background = `var(${each.colour})`;
      return make("li", {}, swatch, each.label);
    }));
  }

  // For who cannot see it, wherever the page is scrolled to: what is newest, and what was highest.
  summary(chart, part, view) {
    const format = FORMATS[chart.format], { data } = this;
    const words = linesOf(chart, data, view).map(({ label, column }) => {
      let top = NaN, when = 0, newest = NaN;
      for (let t = view.from; t < view.to; t += 1) {
        const value = column.at(t);
        if (!(top >= value) && !Number.isNaN(value)) { top = value; when = t; }
        if (t <= data.newest && !Number.isNaN(value)) newest = value;
      }
      return Number.isNaN(top) ? `${label}: nothing` : `${label}: now ${format(newest)}, highest ${format(top)} at ${when} s`;
    });
    part.canvas.setAttribute("aria-label", [chart.title, ...(words.length ? words : [chart.inWords || chart.nothing || NOTHING])].join(". "));
    part.canvas.setAttribute("aria-valuemin", String(view.from));
    part.canvas.setAttribute("aria-valuemax", String(Math.max(view.from, data.newest)));
  }

  point(part, at) {
    if (!part.drawn) return;
    const { left, right } = part.drawn, { from, to } = part.view;
    if (at < left || at > right) return;
    this.read(Math.min(to - 1, Math.floor(from + (at - left) / (right - left) * (to - from))), false);
  }

  key(part, event) {
    const { from, to } = part.view || this.view(), last = Math.min(to - 1, this.data.newest), now = this.cursor ? this.cursor.t : last;
    const far = event.shiftKey ? 10 : 1;
    const next = { ArrowLeft: now - far, ArrowRight: now + far, Home: from, End: last }[event.key];
    if (event.key === "Escape") this.read(null);
    if (next === undefined) return;
    event.preventDefault();
    this.read(Math.max(from, Math.min(last, next)), true);
  }

  read(t, held) {
    this.cursor = t === null ? null : { t, held };
    this.place();
  }

  place() {
    for (const part of this.shown.values()) {
      const seen = this.cursor && part.drawn;
      part.cursor.hidden = !seen;
      if (!seen) {
        if (part.readout.textContent) { part.readout.textContent = ""; part.canvas.setAttribute("aria-valuetext", NO_SECOND); }
        continue;
      }
      const { t } = this.cursor;
      part.cursor.style.left = `${part.drawn.x(t + 0.5)}px`;
      part.readout.textContent = told(part.chart, linesOf(part.chart, this.data, part.view), this.data, t);
      part.canvas.setAttribute("aria-valuenow", String(t));
      part.canvas.setAttribute("aria-valuetext", part.readout.textContent);
    }
  }
}
