// Elements by way of the DOM: everything that comes from the server is set as text, never as HTML.
export const base = new URL(".", import.meta.url);

export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const link = (path, text, main) =>
  make("a", { href: new URL(path, base).href, target: "_blank", rel: "noopener", class: main ? "main" : undefined }, text);

// A part of the page that is made anew only when what it shows has changed: links keep their focus, text its selection.
export class Part {
  constructor(tag, attributes, build) {
    this.element = make(tag, attributes);
    this.build = build;
    this.shown = "";
  }

  show(...facts) {
    const text = JSON.stringify(facts);
    if (text === this.shown) return;
    this.shown = text;
    const made = this.build(...facts).filter(Boolean);
    this.element.replaceChildren(...made);
    this.element.hidden = made.length === 0;
  }
}
