// The parts of the live page that are made anew when what they show has changed; each returns its elements.
import { FORMATS } from "./charts.js";
import { base, link, make } from "./elements.js";

const { count, s, bytes } = FORMATS;
const percent = (value) => `${count(100 * value)} %`;
const UNITS = { ratio: percent, bytes, s };
const figure = (value, unit) => (value === null || value === undefined ? "unbounded" : (UNITS[unit] || ((each) => `${count(each)}${unit ? ` ${unit}` : ""}`))(value));
const together = (words) => words.replace(/(\d) (?=%|s\b|[mµ]s\b|[kMG]B\b)/g, "$1\u00a0"); // a figure and its unit on one line
const list = (lines) => make("ul", {}, ...lines.map((line) => make("li", {}, line)));

export function headline(state, words, phase, run, target) {
  const title = state === "running" ? `Running: ${phase}` : words.charAt(0).toUpperCase() + words.slice(1);
  const about = [run, target].filter(Boolean).join(" → ");
  const first = state === "idle" ? make("p", {}, "Start one in ", make("a", { href: new URL("../", base).href }, "the form"), "; it can be watched here.") : null;
  return [make("h2", {}, title), about ? make("p", { class: "muted" }, about) : null, first];
}

export function course(phases, elapsed, duration, now) {
  if (!phases.length) return [];
  const parts = phases.map(([name, start, end]) => {
    const done = Math.min(1, Math.max(0, (elapsed - start) / (end - start))), bar = make("span", { class: "bar" }, make("i", {}));
    bar.firstChild.style.width = `${done * 100}%`;
    const part = make("div", { class: name === now ? "now" : undefined }, bar, make("span", {}, `${name} `), make("span", { class: "muted" }, together(`${end - start} s`)));
    part.style.flexGrow = end - start;
    return part;
  });
  return [make("div", { class: "course", role: "img", "aria-label": `${elapsed} of ${duration} seconds, ${now || "no phase"}` }, ...parts)];
}

function tile(name, value, about, state, sign = "beyond its limit") {
  return make("div", { class: `tile ${state || ""}` }, make("dt", {}, name), make("dd", {}, together(value), make("small", {}, together(about)),
    state === "beyond" ? make("span", { class: "sign" }, sign) : null));
}

export function tiles(facts) {
  const { conditions, recovery, users: [connected, wanted, parked], nodes: [nodes, lost] } = facts;
  const against = (name, alert, words) => {
    const [value, limit, unit, over] = conditions[alert] || [undefined, null, "", false];
    if (value === undefined) return tile(name, "–", words);
    return tile(name, figure(value, unit), limit === null ? words : `limit ${figure(limit, unit)}, ${words}`, over ? "beyond" : "within");
  };
  const made = facts.made === null ? "–" : count(facts.made);
  const plan = facts.planned === null ? "the last second" : `of ${count(facts.planned)} planned, the last second`;
  // Random arrivals vary by the root of their number: ten seconds tell what one cannot.
  const [recent, due] = facts.recent, least = due - 3 * Math.sqrt(due) - 1;
  const rate = tile("Starts per second", made, plan, least <= 0 ? "" : recent < least ? "beyond" : "within", "below the plan of 10 s");
  const shown = [
    facts.state === "warm-up" ? tile("Users parked", String(parked), `of ${wanted}`) : rate,
    against("Error ratio", "error ratio", "last 10 s"), against("p95 latency", "p95 latency", "last 10 s"),
    against("Memory growth", "memory growth", "since the baseline"), recoveryTile(recovery),
    tile("No answer yet", count(facts.waiting), "requests", ""), tile("Users", String(connected), `of ${wanted}`),
    tile("Load processes", String(nodes - lost.length), lost.length ? `of ${nodes}` : "none lost", lost.length ? "beyond" : "", `lost: ${lost.join(", ")}`),
  ];
  return shown;
}

