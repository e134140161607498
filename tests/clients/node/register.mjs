// Tells the provider of `provider.mjs` where browsers come back to: takes its issuer and the address.

const [issuer, callback] = process.argv.slice(2);
const answer = await fetch(`${issuer}/client`, { method: "PUT", body: callback });
if (!answer.ok) throw new Error(`${answer.status}`);
