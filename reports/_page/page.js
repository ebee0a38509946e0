// Draws the charts, keeps their colours in step with the scheme, their labels apart, and makes pictures for paper.
"use strict";
(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const dark = read("dark-colours");
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const charts = []; // {view, labels, name} of each figure
  const painted = []; // {model, name, light}: every colour property that has a counterpart for the dark scheme
  const PAPER_WIDTH = "720px"; // of A4 and Letter between their margins: text keeps its size
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
      const x = Math.max(from + 3, free), next = phases[index + 1];
      const room = next === undefined ? right : Math.min(at(next.end), right) - width(next.full, next.label) - GAP;
      const spills = x <= from + 14 && x + wide <= room; // a short phase may borrow from a long one after it
      const shown = to > from && (x + wide <= to || spills);
      place(label, shown ? full : "", x - at(start));
      if (shown) free = x + wide + GAP;
    });
    const marks = labels.filter(({kind}) => kind === "mark");
    for (const {label} of marks) place(label, "", 3);
    const seen = marks.filter(({t}) => at(t) >= left - 1 && at(t) <= right + 1);
    free = left;
    seen.forEach(({label, full, letter, t}, index) => {
      const next = seen[index + 1], line = at(t);
      const roof = next === undefined ? right : at(next.t) - 1;
      for (const [text, before] of [[full, false], [full, true], [letter, false], [letter, true]]) {
        const wide = width(text, label), x = before ? line - wide - 4 : line + 4;
        if (x < free || (!before && x + wide > roof)) continue;
        place(label, text, x - line);
        free = Math.max(line, x + wide) + 3;
        return;
      }
      free = Math.max(free, line + 3);
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
    for (const chart of charts) {
      const section = document.querySelector(`[data-chart="${chart.name}"]`);
      const drawing = section.querySelector(".drawing");
      drawing.style.width = PAPER_WIDTH;
      chart.view.compute_layout();
      arrange(chart);
      for (const renderer of chart.view.renderer_views.values()) renderer.set_visuals?.(); // else after the printing
      section.querySelector(".paper").replaceChildren(chart.view.export("png").canvas);
      drawing.style.width = "";
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
    charts.forEach(({view}) => view.compute_layout());
    arrangeAll();
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
      charts.push({view, labels, name: view.model.name});
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
    const spike = document.getElementById("zoom-spike");
    // The release of the herd has an axis of its own, in milliseconds.
    const shared = new Set(views.filter((view) => view.model.name !== "skew").map((view) => view.model.x_range));
    const press = () => shared.forEach(({start, end, reset_start, reset_end}) => {
      if (!spike) return;
      reset.setAttribute("aria-pressed", String(start === reset_start && end === reset_end));
      spike.setAttribute("aria-pressed", String(start === Number(spike.dataset.start) && end === Number(spike.dataset.end)));
    });
    for (const range of shared) range.change.connect(press);
    if (reset) reset.addEventListener("click", () => ranges.forEach((range) => range.reset()));
    if (spike) spike.addEventListener("click", () => shared.forEach((range) => range.setv({start: Number(spike.dataset.start), end: Number(spike.dataset.end)})));
    document.documentElement.dataset.charts = "drawn";
  }

  // The table of all names shows the rows in which every word of the search occurs.
  const filter = document.getElementById("name-filter");
  if (filter) {
    const rows = [...document.querySelectorAll("#name-table tbody tr")];
    const count = document.getElementById("name-count");
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !words.every((word) => row.dataset.text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
    });
  }

  const items = read("render-items");
  if (items.length === 0) { document.documentElement.dataset.charts = "none"; return; }
  Bokeh.embed.embed_items(read("charts-json"), items).then((managers) => {
    const views = managers.flatMap((manager) => [...manager]).filter((view) => view.frame !== undefined);
    start(views);
  });
})();
