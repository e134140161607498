// A provider of identities, by `oidc-provider`: prints its issuer and serves until it is stopped. Takes
// the groups of each login as JSON. Who PUTs the address of a callback to `/client` registers it.

import { createServer } from "node:http";
import Provider from "oidc-provider";

const groups = JSON.parse(process.argv[2]);
const server = createServer();
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const findAccount = (_, login) => ({
  accountId: login,
  claims: () => ({
    sub: login,
    email: `${login}@example.com`,
    email_verified: login !== "unverified",
    groups: groups[login] ?? [],
  }),
});

function serve(callback) {
  const provider = new Provider(issuer, {
    clients: [
      { client_id: "cordon", client_secret: "a:secret of/tests", redirect_uris: [callback] },
    ],
    claims: { openid: ["sub", "groups"], email: ["email", "email_verified"] },
    findAccount,
  });
  return provider.callback();
}

let answer = (_, response) => response.writeHead(503).end();
server.on("request", async (request, response) => {
  if (request.method !== "PUT" || request.url !== "/client") return answer(request, response);
  answer = serve((await request.toArray()).join(""));
  response.end();
});
console.log(`issuer ${issuer}`);
