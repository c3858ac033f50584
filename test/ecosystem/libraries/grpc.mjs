/** @grpc/grpc-js, client and server: one answer, a stream, a megabyte, a deadline, a status. */
import assert from "node:assert/strict";
import grpc from "@grpc/grpc-js";

const serialize = (value) => Buffer.from(JSON.stringify(value));
const deserialize = (octets) => JSON.parse(octets);
const rpc = (path, responseStream) => ({
  path: `/test/${path}`,
  requestStream: false,
  responseStream,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
});
const definition = { echo: rpc("echo", false), count: rpc("count", true), silent: rpc("silent", false), broken: rpc("broken", false) };

export const serve = (host) => {
  const server = new grpc.Server();
  server.addService(definition, {
    echo: (call, done) => done(null, call.request),
    count: (call) => {
      for (let i = 0; i < call.request; i++) call.write(i);
      call.end();
    },
    silent: () => {},
    broken: (_, done) => done({ code: grpc.status.NOT_FOUND, details: "not there" }),
  });
  return new Promise((resolve, reject) =>
    server.bindAsync(`${host}:0`, grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve({ port, close: async () => server.forceShutdown() }),
    ),
  );
};

export const use = async (host, port) => {
  const Client = grpc.makeGenericClientConstructor(definition, "test");
  const client = new Client(`${host}:${port}`, grpc.credentials.createInsecure());
  const call = (name, value, options = {}) =>
    new Promise((resolve, reject) => client[name](value, options, (error, answer) => (error ? reject(error) : resolve(answer))));
  const large = { text: "x".repeat(1 << 20) };
  assert.deepEqual(await call("echo", large), large);
  const all = await Promise.all(Array.from({ length: 100 }, (_, i) => call("echo", { i })));
  assert.deepEqual(
    all,
    Array.from({ length: 100 }, (_, i) => ({ i })),
  );
  assert.equal((await client.count(1000).toArray()).length, 1000);
  await assert.rejects(call("silent", 1, { deadline: Date.now() + 100 }), { code: grpc.status.DEADLINE_EXCEEDED });
  await assert.rejects(call("broken", 1), { code: grpc.status.NOT_FOUND, details: "not there" });
  client.close();
};
