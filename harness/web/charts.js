// Draws the charts of the live page on canvases: one time axis, a value a second, phases as bands, marks as lines.
const LEFT = 58, RIGHT = 10, TOP = 18, BOTTOM = 20, HEIGHT = 170;
const COLOURS = ["--blue", "--vermillion", "--green", "--purple", "--ochre", "--grey"];
const DASHES = [[], [6, 3], [2, 3]];
const MOST = 6;
export const NOTHING = "Nothing was measured here so far.";

const plain = (value) => {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toPrecision(3).replace(/\.?0+$/, "");
};
const seconds = (value) => !Number.isFinite(value) ? "–" : value === 0 ? "0 s" : value < 0.001 ? `${Math.round(value * 1e6)} µs` : value < 1 ? `${plain(value * 1000)} ms` : `${plain(value)} s`;
const bytes = (value) => value === 0 ? "0" : Math.abs(value) < 1e6 ? `${plain(Math.round(value / 1e3))} kB` : `${plain(value / 1e6)} MB`;
export const FORMATS = { count: plain, s: seconds, bytes, cores: plain };

const line = (label, column, colour, more = {}) => ({ label, column, colour, ...more });
const sampled = (data, subject) => {
  const found = data.of(subject), several = new Set(found.map((each) => each.key)).size > 1;
  const named = found.map((each) => [several ? `${each.source} ${each.key}` : each.source, each.column]);
  return named.slice(0, 3 * MOST).map(([label, column], index) =>
    line(label, column, COLOURS[index % COLOURS.length], { dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length] }));
};

// The least limit, where it is not far above all that was used: a whole machine's memory would leave a flat line.
function least(data, subject, used) {
  const newest = (name) => data.of(name).map(({ column }) => column.at(column.last)).filter((value) => value > 0);
  const limit = Math.min(...newest(subject));
  return Number.isFinite(limit) && limit < 5 * Math.max(0, ...newest(used)) ? limit : 0;
}

function causes(data) {
  const order = [...data.causes].sort((a, b) => b[1].total - a[1].total);
  const shown = order.slice(0, order.length > MOST ? MOST - 1 : MOST);
  const lines = shown.map(([cause, { column }], index) => line(cause, column, COLOURS[(index + 1) % COLOURS.length], { area: true }));
  const rest = order.slice(shown.length).map(([, { column }]) => column);
  if (rest.length) {
    const sum = { at: (t) => rest.reduce((all, column) => all + (column.at(t) || 0), 0) };
    lines.push(line(`${rest.length} other causes`, sum, "--grey", { area: true }));
  }
  return lines;
}

export const CHARTS = [
  { id: "starts", title: "Starts: planned and made", unit: "starts/s", format: "count", lines: (data) => [
    line("made", data.made, "--blue", { area: true }), line("planned", data.planned, "--ink", { step: true, dash: [5, 3], isPlan: true })] },
  { id: "answers", title: "Answers by outcome", unit: "requests/s", format: "count", lines: (data) => [
    line("ok", data.ok, "--blue", { area: true }), line("shed", data.shed, "--ochre", { area: true, optional: true }),
    line("failed", data.failed, "--vermillion", { area: true }), line("no answer yet", data.waiting, "--grey", { area: true })] },
  { id: "latency", title: "Latency from the intended start", unit: "", format: "s", logarithmic: true, limit: (data) => data.plan.limits.p95_s,
    lines: (data) => [line("p99", data.p99, "--purple"), line("p95", data.p95, "--vermillion"), line("p50", data.p50, "--blue")] },
  { id: "heat", title: "Latency heat map", unit: "", format: "s", heat: true, lines: () => [], inWords: "In figures it is the chart of the latency." },
  { id: "errors", title: "Error causes", unit: "requests/s", format: "count", lines: causes, nothing: "No request has failed." },
  { id: "memory", title: "Memory of the target", unit: "", format: "bytes", limit: (data) => least(data, "memory limit", "memory"),
    lines: (data) => sampled(data, "memory") },
  { id: "cpu", title: "CPU of the target", unit: "cores", format: "cores", atLeast: 1, lines: (data) => sampled(data, "cpu") },
  { id: "throttling", title: "CPU quota used up, share of its periods", unit: "", format: "count", atLeast: 1, lines: (data) => sampled(data, "throttling") },
  { id: "pool", title: "Connection pools", unit: "connections", format: "count", lines: (data) => sampled(data, "pool") },
  { id: "breaker", title: "Circuit breakers: 0 closed, 1 open, 2 half-open", unit: "state", format: "count", atLeast: 2, step: true, lines: (data) => sampled(data, "breaker") },
  { id: "replicas", title: "Replicas", unit: "replicas", format: "count", step: true, lines: (data) => sampled(data, "replicas") },
  { id: "connections", title: "Connections", unit: "connections", format: "count", lines: (data) => sampled(data, "connections") },
  { id: "queue", title: "Queues", unit: "waiting", format: "count", lines: (data) => sampled(data, "queue") },
  { id: "lag", title: "Load generator: event-loop lag, the worst process", unit: "", format: "s", atLeast: 0.01, lines: (data) => sampled(data, "generator lag") },
  { id: "load-cpu", title: "Load generator: CPU, the busiest process", unit: "cores", format: "cores", atLeast: 1, lines: (data) => sampled(data, "generator cpu") },
];

