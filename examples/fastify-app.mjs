// An application that knows nothing of onwire (npm install fastify). Run it on the stack, and ask it from the kernel's side:
//   sudo onwire run --link tap:onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24 fastify-app.mjs 80
//   curl http://10.9.0.2/hello/you
import fastify from "fastify";

const app = fastify();
app.get("/hello/:name", async ({ params, ip }) => ({ hello: params.name, from: ip }));
await app.listen({ host: "0.0.0.0", port: Number(process.argv[2] ?? 80) });
console.log(`listening on port ${app.server.address().port}`);
