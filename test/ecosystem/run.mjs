/** Runs the two sides of a library, as a program that knows nothing of onwire:
 *
 *    node run.mjs serve NAME HOST     prints "listening PORT", and ends with its standard input
 *    node run.mjs use NAME HOST PORT  prints "ok"
 *    node run.mjs both NAME HOST      the two in one process */
const [what, name, host, port] = process.argv.slice(2);
const library = await import(`./libraries/${name}.mjs`);

if (what === "use") {
  await library.use(host, Number(port));
  console.log("ok");
} else {
  const server = await library.serve(host);
  if (what === "serve") {
    console.log(`listening ${server.port}`);
    process.stdin.resume();
    process.stdin.once("end", () => process.exit(0));
  } else {
    await library.use(host, server.port);
    console.log("ok");
    await server.close();
    // Whatever keeps the process alive now is a leak.
  }
}
