"use strict";
// Signing in by a link or a passkey, and the passkeys of who signed in. What the API said is put
// into the page as text. The half of the pass is in `half` alone, and goes with this page.

const at = (id) => document.getElementById(id);
const show = (id, on) => { at(id).hidden = !on; };
const home = document.documentElement.dataset.home;
const asks = home === location.origin && "PublicKeyCredential" in window &&
  "parseRequestOptionsFromJSON" in PublicKeyCredential;
let half = null;
let link = location.hash.slice(1);

function say(text, code) {
  at("said").replaceChildren(text);
  if (!code) return;
  const block = document.createElement("pre");
  block.textContent = code;
  at("said").append(block);
}

async function ask(method, path, body) {
  const headers = {};
  if (body) headers["content-type"] = "application/json";
  if (half) headers["x-cordon-half"] = half;
  const answer = await fetch("/api/v1" + path, { method, headers, body: body && JSON.stringify(body) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.message + ". Next: " + told.next);
  return told;
}

// One thing at a time; what goes wrong is said.
function does(id, event, deed) {
  at(id).addEventListener(event, async (happened) => {
    happened.preventDefault();
    const buttons = [...document.querySelectorAll("button")];
    buttons.forEach((button) => { button.disabled = true; });
    try {
      await deed();
    } catch (error) {
      say(error.name === "NotAllowedError" ? "The authenticator said no, or nobody answered it." : error.message);
    } finally {
      document.querySelectorAll("button").forEach((button) => { button.disabled = false; });
    }
  });
}

function signedOut() {
  half = null;
  show("in", false);
  show("out", true);
  show("by-link", link);
  show("by-passkey", asks);
  show("terminal", asks);
  show("nothing", !link && !asks);
}

async function signIn(secret) {
  const pass = await ask("POST", "/sign-in", { link: secret, as: "browser" });
  half = pass.half;
  link = "";
  show("out", false);
  show("in", true);
  show("add", asks);
  say(`You are ${pass.person}, until ${pass.expires}.`);
  await list();
}

async function vouched() {
  const { publicKey } = await ask("POST", "/sign-in/passkey/ask");
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
  const credential = await navigator.credentials.get({ publicKey: options });
  return ask("POST", "/sign-in/passkey", { credential: credential.toJSON() });
}

async function list() {
  const { passkeys } = await ask("GET", "/passkeys");
  at("passkeys").replaceChildren(...passkeys.map((passkey) => {
    const item = document.createElement("li");
    const used = passkey.used ? `used ${passkey.used}` : "not used yet";
    const remove = document.createElement("button");
    remove.id = "remove-" + passkey.id;
    remove.textContent = "Take back";
    item.append(`${passkey.name}, ${used}`, remove);
    return item;
  }));
  for (const passkey of passkeys) {
    does("remove-" + passkey.id, "click", async () => {
      await ask("POST", `/passkeys/${passkey.id}/revoke`);
      say(`${passkey.name} is taken back, and what it signed in.`);
      await list();
    });
  }
}

does("by-link", "click", () => signIn(link));
does("by-passkey", "click", async () => signIn((await vouched()).link));
does("terminal", "click", async () => {
  const { person, terminal } = await vouched();
  say(`In a terminal of the machine where Cordon serves, within 10 minutes, as ${person}:`, `cordon sign-in '${terminal}'`);
});
does("add", "submit", async () => {
  const { publicKey } = await ask("POST", "/passkeys/ask");
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
  const credential = await navigator.credentials.create({ publicKey: options });
  await ask("POST", "/passkeys", { credential: credential.toJSON(), name: at("name").value });
  at("add").reset();
  say("The passkey is added.");
  await list();
});
does("sign-out", "click", async () => {
  await ask("POST", "/sign-out");
  say("You are signed out.");
  signedOut();
});

const local = (origin) => ["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname);
if (home && home !== location.origin && local(home) && local(location.origin)) {
  // The same listener by the name that browsers bind passkeys to.
  location.replace(home + "/sign-in" + location.hash);
} else {
  // The secret is not to stay in the history. Using it up takes a click: what looks links up makes none.
  history.replaceState(null, "", "/sign-in");
  if (home && home !== location.origin) say(`Passkeys work at ${home}/sign-in alone.`);
  signedOut();
}
