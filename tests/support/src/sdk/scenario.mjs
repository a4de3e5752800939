// Everything that an application does with the SDK, against the server and key of the command line.
import assert from "node:assert/strict";
import { CredentialsMethod, OpenFgaClient } from "@openfga/sdk";

const [apiUrl, token] = process.argv.slice(2);
const credentials = { method: CredentialsMethod.ApiToken, config: { token } };
const retryParams = { maxRetry: 0 };
const unbound = new OpenFgaClient({ apiUrl, credentials, retryParams });

const { id: storeId } = await unbound.createStore({ name: "a node scenario" });
const fga = new OpenFgaClient({ apiUrl, credentials, retryParams, storeId });
assert.equal((await fga.getStore()).name, "a node scenario");
const listed = await fga.listStores({ pageSize: 10 });
assert.ok(listed.stores.some((store) => store.id === storeId));

const direct = (...types) => ({ directly_related_user_types: types });
const model = {
  schema_version: "1.1",
  type_definitions: [
    { type: "user", relations: {} },
    {
      type: "group",
      relations: { member: { this: {} } },
      metadata: { relations: { member: direct({ type: "user" }) } },
    },
    {
      type: "document",
      relations: {
        owner: { this: {} },
        blocked: { this: {} },
        viewer: {
          difference: {
            base: { union: { child: [{ this: {} }, { computedUserset: { relation: "owner" } }] } },
            subtract: { computedUserset: { relation: "blocked" } },
          },
        },
      },
      metadata: {
        relations: {
          owner: direct({ type: "user" }),
          blocked: direct({ type: "user" }),
          viewer: direct({ type: "user" }, { type: "group", relation: "member" }, { type: "user", condition: "in_time" }),
        },
      },
    },
  ],
  conditions: {
    in_time: {
      name: "in_time",
      expression: "now < end",
      parameters: { now: { type_name: "TYPE_NAME_TIMESTAMP" }, end: { type_name: "TYPE_NAME_TIMESTAMP" } },
    },
  },
};
const { authorization_model_id: modelId } = await fga.writeAuthorizationModel(model);
fga.authorizationModelId = modelId;
const read = await fga.readAuthorizationModel();
assert.equal(read.authorization_model.id, modelId);
assert.deepEqual(
  read.authorization_model.type_definitions[2].metadata.relations.viewer.directly_related_user_types.map((one) => one.type),
  ["user", "group", "user"],
);
assert.equal((await fga.readLatestAuthorizationModel()).authorization_model.id, modelId);
assert.equal((await fga.readAuthorizationModels()).authorization_models.length, 1);

const key = (user, relation, object) => ({ user, relation, object });
const plan = "document:plan";
const timed = {
  ...key("user:cleo", "viewer", plan),
  condition: { name: "in_time", context: { end: "2030-01-01T00:00:00Z" } },
};
const start = new Date(Date.now() - 60_000).toISOString();
await fga.write({
  writes: [key("user:ada", "owner", plan), key("group:eng#member", "viewer", plan), key("user:ben", "member", "group:eng"), timed],
});
await fga.writeTuples([key("user:eve", "blocked", plan), key("user:eve", "member", "group:eng")]);
await assert.rejects(fga.writeTuples([key("user:ada", "owner", plan)]), (error) => {
  assert.equal(error.statusCode, 400);
  assert.equal(error.apiErrorCode, "write_failed_due_to_invalid_input");
  return true;
});
await fga.write({ writes: [key("user:ada", "owner", plan)] }, { conflict: { onDuplicateWrites: "ignore" } });
const loose = await fga.write(
  { writes: [key("user:fay", "viewer", plan), key("user:ada", "owner", plan)] },
  { transaction: { disable: true } },
);
assert.deepEqual(loose.writes.map((one) => one.status), ["success", "failure"]);
await fga.deleteTuples([key("user:fay", "viewer", plan)]);

const check = async (user, extra = {}) => (await fga.check({ ...key(user, "viewer", plan), ...extra })).allowed;
assert.equal(await check("user:ada"), true);
assert.equal(await check("user:ben"), true);
assert.equal(await check("user:eve"), false);
assert.equal(await check("user:cleo", { context: { now: "2029-01-01T00:00:00Z" } }), true);
assert.equal(await check("user:cleo", { context: { now: "2031-01-01T00:00:00Z" } }), false);
assert.equal(await check("user:dan"), false);
assert.equal(await check("user:dan", { contextualTuples: [key("user:dan", "member", "group:eng")] }), true);
await assert.rejects(fga.check(key("user:ada", "nothing", plan)), (error) => error.apiErrorCode === "validation_error");

const batch = await fga.batchCheck({
  checks: [
    { ...key("user:ada", "viewer", plan), correlationId: "ada" },
    { ...key("user:eve", "viewer", plan), correlationId: "eve" },
    { ...key("user:cleo", "viewer", plan), correlationId: "cleo", context: { now: "2029-01-01T00:00:00Z" } },
  ],
});
const allowed = Object.fromEntries(batch.result.map((one) => [one.correlationId, one.allowed]));
assert.deepEqual(allowed, { ada: true, eve: false, cleo: true });
const many = await fga.clientBatchCheck([key("user:ada", "viewer", plan), key("user:dan", "viewer", plan)]);
assert.deepEqual(many.result.map((one) => one.allowed), [true, false]);
const relations = await fga.listRelations({ user: "user:ada", object: plan, relations: ["owner", "viewer", "blocked"] });
assert.deepEqual(relations.relations.sort(), ["owner", "viewer"]);

const expanded = await fga.expand({ relation: "viewer", object: plan });
assert.equal(expanded.tree.root.difference.base.union.nodes.length, 2);
assert.deepEqual((await fga.listObjects({ user: "user:ben", relation: "viewer", type: "document" })).objects, [plan]);
const streamed = [];
for await (const one of fga.streamedListObjects({ user: "user:ben", relation: "viewer", type: "document" })) {
  streamed.push(one.object);
}
assert.deepEqual(streamed, [plan]);
const users = await fga.listUsers({
  object: { type: "document", id: "plan" },
  relation: "viewer",
  user_filters: [{ type: "user" }],
  context: { now: "2029-01-01T00:00:00Z" },
});
assert.deepEqual(users.users.map((one) => one.object.id).sort(), ["ada", "ben", "cleo"]);

const page = await fga.read({ object: plan }, { pageSize: 2 });
assert.equal(page.tuples.length, 2);
assert.notEqual(page.continuation_token, "");
const rest = await fga.read({ object: plan }, { pageSize: 2, continuationToken: page.continuation_token });
assert.equal(rest.tuples.length, 2);
assert.equal((await fga.read({ user: "user:ben", object: "group:" })).tuples[0].key.relation, "member");
const changes = await fga.readChanges({ type: "group", startTime: start }, { pageSize: 10 });
assert.deepEqual(changes.changes.map((one) => one.operation), ["TUPLE_OPERATION_WRITE", "TUPLE_OPERATION_WRITE"]);

await fga.writeAssertions([{ ...key("user:ada", "viewer", plan), expectation: true }]);
const assertions = await fga.readAssertions();
assert.equal(assertions.assertions[0].expectation, true);

const stranger = new OpenFgaClient({ apiUrl, storeId, retryParams });
await assert.rejects(stranger.check(key("user:ada", "viewer", plan)), (error) => error.statusCode === 401);
await fga.deleteStore();
await assert.rejects(fga.getStore(), (error) => error.statusCode === 404);