const ALWAYS = new Set(["starts", "answers", "latency", "heat", "errors", "memory", "cpu", "lag", "load-cpu"]);
export const isShown = (chart, data) => ALWAYS.has(chart.id) || chart.lines(data).length > 0;

// The highest of each stretch of seconds that shares a pixel, so that no peak is lost; NaN where there is none.
function columns(line_, from, to, pixels, newest) {
  const span = to - from, count = Math.min(span, Math.max(1, Math.floor(pixels)));
  const values = new Float64Array(count).fill(NaN);
  const end = line_.isPlan ? to : Math.min(to, newest + 1);
  for (let t = from; t < end; t += 1) {
    const value = line_.column.at(t);
    if (Number.isNaN(value)) continue;
    const place = Math.min(count - 1, Math.floor((t - from) * count / span));
    if (!(values[place] >= value)) values[place] = value;
  }
  return values;
}

function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((top) => top >= value * 0.999) || value;
}

// The lines of a chart, those that it shows only where there is something.
export const linesOf = (chart, data, { from, to }) =>
  chart.lines(data).filter((each) => !each.optional || each.column.last >= 0 && highest(each.column, from, to) > 0);

// One second of a chart in words.
export function told(chart, lines, data, t) {
  const row = data.heat.get(t) || [];
  if (chart.heat && row.length) {
    const { floor_s, rows } = data.plan.heat, at = row.filter((_, index) => index % 2 === 0), edge = (of) => seconds(floor_s * 2 ** (of / rows));
    const answers = row.reduce((sum, each, index) => sum + (index % 2 ? each : 0), 0);
    return `${t} s: ${plain(answers)} answers took ${edge(Math.min(...at))} to ${edge(Math.max(...at) + 1)}`;
  }
  const format = FORMATS[chart.format], values = lines.map(({ label, column }) => [label, column.at(t)]).filter(([, value]) => !Number.isNaN(value));
  return `${t} s: ${values.map(([label, value]) => `${label} ${format(value)}`).join(", ") || "nothing"}`;
}

export function draw(canvas, chart, data, view, colour, scale) {
  const wide = canvas.clientWidth;
  if (!wide) return null;
  if (canvas.width !== Math.round(wide * scale)) { canvas.width = Math.round(wide * scale); canvas.height = Math.round(HEIGHT * scale); }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, wide, HEIGHT);
  pen.font = "11px system-ui, Roboto, sans-serif";
  const { from, to } = view, room = wide - LEFT - RIGHT, high = HEIGHT - TOP - BOTTOM;
  const x = (t) => LEFT + (t - from) / (to - from) * room;
  bands(pen, data, x, high, wide, colour);
  const lines = linesOf(chart, data, view);
  if (chart.heat) heat(pen, data, view, x, high, colour);
  else curves(pen, chart, lines, data, view, x, room, high, colour);
  axis(pen, view, x, high, wide, colour);
  marks(pen, view, x, high, colour);
  return { x, lines, left: LEFT, right: wide - RIGHT };
}