function recoveryTile(recovery) {
  if (!recovery) return tile("Recovery clock", "–", "starts when the spike is over");
  const { since_spike_s, normal_after_s, limit_s, hold_s, heard_s, has_recovered } = recovery, limit = limit_s === null ? "" : `limit ${count(limit_s)} s, `;
  if (normal_after_s === null) return tile("Recovery clock", `${count(since_spike_s)} s`, `${limit}not as before yet`, limit_s !== null && since_spike_s > limit_s ? "beyond" : "");
  const held = heard_s - normal_after_s, words = has_recovered ? "as before ever since" : `as before for ${count(held)} of ${count(hold_s)} s`;
  return tile("Recovery clock", `${count(normal_after_s)} s`, limit + words, limit_s !== null && normal_after_s > limit_s ? "beyond" : "within");
}

export function markList(marks) {
  if (!marks.length) return [];
  return [make("ul", { class: "marks", "aria-label": "Marks in the charts" },
    ...marks.map(({ t, text, letter }) => make("li", {}, make("b", {}, letter), ` ${count(Math.round(t * 10) / 10)} s – ${text}`)))];
}

const table = (name, heads, rows) => make("div", { class: "scroll" }, make("table", { class: name },
  make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...rows)));
const row = (first, cells, name) => make("tr", { class: name }, make("th", { scope: "row" }, first), ...cells.map((cell) => make("td", {}, cell)));

export function alertList(alerts) {
  const heading = make("h3", {}, "Alerts");
  if (!alerts.length) return [heading, make("p", { class: "muted" }, "None was raised. Alerts inform; only the report judges.")];
  const rows = [...alerts].reverse().map(([alert, start, end, unit, worst, limit, detail]) => row(alert,
    [`${count(start)} s`, end === null ? "holds" : `${count(end)} s`, limit === null ? detail : `${figure(worst, unit)}${detail ? ` (${detail})` : ""}`, limit === null ? "–" : figure(limit, unit)],
    end === null && limit !== null ? "holds" : undefined));
  return [heading, table("alerts", ["Alert", "Begin", "End", "Worst", "Limit"], rows)];
}

const STATES = { within: "within so far", beyond: "beyond so far", open: "judged at the end" };
export function criteriaTable(criteria) {
  if (!criteria.length) return [];
  const rows = criteria.map(([title, value, limit, unit, state]) => row(title,
    [value === null ? (state === "beyond" ? "unbounded" : "–") : figure(value, unit), limit === null ? "–" : figure(limit, unit), STATES[state]], state));
  return [make("h3", {}, "Findings so far"), table("criteria", ["What will be judged", "So far", "Limit", "State"], rows),
    make("p", { class: "muted" }, "For watching: only the report judges.")];
}

export function verdict(state, run, judged, files, problems) {
  if (state === "refused") return [make("div", { class: "box refused" }, make("p", { class: "word" }, "The start was refused"), list(problems))];
  if (state !== "ended") return [];
  const links = make("p", { class: "links" }, ...files.map((file) =>
    link(`runs/${encodeURIComponent(run)}/${file}`, file === "report.html" ? "Open the report" : file, file === "report.html")));
  if (!judged) {
    return [make("div", { class: "box INCONCLUSIVE" }, make("p", { class: "word" }, "No verdict"),
      make("p", {}, `The reports could not be written. To judge what was recorded: springback report runs/${run}`), links)];
  }
  const box = make("div", { class: `box verdict ${judged.outcome}`, role: "status" }, make("p", { class: "word" }, judged.outcome), make("p", {}, judged.reason));
  if (judged.notes.length) box.append(list(judged.notes));
  box.append(links);
  const rows = (guards) => judged.findings.filter((finding) => finding.is_guard === guards).map((finding) => make("tr", {},
    make("td", { class: `outcome ${finding.outcome}` }, finding.outcome), make("td", {}, make("b", {}, finding.title), make("span", { class: "why" }, finding.reason))));
  const findings = (title, guards) => make("details", { open: !guards }, make("summary", {}, title), make("table", { class: "findings" }, make("tbody", {}, ...rows(guards))));
  return [box, findings("What was judged", false), findings("Can the measurement be trusted?", true)];
}
