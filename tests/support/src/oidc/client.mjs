// A client of the provider that shares no code with ours: `oauth4webapi`. Prints one JSON document.
//
//   node client.mjs ISSUER FOLDER token RESOURCE SCOPE [ID]   a token, by private_key_jwt
//   node client.mjs ISSUER FOLDER revoke TOKEN           makes the provider forget a token
//   node client.mjs ISSUER FOLDER prove URL              asks URL with a bound token: the statuses
//     {"proof": [with the proof, again as often as a nonce is demanded],
//      "bearer": with the token alone, "stranger": with the proof of another key}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as oauth from 'oauth4webapi';

const [issuer, folder, command, ...words] = process.argv.slice(2);
const insecure = { [oauth.allowInsecureRequests]: true };

const discovered = await oauth.discoveryRequest(new URL(issuer), insecure);
const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered);

async function identity() {
  const jwk = JSON.parse(readFileSync(join(folder, 'client.jwk'), 'utf8'));
  const curve = { name: 'ECDSA', namedCurve: 'P-256' };
  const { kid, ...key } = jwk;
  return oauth.PrivateKeyJwt({ key: await crypto.subtle.importKey('jwk', key, curve, false, ['sign']), kid });
}

// Runs `attempt` again once when the server wants its nonce in the proof.
async function withNonce(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) {
      throw error;
    }
    return attempt();
  }
}

async function token(id, parameters, options = {}) {
  const client = { client_id: id };
  return withNonce(async () => {
    const answer = await oauth.clientCredentialsGrantRequest(
      server, client, await identity(), parameters, { ...insecure, ...options });
    return oauth.processClientCredentialsResponse(server, client, answer);
  });
}

async function revoke(value) {
  const answer = await oauth.revocationRequest(
    server, { client_id: 'tester' }, await identity(), value, insecure);
  return oauth.processRevocationResponse(answer);
}

async function newProof(id) {
  return oauth.DPoP({ client_id: id }, await oauth.generateKeyPair('ES256'));
}

// The status, refusals included; each attempt is told to `seen`.
async function ask(bound, url, proof, seen) {
  const attempt = async () => {
    try {
      const options = { ...insecure, DPoP: proof };
      const answer = await oauth.protectedResourceRequest(bound, 'GET', new URL(url), undefined, undefined, options);
      seen.push(answer.status);
    } catch (error) {
      seen.push(error.status ?? error.response?.status ?? error.message);
      throw error;
    }
  };
  await withNonce(attempt).catch(() => {});
  return seen;
}

async function prove(url) {
  const parameters = { resource: 'https://api.example.com', scope: 'read' };
  const proof = await newProof('prover');
  const { access_token: bound, token_type } = await token('prover', parameters, { DPoP: proof });
  const bearer = await fetch(url, { headers: { authorization: `Bearer ${bound}` } });
  return {
    type: token_type,
    proof: await ask(bound, url, proof, []),
    bearer: bearer.status,
    stranger: await ask(bound, url, await newProof('prover'), []),
  };
}

const commands = {
  token: (resource, scope, id = 'tester') => token(id, { resource, scope }),
  revoke,
  prove,
};
console.log(JSON.stringify((await commands[command](...words)) ?? {}));