function highest(column, from, to) {
  let top = NaN;
  for (let t = from; t < to; t += 1) if (!(top >= column.at(t))) top = column.at(t);
  return top;
}

function bands(pen, data, x, high, wide, colour) {
  pen.save();
  pen.beginPath(); pen.rect(LEFT, 0, wide - LEFT - RIGHT, TOP + high); pen.clip();
  data.plan.phases.forEach(([name, start, end], index) => {
    const spike = name === "spike", left = Math.max(LEFT, x(start)), right = Math.min(wide - RIGHT, x(end));
    if (right <= left) return;
    pen.globalAlpha = spike ? 0.2 : index % 2 ? 0.12 : 0.05;
    pen.fillStyle = colour(spike ? "--spike" : "--band");
    pen.fillRect(left, TOP, right - left, high);
    pen.globalAlpha = 1;
    pen.fillStyle = colour("--muted");
    if (right - left > pen.measureText(name).width + 6) pen.fillText(name, left + 3, TOP - 6);
  });
  pen.restore();
}

function curves(pen, chart, lines, data, view, x, room, high, colour) {
  const { from, to } = view;
  const all = lines.map((each) => columns(each, from, to, room, data.newest));
  const limit = chart.limit ? chart.limit(data) : 0;
  let top = chart.atLeast || 0, low = Infinity;
  const count = all.length ? all[0].length : 0, stack = new Float64Array(count);
  lines.forEach((each, index) => all[index].forEach((value, place) => {
    if (Number.isNaN(value)) return;
    if (each.area) { stack[place] += value; value = stack[place]; }
    if (value > top) top = value;
    if (value > 0 && value < low) low = value;
  }));
  if (!top) { nothing(pen, chart, data, high, colour, room); return; }
  if (limit && limit < top * 30) top = Math.max(top, limit * 1.05);
  const logarithmic = chart.logarithmic && top / low > 30;
  const bottom = logarithmic ? 10 ** Math.floor(Math.log10(low)) : 0;
  top = logarithmic ? top * 1.15 : niceTop(top * 1.02);
  const y = logarithmic
    ? (value) => TOP + high - Math.log(Math.max(value, bottom) / bottom) / Math.log(top / bottom) * high
    : (value) => TOP + high - value / top * high;
  grid(pen, chart, logarithmic, bottom, top, y, x, view, colour);
  const step = (to - from) / Math.max(1, count);
  const below = new Float64Array(count);
  lines.forEach((each, index) => {
    pen.strokeStyle = pen.fillStyle = colour(each.colour);
    if (each.area) area(pen, all[index], below, x, y, from, step);
    else stroke(pen, all[index], x, y, from, step, each.step || chart.step, each.dash || []);
  });
  if (limit && limit <= top) {
    pen.strokeStyle = colour("--vermillion"); pen.setLineDash([4, 4]); pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(from), y(limit)); pen.lineTo(x(to), y(limit)); pen.stroke(); pen.setLineDash([]);
  }
}

function area(pen, values, below, x, y, from, step) {
  values.forEach((value, place) => {
    if (!(value > 0)) return;
    const left = x(from + place * step), right = x(from + (place + 1) * step);
    const base = y(below[place]), roof = y(below[place] + value);
    pen.globalAlpha = 0.55; pen.fillRect(left, roof, Math.max(0.7, right - left), base - roof);
    pen.globalAlpha = 1; pen.fillRect(left, roof, Math.max(0.7, right - left), 1.3);
    below[place] += value;
  });
}

function stroke(pen, values, x, y, from, step, isStep, dash) {
  pen.lineWidth = 1.8; pen.lineJoin = "round"; pen.setLineDash(dash);
  pen.beginPath();
  let before = NaN, gap = 0;
  values.forEach((value, place) => {
    if (Number.isNaN(value)) { gap += 1; if (gap > 3) before = NaN; return; }
    const at = isStep ? x(from + place * step) : x(from + (place + 0.5) * step);
    if (Number.isNaN(before)) { pen.moveTo(at, y(value)); pen.lineTo(at + 1.5, y(value)); }
    else { if (isStep) pen.lineTo(at, y(before)); pen.lineTo(at, y(value)); }
    if (isStep) pen.lineTo(x(from + (place + 1) * step), y(value));
    before = value; gap = 0;
  });
  pen.stroke(); pen.setLineDash([]);
}

