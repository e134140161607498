// A browser with an authenticator in it, at the page where people sign in. Takes the browser, a link to
// sign in with and what an agent may serve on another port; gives a line of JSON with what was seen.

import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [executablePath, link] = process.argv.slice(2);
// A proxy of this machine's settings would be asked for localhost as well.
const args = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"];
const browser = await chromium.launch({ executablePath, args });
const context = await browser.newContext();
const page = await context.newPage();
// A machine may be busy.
page.setDefaultTimeout(60_000);
const wrong = [];
page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
page.on("pageerror", (error) => wrong.push(String(error)));
const authenticator = await context.newCDPSession(page);
await authenticator.send("WebAuthn.enable");
await authenticator.send("WebAuthn.addVirtualAuthenticator", {
  options: {
    protocol: "ctap2",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  },
});

const says = async (text) => {
  const said = page.locator("#said", { hasText: text });
  await said.waitFor().catch(async () => {
    throw new Error(`not "${text}" but "${await page.textContent("#said")}"; ${wrong.join("; ")}`);
  });
};
const seen = {};

await page.goto(link);
await page.click("#by-link");
await says(", until ");
seen.home = page.url();
seen.by_link = await page.textContent("#said");
await page.fill("#name", "a story's");
await page.click("#add button");
await says("The passkey is added.");
seen.passkeys = await page.textContent("#passkeys li");
await page.click("#sign-out");
await says("You are signed out.");

await page.click("#by-passkey");
await says(", until ");
seen.by_passkey = await page.textContent("#said");
await page.click("#sign-out");
await says("You are signed out.");

await page.click("#terminal");
await says("In a terminal");
seen.terminal = await page.textContent("#said pre");
seen.wrong = [...wrong];

// A page that an agent serves on another port of this machine, which has the same name to the
// authenticator. It asks the question itself, and not from the page, as a program may.
const api = new URL(page.url()).origin + "/api/v1/sign-in/passkey";
const send = async (path, body) => {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(api + path, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: answer.status, ...(await answer.json()) };
};
const elsewhere = createServer((_, answer) => {
  answer.setHeader("content-type", "text/html");
  answer.end("<!doctype html><title>not Cordon</title>");
}).listen(0, "127.0.0.1");
await new Promise((ready) => elsewhere.once("listening", ready));
await page.goto(`http://localhost:${elsewhere.address().port}/`);
seen.direct = await page.evaluate(async (address) => {
  try {
    return (await fetch(address, { method: "POST" })).status;
  } catch (error) {
    return error.name;
  }
}, api + "/ask");
const { publicKey } = await send("/ask", {});
const credential = await page.evaluate(async (asked) => {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
  return (await navigator.credentials.get({ publicKey: options })).toJSON();
}, publicKey);
const phished = await send("", { credential });
seen.phished = [phished.status, phished.code];

console.log(JSON.stringify(seen));
await browser.close();
elsewhere.close();
