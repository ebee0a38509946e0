// Runs in Locust's own page before its code: our tab, our form in the place of its form, and the way to our pages.
import "./form.js";
import "./panel.js";
import { link, make } from "./elements.js";

// Ours is the tab to begin with; whoever chose another keeps it.
const here = new URL(location.href);
if (!here.searchParams.has("tab")) {
  here.searchParams.set("tab", "springback");
  history.replaceState(history.state, "", here);
}

// Of Locust's page: its form has no groups, no units and no preview; ours is the first tab; and nothing is advertised.
document.head.append(make("style", {}, `
  form:has(input[name="userCount"]), :has(+ form input[name="userCount"]) { display: none !important; }
  .MuiTabs-root [role="tab"]:last-of-type { order: -1; }
  main form + springback-form + a[href^="http"], main form + a[href^="http"] { display: none; }
  .MuiAlert-message { white-space: pre-line; overflow-wrap: anywhere; }
  #springback-runs { flex: none; align-self: center; width: max-content; box-sizing: border-box; color: inherit; font: 500 14px/1.4 Roboto, Arial, sans-serif; margin: 0 auto 0 1.5rem; padding: .35rem .75rem; border: 1px solid currentColor; border-radius: .4rem; text-decoration: none; white-space: nowrap; }
  #springback-runs:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
  @media (max-width: 90rem) { #springback-runs span { display: none; } }
  @media (max-width: 40rem) { #springback-runs { margin-left: .75rem; padding: .2rem .5rem; } }
`));

const way = link("./", "Runs");
way.append(make("span", {}, " and reports"));
way.id = "springback-runs";

// Locust draws its page anew as it likes: what is ours is put back where it belongs.
function place() {
  const bar = document.querySelector("header .MuiToolbar-root") || document.querySelector("header");
  if (bar && way.parentElement !== bar) bar.insertBefore(way, bar.children[1] || null);
  for (const form of document.querySelectorAll('form:has(input[name="userCount"])')) {
    if (form.nextElementSibling?.localName !== "springback-form") form.after(make("springback-form", {}));
  }
}
new MutationObserver(place).observe(document.documentElement, { childList: true, subtree: true });
place();
