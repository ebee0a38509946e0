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
    const last = Math.min(this.duration_s, 100000);
    for (let t = Math.max(0, last - ROOM); t < last; t += 1) this.planned.set(t, this.plannedStarts(t));
  }

  // Starts that are planned in [t, t + 1): the area under the level, and the herds. NaN where the plan is of users.
  plannedStarts(t) {
    const herd = this.plan.gates.reduce((sum, [at, users]) => sum + (at >= t && at < t + 1 ? users : 0), 0);
    if (this.plan.level_unit !== "starts/s") return herd || NaN;
    return this.area(t + 1) - this.area(t) + herd;
  }

  area(to) {
    const points = this.plan.level;
    if (this.areas === undefined) {
      this.areas = [0];
      for (let i = 1; i < points.length; i += 1) {
        const [[t0, y0], [t1, y1]] = [points[i - 1], points[i]];
        this.areas.push(this.areas[i - 1] + (t1 - t0) * (y0 + y1) / 2);
      }
    }
    let low = 0, high = points.length - 1;
    if (high < 1 || to <= points[0][0]) return 0;
    if (to >= points[high][0]) return this.areas[high];
    while (high - low > 1) { const middle = (low + high) >> 1; if (points[middle][0] <= to) low = middle; else high = middle; }
    const [[t0, y0], [t1, y1]] = [points[low], points[high]], part = to - t0;
    return this.areas[low] + part * (y0 + (y0 + (y1 - y0) * part / (t1 - t0))) / 2;
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
