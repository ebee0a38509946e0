// Requests by name: those that fail first, or in the order of whichever column was chosen.
import { make } from "./elements.js";

const HEADS = ["Name", "Requests", "Failed", "Failed, %", "p50", "p95", "p99", "Most frequent cause"];
const ms = (value) => value === null ? "–" : value < 10 ? `${value.toFixed(1)} ms` : value < 10000 ? `${Math.round(value).toLocaleString("en")} ms` : `${(value / 1000).toFixed(1)} s`;
const share = (row) => (row[1] ? 100 * row[2] / row[1] : 0);
const CELLS = [
  (row) => row[0], (row) => row[1].toLocaleString("en"), (row) => row[2].toLocaleString("en"), (row) => share(row).toFixed(1),
  (row) => ms(row[3]), (row) => ms(row[4]), (row) => ms(row[5]), (row) => row[6] || "–",
];
const KEYS = [(row) => row[0], (row) => row[1], (row) => row[2], share, (row) => row[3] ?? -1, (row) => row[4] ?? -1, (row) => row[5] ?? -1, (row) => row[6]];
const EVERY_MS = 1900;

export class NameTable {
  constructor() {
    this.sorted = { by: null, down: true };
    this.heads = HEADS.map((head, index) => {
      const button = make("button", { type: "button" }, head);
      button.addEventListener("click", () => this.sort(index));
      return make("th", { scope: "col", class: index && index < 7 ? "number" : undefined }, button);
    });
    this.body = make("tbody", {});
    this.search = make("input", { type: "search", id: "names-search", autocomplete: "off", placeholder: "name or cause" });
    this.search.addEventListener("input", () => this.fill());
    this.phases = make("select", { id: "names-phase" });
    this.phases.addEventListener("change", () => { this.chosen = this.phases.value; this.fill(); });
    this.element = make("section", { "aria-label": "Requests by name" }, make("div", { class: "tools" }, make("h3", {}, "Requests by name"),
      make("div", {}, make("label", { for: "names-phase" }, "Phase "), this.phases, make("label", { for: "names-search" }, " Search "), this.search)),
      make("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Table of requests by name" },
        make("table", { class: "names" }, make("thead", {}, make("tr", {}, ...this.heads)), this.body)));
    this.rows = new Map();
  }

  // `phase` is the one that goes; it is shown as long as nobody has chosen another.
  show(data, phase) {
    if (data !== this.data) { this.data = data; this.chosen = undefined; this.rows.clear(); this.filled = -EVERY_MS; this.listed = ""; }
    this.going = data.names.has(phase) ? phase : [...data.names.keys()].pop();
    if (performance.now() - this.filled > EVERY_MS) this.fill();
  }

  sort(index) {
    this.sorted = { by: index, down: this.sorted.by === index ? !this.sorted.down : index !== 0 };
    this.heads.forEach((head, at) => at === index ? head.setAttribute("aria-sort", this.sorted.down ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    this.fill();
  }

  fill() {
    const { data } = this;
    if (!data) return;
    this.filled = performance.now();
    const listed = [...data.names.keys()].join("\n");
    if (listed !== this.listed) {
      this.listed = listed;
      this.phases.replaceChildren(...[...data.names.keys()].map((name) => make("option", { value: name }, name)));
    }
    const phase = this.chosen || this.going;
    if (!phase) return;
    this.phases.value = phase;
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...(data.names.get(phase) || new Map()).values()].filter((row) => words.every((word) => `${row[0]} ${row[6]}`.toLowerCase().includes(word)));
    const { by, down } = this.sorted, key = by === null ? null : KEYS[by];
    rows.sort((a, b) => {
      if (key === null) return share(b) - share(a) || b[2] - a[2] || b[1] - a[1] || (a[0] < b[0] ? -1 : 1);
      const [x, y] = [key(a), key(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    });
    const shown = rows.map((row) => this.row(row));
    const same = shown.length === this.body.children.length && shown.every((each, index) => this.body.children[index] === each);
    if (!same) this.body.replaceChildren(...shown);
  }

  row(row) {
    const known = this.rows.get(row[0]) || this.add(row[0]), text = JSON.stringify(row);
    if (known.text !== text) {
      known.text = text;
      known.cells.forEach((cell, index) => { const words = CELLS[index](row); if (cell.textContent !== words) cell.textContent = words; });
      known.element.className = row[2] ? "failed" : "";
    }
    return known.element;
  }

  add(name) {
    const cells = HEADS.map((_, index) => make(index ? "td" : "th", index ? { class: index < 7 ? "number" : "cause" } : { scope: "row" }));
    const made = { element: make("tr", {}, ...cells), cells, text: "" };
    this.rows.set(name, made);
    return made;
  }
}
