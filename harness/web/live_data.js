// What the page knows of a run: the seconds as they came, in columns of numbers that do not grow beyond four hours.
const ROOM = 16384;

export class Column {
  constructor() { this.base = 0; this.values = new Float64Array(256).fill(NaN); this.last = -1; }

  set(t, value) {
    if (t < this.base) return;
    if (t - this.base >= ROOM) {
      const gone = t - this.base - ROOM / 2;
      const kept = new Float64Array(ROOM).fill(NaN);
      kept.set(this.values.subarray(Math.min(gone, this.values.length)));
      this.values = kept;
      this.base += gone;
    }
    if (t - this.base >= this.values.length) {
      const more = new Float64Array(Math.min(ROOM, Math.max(t - this.base + 1, 2 * this.values.length))).fill(NaN);
      more.set(this.values);
      this.values = more;
    }
    this.values[t - this.base] = value;
    this.last = Math.max(this.last, t);
  }

  at(t) { const value = this.values[t - this.base]; return value === undefined ? NaN : value; }
}

const OF_POINT = ["made", "ok", "failed", "shed", "waiting", "p50", "p95", "p99"];

export class RunData {
  constructor(plan) {
    this.plan = plan;
    this.run = plan.run;
    this.duration_s = plan.phases.length ? plan.phases[plan.phases.length - 1][2] : 0;
    for (const name of OF_POINT) this[name] = new Column();
    this.planned = new Column();
    this.causes = new Map(); // cause -> {column, total}
    this.heat = new Map(); // t -> [row, count, row, count, ...]
    this.figures = new Map(); // "probe source key" -> {subject, source, key, probe, column}
    this.names = new Map(); // phase -> Map of name -> row
    this.last = -1;
    this.complete = Infinity; // the last second that is over: one that goes on would look like a dip
    const [first, starts] = plan.planned;
    starts.forEach((count, index) => this.planned.set(first + index, count === null ? NaN : count));
  }

  add(message) {
    for (const [t, ...rest] of message.points) {
      OF_POINT.forEach((name, index) => this[name].set(t, rest[index] === null ? NaN : rest[index]));
      const [causes, heat] = rest.slice(OF_POINT.length);
      for (const [cause, count] of Object.entries(causes)) {
        const known = this.causes.get(cause) || { column: new Column(), total: 0 };
        known.total += count - (known.column.at(t) || 0);
        known.column.set(t, count);
        this.causes.set(cause, known);
      }
      if (heat.length) this.heat.set(t, heat);
      this.last = Math.max(this.last, t);
    }
    for (const [probe, source, key, subject, values] of message.figures) {
      const id = `${probe}\n${source}\n${key}`;
      const known = this.figures.get(id) || { probe, source, key, subject, column: new Column() };
      for (const [t, value] of values) known.column.set(t, value);
      this.figures.set(id, known);
    }
    if (this.heat.size > ROOM) for (const t of [...this.heat.keys()].sort((a, b) => a - b).slice(0, ROOM / 2)) this.heat.delete(t);
  }

  addNames(rows) {
    for (const [phase, ...row] of rows) {
      if (!this.names.has(phase)) this.names.set(phase, new Map());
      this.names.get(phase).set(row[0], row);
    }
  }

  get newest() { return Math.min(this.last, this.complete); }

  of(subject) { return [...this.figures.values()].filter((figure) => figure.subject === subject); }

  phase(name) { return this.plan.phases.find((phase) => phase[0] === name); }
}
