// The live tab in Locust's UI: a custom element that asks /springback/status once a second while it is on the page.
// Everything that comes from the server is set as text, never as HTML.
"use strict";
(() => {
  const base = new URL(".", document.currentScript.src);

  // Ours is the tab to begin with; whoever chose another keeps it.
  const here = new URL(location.href);
  if (!here.searchParams.has("tab")) {
    here.searchParams.set("tab", "springback");
    history.replaceState(history.state, "", here);
  }

  // Of Locust's own page. Fields that a shape makes void say 0 users; ours is the first tab; and nothing is advertised.
  const PAGE = `
    .MuiTextField-root:has(input:is([name="userCount"], [name="spawnRate"], [name="runTime"]):disabled) { display: none; }
    .MuiTabs-root [role="tab"]:last-of-type { order: -1; }
    main form + a[href^="http"] { display: none; }
  `;
  const pageStyle = document.createElement("style");
  pageStyle.textContent = PAGE;
  document.head.append(pageStyle);

  const STYLE = `
    :host {
      display: block; font: 16px/1.5 Roboto, Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums;
      --ink: #1c2024; --muted: #59616b; --rule: #dfe3e7; --soft: #eef0f2; --track: #c9cfd6; --link: #0067b1; --done: #15803d;
      --pass: #0a6b42; --pass-soft: #e3f3ea; --fail: #b3261e; --fail-soft: #fbe9e7; --doubt: #7d5400; --doubt-soft: #fdf1d8;
      color: var(--ink); padding-bottom: 3.5rem;
    }
    :host([dark]) {
      --ink: #e8eaed; --muted: #a7afb9; --rule: #363c43; --soft: #23282e; --track: #444b53; --link: #7cc0f5; --done: #35b06c;
      --pass: #4fd093; --pass-soft: #14301f; --fail: #ff8a7d; --fail-soft: #3c1916; --doubt: #f0be55; --doubt-soft: #352808;
    }
    * { box-sizing: border-box; }
    h2 { font-size: 1.375rem; line-height: 1.25; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
    h3 { font-size: 1rem; font-weight: 600; margin: 1.75rem 0 .35rem; }
    p { margin: .15rem 0 0; } a { color: var(--link); }
    .muted { color: var(--muted); font-size: .875rem; overflow-wrap: anywhere; }
    .box { padding: 1rem 1.25rem; border-radius: .6rem; border-left: .4rem solid currentColor; background: var(--soft); margin-top: 1rem; }
    .box > * { color: var(--ink); } .box .word { font-size: 1.5rem; font-weight: 700; line-height: 1.2; color: inherit; }
    .box ul { margin: .35rem 0 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
    .PASS { color: var(--pass); } .FAIL, .refused { color: var(--fail); } .INCONCLUSIVE { color: var(--doubt); }
    .box.PASS { background: var(--pass-soft); } .box.FAIL, .box.refused { background: var(--fail-soft); } .box.INCONCLUSIVE { background: var(--doubt-soft); }
    .links { display: flex; flex-wrap: wrap; gap: .35rem 1.25rem; margin-top: .6rem; }
    .links .main { font-weight: 600; }
    .course { display: flex; gap: 3px; margin: 1.1rem 0 .25rem; }
    .course div { flex: 1 1 0; min-width: 4.5rem; }
    .course .bar { display: block; height: .6rem; border-radius: .3rem; background: var(--track); overflow: hidden; min-width: 0; }
    .course .bar i { display: block; height: 100%; background: var(--done); }
    .course .now { font-weight: 700; } .course span { font-size: .8125rem; white-space: nowrap; }
    dl { display: flex; flex-wrap: wrap; gap: .75rem 2.5rem; margin: 1rem 0 0; }
    dt { color: var(--muted); font-size: .8125rem; } dd { margin: 0; font-size: 1.25rem; font-weight: 600; line-height: 1.3; }
    dd small { font-size: .875rem; font-weight: 400; color: var(--muted); }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
    th, td { text-align: left; vertical-align: top; padding: .45rem 1.25rem .45rem 0; border-top: 1px solid var(--rule); }
    thead th { border-top: 0; color: var(--muted); font-size: .8125rem; font-weight: 600; white-space: nowrap; }
    tbody th { font-weight: 600; } td.outcome { font-weight: 700; font-size: .875rem; white-space: nowrap; width: 9rem; }
    .number { text-align: right; white-space: nowrap; width: 9rem; }
    td .why { display: block; color: var(--muted); font-size: .875rem; font-weight: 400; max-width: 85ch; overflow-wrap: anywhere; }
    .guards td, .guards th { border-color: var(--rule); }
    :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
  `;

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== undefined && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const link = (path, text, main) =>
    make("a", { href: new URL(path, base).href, target: "_blank", rel: "noopener", class: main ? "main" : undefined }, text);
  const seconds = (value) => `${Math.max(0, Math.floor(value))} s`;
  const figure = (value) => (value === null ? "–" : value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));

  function course(status) {
    const parts = status.phases.map((phase) => {
      const done = Math.min(1, Math.max(0, (status.elapsed_s - phase.start_s) / (phase.end_s - phase.start_s)));
      const bar = make("span", { class: "bar" }, make("i", {}));
      bar.firstChild.style.width = `${done * 100}%`;
      const part = make("div", { class: phase.phase === status.phase ? "now" : undefined }, bar,
        make("span", {}, `${phase.phase} `), make("span", { class: "muted" }, `${phase.end_s - phase.start_s} s`));
      part.style.flexGrow = phase.end_s - phase.start_s;
      return part;
    });
    return make("div", { class: "course", role: "img", "aria-label": `${status.elapsed_s} of ${status.duration_s} seconds` }, ...parts);
  }

  function facts(status) {
    const fact = (name, value, more) => make("div", {}, make("dt", {}, name), make("dd", {}, value, more ? make("small", {}, ` ${more}`) : null));
    const list = make("dl", {});
    if (status.state === "running") {
      list.append(fact("Phase", status.phase, `for ${seconds(status.in_phase_s)}, ${seconds(status.phase_left_s)} left`));
      list.append(fact("Run", seconds(status.elapsed_s), `of ${status.duration_s} s`));
    }
    if (status.state === "warm-up") list.append(fact("Users parked", `${status.users_parked}`, `of ${status.users_wanted}`));
    else list.append(fact("Users", `${status.users_connected}`, `of ${status.users_wanted}`));
    const lost = status.nodes_lost.length ? `, lost: ${status.nodes_lost.join(", ")}` : "";
    list.append(fact("Load processes", `${status.nodes}`, lost));
    return list;
  }

  function phases(status) {
    const head = ["Phase", "Requests", "Failed", "95 % within"].map((text, index) => make("th", { scope: "col", class: index ? "number" : undefined }, text));
    const rows = status.phases.map((phase) => make("tr", {},
      make("th", { scope: "row" }, phase.phase),
      make("td", { class: "number" }, phase.requests.toLocaleString("en")),
      make("td", { class: "number" }, phase.failed.toLocaleString("en")),
      make("td", { class: "number" }, phase.p95_ms === null ? "–" : `${figure(phase.p95_ms)} ms`)));
    return [make("h3", {}, "So far"),
      make("div", { class: "scroll" }, make("table", { class: "phases" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows))),
      make("p", { class: "muted" }, "By intended start; latency of successful requests. For watching: only the report judges.")];
  }

  function verdict(status) {
    const judged = status.verdict;
    const run = `runs/${encodeURIComponent(status.run)}`;
    const links = make("p", { class: "links" },
      ...status.files.map((file) => link(`${run}/${file}`, file === "report.html" ? "Open the report" : file, file === "report.html")));
    if (!judged) {
      return [make("div", { class: "box INCONCLUSIVE" }, make("p", { class: "word" }, "No verdict"),
        make("p", {}, `The reports could not be written. To judge what was recorded: springback report runs/${status.run}`), links)];
    }
    const box = make("div", { class: `box verdict ${judged.outcome}` }, make("p", { class: "word" }, judged.outcome), make("p", {}, judged.reason));
    if (judged.notes.length) box.append(make("ul", {}, ...judged.notes.map((note) => make("li", {}, note))));
    box.append(links);
    const rows = (guards) => judged.findings.filter((finding) => finding.is_guard === guards).map((finding) => make("tr", {},
      make("td", { class: `outcome ${finding.outcome}` }, finding.outcome),
      make("td", {}, make("b", {}, finding.title), make("span", { class: "why" }, finding.reason))));
    const table = (title, guards) => [make("h3", {}, title), make("table", { class: "findings" }, make("tbody", {}, ...rows(guards)))];
    return [box, ...table("What was judged", false), ...table("Can the measurement be trusted?", true)];
  }

  function content(status) {
    const title = status.state === "running" ? `Running: ${status.phase}` : status.words.charAt(0).toUpperCase() + status.words.slice(1);
    const about = [status.run, status.target].filter(Boolean).join(" → ");
    const parts = [make("h2", {}, title), about ? make("p", { class: "muted" }, about) : null];
    if (status.state === "refused") {
      parts.push(make("div", { class: "box refused" }, make("p", { class: "word" }, "The start was refused"),
        make("ul", {}, ...status.problems.map((problem) => make("li", {}, problem)))));
    } else if (status.state === "ended") parts.push(...verdict(status));
    if (status.alerts.length && status.state !== "ended") {
      parts.push(make("div", { class: "box refused", role: "status" }, make("p", { class: "word" }, status.alerts.length === 1 ? "Alert" : "Alerts"),
        make("ul", {}, ...status.alerts.map((alert) => make("li", {}, alert)))));
    }
    if (status.faults.length && status.state !== "ended") {
      parts.push(make("div", { class: "box", role: "status" }, make("p", { class: "word" }, "Injected just now"),
        make("ul", {}, ...status.faults.map((fault) => make("li", {}, fault)))));
    }
    if (status.phases.length && status.state !== "ended") parts.push(course(status), facts(status), ...phases(status));
    parts.push(make("p", { class: "links" }, link("./", "All runs and their reports")));
    return parts.filter(Boolean);
  }

  class Panel extends HTMLElement {
    connectedCallback() {
      if (!this.shadowRoot) {
        const root = this.attachShadow({ mode: "open" });
        this.view = make("section", { "aria-live": "off" }, make("p", { class: "muted" }, "Asking …"));
        root.append(make("style", {}, STYLE), this.view);
      }
      this.here = true;
      this.corner(true);
      this.theme();
      this.ask();
    }

    disconnectedCallback() {
      this.here = false;
      this.corner(false);
      clearTimeout(this.timer);
      clearTimeout(this.painter);
    }

    // The panel has the link in the corner itself, and text that it would lie on.
    corner(hidden) {
      const way = document.getElementById("springback-runs");
      if (way) way.hidden = hidden;
    }

    async ask() {
      let again_s = 2;
      try {
        const answer = await fetch(new URL("status", base), { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(`the web UI answered ${answer.status}`);
        const text = await answer.text();
        // As long as nothing has changed, the page is left alone: links keep their focus and text its selection.
        if (text !== this.shown) this.view.replaceChildren(...content(JSON.parse(text)));
        this.shown = text;
        again_s = JSON.parse(text).ask_again_s;
      } catch (error) {
        this.shown = "";
        this.view.replaceChildren(make("h2", {}, "No connection"), make("p", { class: "muted" }, `Locust does not answer: ${error.message}. Trying again.`));
      }
      if (this.here) this.timer = setTimeout(() => this.ask(), again_s * 1000);
    }

    // Locust changes its theme without telling: its page's background says which one it is.
    theme() {
      const [red, green, blue] = (getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
      this.toggleAttribute("dark", red + green + blue < 384);
      if (this.here) this.painter = setTimeout(() => this.theme(), 250);
    }
  }
  customElements.define("springback-panel", Panel);

  addEventListener("DOMContentLoaded", () => {
    // Several problems come as several lines; Locust would run them together.
    document.head.append(make("style", {}, ".MuiAlert-message { white-space: pre-line; overflow-wrap: anywhere; } @media (max-width: 60rem) { #springback-runs { position: static !important; display: inline-block; margin: 1rem; } } #springback-runs[hidden] { display: none; }"));
    const way = link("./", "Springback: runs and reports");
    way.id = "springback-runs";
    way.style.cssText = "position:fixed;left:1rem;bottom:.6rem;z-index:5;font:500 14px/1.4 Roboto,Arial,sans-serif;color:#fff;background:#15803d;padding:.2rem .8rem;border-radius:1rem;text-decoration:none";
    document.body.append(way);
    way.hidden = document.querySelector("springback-panel") !== null;
  });
})();
