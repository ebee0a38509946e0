// Draws the charts, keeps their colours in step with the scheme, their labels apart, and makes pictures for paper.
"use strict";
(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const dark = read("dark-colours");
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const charts = []; // {view, labels} of each figure
  const painted = []; // {model, name, light}: every colour property that has a counterpart for the dark scheme
  let printing = false;

  function remember(model) {
    for (const name of Object.keys(model.attributes)) {
      if (!name.endsWith("_color")) continue;
      const value = model.attributes[name];
      const light = value !== null && typeof value === "object" ? value.value : value;
      if (typeof light === "string" && light in dark) painted.push({model, name, light});
    }
  }

  function paint() {
    const useDark = scheme.matches && !printing;
    for (const {model, name, light} of painted) model[name] = useDark ? dark[light] : light;
  }

  // Labels above the frame: phases in the upper row, marks in the lower. A label is shortened to its letter, then
  // hidden, where it would touch its neighbour; lines stay, and the key above the charts names them all.
  const context = document.createElement("canvas").getContext("2d");
  const GAP = 6;

  function width(text, label) {
    context.font = `${label.text_font_size} ${label.text_font}`;
    return context.measureText(text).width;
  }

  function arrange({view, labels}) {
    const {left, right} = view.frame.bbox;
    const at = (t) => view.frame.x_scale.compute(t);
    const place = (label, text, offset) => {
      if (label.text.text !== text) label.text = new label.text.constructor({text});
      label.setv({x_offset: offset, visible: text !== ""});
    };
    const phases = labels.filter(({kind}) => kind === "phase");
    let free = left;
    phases.forEach(({label, full, start, end}, index) => {
      const from = Math.max(at(start), left), to = Math.min(at(end), right), wide = width(full, label);
      const next = phases[index + 1];
      const nextNeeds = next !== undefined && at(next.end) - at(next.start) > width(next.full, next.label) + GAP;
      const roof = nextNeeds || next === undefined ? to : right;
      let x = Math.max(from + 3, free);
      if (next === undefined && to - from >= 1) x = Math.max(Math.min(x, right - wide), free);
      const shown = to > from && x + wide <= Math.max(roof, x) && x + wide <= right + 2 && x <= to + 12;
      place(label, shown ? full : "", x - at(start));
      if (shown) free = x + wide + GAP;
    });
    const marks = labels.filter(({kind, t}) => kind === "mark" && at(t) >= left - 1 && at(t) <= right + 1);
    for (const {label, kind} of labels) if (kind === "mark") place(label, "", 3);
    free = left - GAP;
    marks.forEach((mark, index) => {
      const {label, full, letter, t} = mark;
      const next = marks[index + 1];
      const nextNeeds = next === undefined ? right : at(next.t) - 3;
      const x = Math.max(at(t) - 3, free);
      const late = x > at(t) + 8;
      if (late) return;
      for (const text of [full, letter]) {
        const wide = width(text, label);
        if (x + wide <= nextNeeds || (text === letter && x + wide <= right + 12)) {
          place(label, text, x - at(t));
          free = x + wide + 3;
          return;
        }
      }
    });
  }

  let pending = 0;
  function arrangeAll() {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => charts.forEach(arrange));
  }

  function toPaper() {
    if (printing) return;
    printing = true;
    paint();
    for (const {view} of charts) {
      const paper = view.el.getRootNode().host || view.el;
      const holder = document.getElementById(paper.closest("[data-chart]").dataset.chart + "-paper");
      holder.replaceChildren(view.export("png").canvas);
    }
    for (const details of document.querySelectorAll("details.short")) {
      details.dataset.was = details.open;
      details.open = true;
    }
  }

  function toScreen() {
    if (!printing) return;
    printing = false;
    paint();
    for (const details of document.querySelectorAll("details.short")) details.open = details.dataset.was === "true";
  }

  function start(views) {
    const seen = new Set();
    for (const view of views) {
      const labels = [];
      for (const model of view.model.references()) {
        if (!seen.has(model)) { seen.add(model); remember(model); }
        const [kind, first, second] = model.tags;
        if (kind === "phase") labels.push({label: model, kind, full: model.text.text, start: first, end: second});
        if (kind === "mark") labels.push({label: model, kind, full: model.text.text, t: first, letter: second});
      }
      charts.push({view, labels});
      if (window.matchMedia("(pointer: coarse)").matches) view.model.toolbar.active_drag = null;
    }
    paint();
    arrangeAll();
    scheme.addEventListener("change", paint);
    window.addEventListener("beforeprint", toPaper);
    window.addEventListener("afterprint", toScreen);
    new ResizeObserver(() => setTimeout(arrangeAll, 60)).observe(document.body);
    const ranges = new Set(views.map((view) => view.model.x_range));
    for (const range of ranges) range.change.connect(arrangeAll);
    const reset = document.getElementById("reset-zoom");
    if (reset) reset.addEventListener("click", () => ranges.forEach((range) => range.reset()));
    document.documentElement.dataset.charts = "drawn";
  }

  const items = read("render-items");
  if (items.length === 0) { document.documentElement.dataset.charts = "none"; return; }
  Bokeh.embed.embed_items(read("charts-json"), items).then((managers) => {
    const views = managers.flatMap((manager) => [...manager]).filter((view) => view.frame !== undefined);
    start(views);
  });
})();
