// The shape as it would be, drawn while the fields change.
import { FORMATS } from "./charts.js";
import { make } from "./elements.js";

const HEIGHT = 150, LEFT = 48, RIGHT = 8, TOP = 20, BOTTOM = 18;
const { count } = FORMATS;

export class Preview {
  constructor(host) {
    this.host = host;
    this.canvas = make("canvas", { role: "img", class: "preview", "aria-label": "The shape" });
    this.words = make("p", { class: "muted", "aria-live": "polite" });
    this.element = make("figure", { class: "shape" }, this.canvas, make("figcaption", {}, this.words));
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
  }

  // null: the values make no shape; what was drawn last stays, greyed.
  show(shape) {
    this.element.classList.toggle("is-stale", shape === null);
    if (shape === null) { this.words.textContent = "These values make no shape."; return; }
    this.shape = shape;
    const starts = shape.starts === null ? "" : `, ${count(shape.starts)} starts in all`;
    const herds = shape.herds.length ? `, ${shape.herds.length === 1 ? "a herd" : `${shape.herds.length} herds`} of ${count(shape.herds[0][1])}` : "";
    this.words.textContent = `${count(shape.duration_s)} s, peak ${count(shape.peak)} ${shape.level_unit}${herds}, ${count(shape.users)} users${starts}.`;
    this.canvas.setAttribute("aria-label", `The shape: ${this.words.textContent} Phases: ${shape.phases.map(([name, start, end]) => `${name} ${end - start} s`).join(", ")}.`);
    this.redraw();
  }

  redraw() {
    const { shape, canvas } = this, wide = canvas.clientWidth, scale = globalThis.devicePixelRatio || 1;
    if (!shape || !wide) return;
    canvas.width = Math.round(wide * scale); canvas.height = Math.round(HEIGHT * scale);
    const pen = canvas.getContext("2d"), style = getComputedStyle(this.host), colour = (name) => style.getPropertyValue(name).trim();
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.font = "11px system-ui, Roboto, sans-serif";
    const high = HEIGHT - TOP - BOTTOM, x = (t) => LEFT + t / shape.duration_s * (wide - LEFT - RIGHT);
    const top = Math.max(shape.peak, 1) * (shape.herds.length ? 1.3 : 1.05), y = (level) => TOP + high - level / top * high;
    shape.phases.forEach(([name, start, end], index) => {
      pen.globalAlpha = name === "spike" ? 0.2 : index % 2 ? 0.12 : 0.05;
      pen.fillStyle = colour(name === "spike" ? "--spike" : "--band");
      pen.fillRect(x(start), TOP, x(end) - x(start), high);
      pen.globalAlpha = 1; pen.fillStyle = colour("--muted");
      if (x(end) - x(start) > pen.measureText(name).width + 4) pen.fillText(name, x(start) + 3, TOP - 7);
      if (x(end) - x(start) > 28) pen.fillText(`${start} s`, x(start) + 2, HEIGHT - 4);
    });
    pen.textAlign = "right";
    pen.fillText(count(shape.peak), LEFT - 5, y(shape.peak) + 4); pen.fillText("0", LEFT - 5, y(0) + 4);
    pen.fillText(`${shape.duration_s} s`, wide - RIGHT, HEIGHT - 4);
    pen.textAlign = "left";
    pen.strokeStyle = pen.fillStyle = colour("--blue"); pen.lineWidth = 2; pen.lineJoin = "round";
    pen.beginPath(); pen.moveTo(x(0), y(0));
    for (const [t, level] of shape.level) pen.lineTo(x(t), y(level));
    pen.stroke(); pen.lineTo(x(shape.duration_s), y(0)); pen.globalAlpha = 0.2; pen.fill(); pen.globalAlpha = 1;
    pen.fillStyle = pen.strokeStyle = colour("--vermillion"); pen.lineWidth = 1.5;
    for (const [t, users] of shape.herds) {
      pen.beginPath(); pen.moveTo(x(t), TOP + 8); pen.lineTo(x(t), TOP + high); pen.stroke();
      pen.beginPath(); pen.moveTo(x(t) - 5, TOP); pen.lineTo(x(t) + 5, TOP); pen.lineTo(x(t), TOP + 8); pen.fill();
      pen.fillText(`herd of ${count(users)}`, Math.min(x(t) + 9, wide - 90), TOP + 12);
    }
  }
}
