// A browser, as far as a sign-in needs one: follows redirects, keeps cookies host by host and port by
// port, fills in the provider's forms. Takes the first address and the login; gives a line of JSON with
// the last page and every address that it was sent to.

const [begin, login] = process.argv.slice(2);
const jar = {};
const seen = [];

async function visit(address, form) {
  const { host } = new URL(address);
  const kept = (jar[host] ??= {});
  const cookie = Object.entries(kept).map(([name, value]) => `${name}=${value}`);
  const answer = await fetch(address, {
    redirect: "manual",
    headers: { cookie: cookie.join("; ") },
    ...(form && { method: "POST", body: new URLSearchParams(form) }),
  });
  for (const set of answer.headers.getSetCookie()) {
    const [name, value] = set.split(";")[0].split(/=(.*)/s);
    if (value) kept[name] = value;
    else delete kept[name];
  }
  seen.push(address);
  const to = answer.headers.get("location");
  if (to) return visit(new URL(to, address).href);
  const body = await answer.text();
  const action = body.match(/<form[^>]*action="([^"]+)"/)?.[1];
  const prompt = body.match(/name="prompt" value="([^"]+)"/)?.[1];
  if (!action) return { status: answer.status, body };
  const fields = prompt === "login" ? { prompt, login, password: "x" } : { prompt };
  return visit(new URL(action, address).href, fields);
}

console.log(JSON.stringify({ ...(await visit(begin)), seen }));
