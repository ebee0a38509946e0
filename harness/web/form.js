// The form of a run: groups of fields with their units and what they mean, a preview of the shape, and each problem
// beside its field. The master says what the fields are, and checks them; nothing is judged here.
import { ask } from "./ask.js";
import { base, make } from "./elements.js";
import { Preview } from "./preview.js";

const PAUSE_MS = 250;
const OPEN = new Set(["Shape", "Scenario", "Of the locustfile"]);

class RunForm extends HTMLElement {
  async connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    this.form = make("form", { novalidate: true, "aria-label": "New run" }, make("p", { class: "muted" }, "Asking for the fields …"));
    root.append(make("link", { rel: "stylesheet", href: new URL("live.css", base).href }), make("link", { rel: "stylesheet", href: new URL("form.css", base).href }), this.form);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.start(); });
    this.form.addEventListener("input", () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.check(), PAUSE_MS); });
    this.painter = setInterval(() => this.theme(), 500);
    this.theme();
    try {
      this.build(await ask("form"));
      this.check();
    } catch (error) { this.form.replaceChildren(make("p", { class: "box refused", role: "alert" }, `The fields did not come: ${error.message}. Load the page again.`)); }
  }

  disconnectedCallback() { clearInterval(this.painter); }

  build(described) {
    this.fields = new Map();
    this.general = make("div", { class: "box refused", role: "alert", hidden: true });
    this.preview = new Preview(this);
    this.button = make("button", { type: "submit", class: "start" }, "Start the run");
    const host = this.field({ name: "host", label: "Host", unit: "", help: "address of the target, e.g. http://127.0.0.1:8000", value: described.host, choices: [] });
    const picked = described.picker ? this.picker(described.picker) : [];
    const groups = described.groups.map(([title, fields]) => {
      const body = make("div", { class: "fields" }, ...fields.map((field) => this.field(field)));
      return OPEN.has(title) ? make("fieldset", {}, make("legend", {}, title), body)
        : make("details", {}, make("summary", {}, title), body);
    });
    this.form.replaceChildren(make("h2", {}, `New run: ${described.scenario}`), this.general,
      make("fieldset", {}, make("legend", {}, "Target"), make("div", { class: "fields" }, host, ...picked)),
      this.preview.element, ...groups, make("p", { class: "submit" }, this.button));
  }

  field({ name, label, unit, help, value, is_secret, is_number, choices }) {
    const id = `field-${name}`, about = `${id}-help`, why = `${id}-problem`;
    const known = { id, name, "aria-describedby": `${about} ${why}` };
    let input;
    if (choices.length) {
      input = make("select", known, ...choices.map((choice) => make("option", { value: choice }, choice || "none")));
    } else {
      input = make("input", { ...known, type: is_secret ? "password" : "text", inputmode: is_number ? "decimal" : undefined, autocomplete: "off", spellcheck: "false",
        placeholder: is_secret ? "as it was" : undefined });
    }
    input.value = value;
    const problem = make("p", { class: "problem", id: why });
    this.fields.set(name, { input, problem });
    return make("div", { class: "field" }, make("label", { for: id }, label, unit ? make("small", {}, ` ${unit}`) : null), input,
      make("p", { class: "muted", id: about }, help), problem);
  }

  picker({ shapes, users }) {
    const shape = this.field({ name: "shape_class", label: "Shape", unit: "", help: "how the load goes over time", value: shapes[0] || "", choices: shapes });
    const boxes = users.map((user) => make("label", { class: "check" }, make("input", { type: "checkbox", name: "user_classes", value: user, checked: true }), ` ${user}`));
    return [shape, make("div", { class: "field" }, make("span", { class: "label" }, "Users"), ...boxes)];
  }

  values() { return new URLSearchParams(new FormData(this.form)); }

  send(path) { return ask(path, { method: "POST", body: this.values() }); }

  async check() {
    const number = this.asked = (this.asked || 0) + 1;
    try {
      const told = await this.send("check");
      if (number !== this.asked) return; // a later answer is on its way
      this.tell(told.problems);
      this.preview.show(told.preview);
    } catch (error) { this.tell([["", `The fields could not be checked: ${error.message}`]]); }
  }

  async start() {
    clearTimeout(this.timer);
    this.asked = (this.asked || 0) + 1;
    this.button.disabled = true;
    try {
      const told = await this.send("../swarm");
      if (told.success) { location.reload(); return; }
      this.tell(told.problems || [["", told.message]], true);
    } catch (error) { this.tell([["", `Not started: ${error.message}`]], true); }
    this.button.disabled = false;
  }

  // Each problem beside its field; what is about none of them above all.
  tell(problems, isRefusal) {
    for (const { input, problem } of this.fields.values()) { problem.textContent = ""; input.removeAttribute("aria-invalid"); }
    const others = [];
    let first = null;
    for (const [name, text] of problems) {
      const field = this.fields.get(name);
      if (!field) { others.push(text); continue; }
      field.problem.textContent = field.problem.textContent ? `${field.problem.textContent}\n${text}` : text;
      field.input.setAttribute("aria-invalid", "true");
      first = first || field.input;
      const closed = field.input.closest("details:not([open])");
      if (closed) closed.open = true;
    }
    const head = isRefusal && problems.length ? [make("p", { class: "word" }, `Not started: ${problems.length === 1 ? "1 thing" : `${problems.length} things`} to put right`)] : [];
    const beside = problems.length - others.length;
    if (isRefusal && beside && others.length) others.push(`${beside} more: see the ${beside === 1 ? "field" : "fields"} marked below`);
    this.general.replaceChildren(...head, ...(others.length ? [make("ul", {}, ...others.map((text) => make("li", {}, text)))] : []));
    this.general.hidden = !head.length && !others.length;
    if (isRefusal && first) first.focus();
  }

  theme() {
    const found = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) || [255, 255, 255];
    const [red, green, blue] = found.map(Number), dark = red + green + blue < 384;
    if (this.hasAttribute("dark") !== dark) { this.toggleAttribute("dark", dark); if (this.preview) this.preview.redraw(); }
  }
}
customElements.define("springback-form", RunForm);