function grid(pen, chart, logarithmic, bottom, top, y, x, view, colour) {
  const rungs = [];
  if (logarithmic) for (let rung = bottom; rung <= top; rung *= 10) rungs.push(rung);
  else rungs.push(0, top / 2, top);
  pen.textAlign = "right";
  for (const rung of rungs) {
    pen.fillStyle = colour("--muted"); pen.fillText(FORMATS[chart.format](rung), LEFT - 6, y(rung) + 4);
    pen.strokeStyle = colour("--rule"); pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(view.from), y(rung) + 0.5); pen.lineTo(x(view.to), y(rung) + 0.5); pen.stroke();
  }
  pen.textAlign = "left";
}

function nothing(pen, chart, data, high, colour, room) {
  pen.fillStyle = colour("--muted"); pen.textAlign = "center"; pen.font = "13px system-ui, Roboto, sans-serif";
  const early = data.isOver ? "The run ended before its first second." : "The first second is not over yet.";
  pen.fillText(data.newest < 0 ? early : chart.nothing || NOTHING, LEFT + room / 2, TOP + high / 2);
  pen.textAlign = "left"; pen.font = "11px system-ui, Roboto, sans-serif";
}

function heat(pen, data, view, x, high, colour) {
  const { from, to } = view, { floor_s, rows } = data.plan.heat;
  let low = Infinity, top = -1, most = 0;
  const cells = new Map(), span = to - from, wideEnough = Math.max(1, Math.ceil(span / 700));
  for (let t = from; t < Math.min(to, data.newest + 1); t += 1) {
    const row = data.heat.get(t);
    if (!row) continue;
    const place = Math.floor((t - from) / wideEnough);
    for (let i = 0; i < row.length; i += 2) {
      const key = place * 1000 + row[i], count = (cells.get(key) || 0) + row[i + 1];
      cells.set(key, count);
      low = Math.min(low, row[i]); top = Math.max(top, row[i]); most = Math.max(most, count);
    }
  }
  if (top < 0) { nothing(pen, { }, data, high, colour, x(to) - LEFT); return; }
  low = Math.max(0, low - 1); top += 1;
  const tall = high / (top - low + 1), y = (row) => TOP + high - (row - low + 1) * tall;
  pen.fillStyle = colour("--heat");
  for (const [key, count] of cells) {
    const place = Math.floor(key / 1000), row = key % 1000, left = x(from + place * wideEnough);
    pen.globalAlpha = 0.15 + 0.85 * Math.log(1 + count) / Math.log(1 + most);
    pen.fillRect(left, y(row), Math.max(1, x(from + (place + 1) * wideEnough) - left), Math.max(1, tall));
  }
  pen.globalAlpha = 1; pen.fillStyle = colour("--muted"); pen.textAlign = "right";
  for (let value = 1e-5; value < 1e5; value *= 10) {
    const row = rows * Math.log2(value / floor_s);
    if (row >= low && row <= top) pen.fillText(seconds(value), LEFT - 6, y(row) + tall + 4);
  }
  pen.textAlign = "left";
}

function axis(pen, view, x, high, wide, colour) {
  const span = view.to - view.from, wanted = span / Math.max(2, wide / 90);
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 86400].find((each) => each >= wanted) || span;
  pen.fillStyle = colour("--muted"); pen.textAlign = "center";
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    if (x(t) < LEFT + 12 || x(t) > wide - 16) continue;
    pen.fillText(step >= 60 ? `${t / 60} min` : `${t} s`, x(t), TOP + high + 14);
  }
  pen.textAlign = "left";
}

function marks(pen, view, x, high, colour) {
  let free = -Infinity;
  for (const { t, letter } of view.marks) {
    if (t < view.from || t > view.to) continue;
    pen.strokeStyle = colour("--ink"); pen.setLineDash([3, 3]); pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(t), TOP); pen.lineTo(x(t), TOP + high); pen.stroke(); pen.setLineDash([]);
    if (x(t) < free) continue; // the letter of a neighbour stands there
    pen.fillStyle = colour("--ink"); pen.fillText(letter, x(t) + 3, TOP + 10);
    free = x(t) + 12;
  }
}
