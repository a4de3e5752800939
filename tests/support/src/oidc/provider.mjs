// An OpenID provider for tests: the certified `oidc-provider` with clients that show who they are
// by `private_key_jwt`, JWT and opaque access tokens for resources, introspection, revocation,
// proofs of possession, and signing keys that change on command.
//
//   node provider.mjs PORT FOLDER
//
// FOLDER keeps the keys, so that a provider started again is the same one:
//   client.pem   the private key (P-256, PKCS #8) of every client
//   client.jwk   the same as a JWK
//   signing.json the private signing keys, newest first
//
// POST /control/rotate    sign with a new key; the two newest ones stay published
// POST /control/forget    publish the newest key only
// GET  /control/counts    {"path": number of requests} since the start

import { createHash, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import Provider from 'oidc-provider';

const [port, folder] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

// Resources that tokens can be for: how long and in which form.
const resources = {
  'https://api.example.com': { accessTokenFormat: 'jwt', accessTokenTTL: 600 },
  'https://other.example.com': { accessTokenFormat: 'jwt', accessTokenTTL: 600 },
  'https://short.example.com': { accessTokenFormat: 'jwt', accessTokenTTL: 2 },
  'https://opaque.example.com': { accessTokenFormat: 'opaque', accessTokenTTL: 600 },
};
const scopes = 'read write';

function store(name, make) {
  const path = join(folder, name);
  if (!existsSync(path)) {
    write(name, make());
  }
  return readFileSync(path, 'utf8');
}

// Readers see all of it or nothing.
function write(name, text) {
  const path = join(folder, name);
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function newPair() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function signingKey() {
  const jwk = newPair().privateKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(jwk.x + jwk.y).digest('hex').slice(0, 16);
  return { ...jwk, kid, alg: 'ES256', use: 'sig' };
}

const clientKey = JSON.parse(store('client.jwk', () => {
  const { privateKey } = newPair();
  write('client.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'client', alg: 'ES256' });
}));
let signingKeys = JSON.parse(store('signing.json', () => JSON.stringify([signingKey()])));

function client(id, more) {
  const { kty, crv, x, y, kid } = clientKey;
  return {
    client_id: id,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [{ kty, crv, x, y, kid, alg: 'ES256', use: 'sig' }] },
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
    scope: scopes,
    ...more,
  };
}

const configuration = {
  clients: [
    client('tester'),
    client('keeper'),
    client('gateway'),
    client('prover', { dpop_bound_access_tokens: true }),
  ],
  // Whoever keeps the house has a role.
  extraTokenClaims: (_, token) => (token.clientId === 'keeper' ? { roles: ['admin'] } : undefined),
  scopes: scopes.split(' '),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    dPoP: {
      enabled: true,
      nonceSecret: createHash('sha256').update(issuer).digest(),
      requireNonce: () => true,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://api.example.com',
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => {
        const known = resources[resource];
        if (!known) {
          throw new Error(`no resource ${resource}`);
        }
        const jwt = known.accessTokenFormat === 'jwt' ? { jwt: { sign: { alg: 'ES256', kid: signingKeys[0].kid } } } : {};
        return { scope: scopes, audience: resource, ...known, ...jwt };
      },
    },
  },
  ttl: { ClientCredentials: (_, token) => token.resourceServer?.accessTokenTTL ?? 600 },
};

// A provider holds its keys for life: other keys, another provider. What it has issued stands in
// memory that all of them share.
function provide() {
  const provider = new Provider(issuer, { ...configuration, jwks: { keys: signingKeys } });
  provider.on('server_error', (_, error) => console.error(error.stack));
  provider.on('grant.error', (_, error) => console.error(`${error.error}: ${error.error_detail ?? error.error_description}`));
  return provider.callback();
}
let answer = provide();

function publish(keys) {
  signingKeys = keys;
  write('signing.json', JSON.stringify(keys));
  answer = provide();
}

const commands = {
  '/control/rotate': () => publish([signingKey(), ...signingKeys].slice(0, 2)),
  '/control/forget': () => publish(signingKeys.slice(0, 1)),
  '/control/counts': () => {},
};
const counts = {};

createServer((request, response) => {
  const command = commands[request.url];
  if (command) {
    command();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(counts));
    return;
  }
  const { pathname } = new URL(request.url, issuer);
  counts[pathname] = (counts[pathname] ?? 0) + 1;
  answer(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log(`issuer ${issuer}`));
