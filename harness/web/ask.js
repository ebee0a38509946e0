// Asks a route of the master, and gets JSON or an error in words.
import { base } from "./elements.js";

export async function ask(path, options) {
  const answer = await fetch(new URL(path, base), options);
  if (answer.redirected) throw new Error("you are signed out. Sign in again in Locust's page"); // to the page of the login
  if (!answer.ok) throw new Error((await answer.text()).slice(0, 200) || `the web UI answered ${answer.status}`);
  return answer.json();
}
