/** nodemailer and smtp-server: STARTTLS, a name and a password, a large attachment. */
import assert from "node:assert/strict";
import { once } from "node:events";
import nodemailer from "nodemailer";
import { SMTPServer } from "smtp-server";
import { cert, key, trust } from "./servers.mjs";

export const serve = async (host) => {
  const server = new SMTPServer({
    key,
    cert,
    disableReverseLookup: true,
    onAuth: ({ username, password }, _, done) => (password === "secret" ? done(null, { user: username }) : done(new Error("wrong"))),
    onData: (stream, session, done) => {
      let size = 0;
      stream.on("data", (data) => {
        size += data.length;
      });
      stream.on("end", () => done(null, `${size > 2_000_000} ${session.secure} ${session.user}`));
    },
  });
  server.on("error", () => {});
  server.listen(0, host);
  await once(server.server, "listening");
  return { port: server.server.address().port, close: () => new Promise((resolve) => server.close(resolve)) };
};

export const use = async (host, port) => {
  const transport = nodemailer.createTransport({
    host,
    port,
    requireTLS: true,
    tls: trust,
    auth: { user: "me", pass: "secret" },
    pool: true,
  });
  const mail = {
    from: "a@onwire.test",
    to: "b@onwire.test",
    subject: "x",
    text: "y",
    attachments: [{ filename: "large", content: Buffer.alloc(2_000_000, 7) }],
  };
  const sent = await Promise.all([1, 2, 3].map(() => transport.sendMail(mail)));
  for (const { response } of sent) assert.match(response, /true true me/);
  transport.close();
  const wrong = nodemailer.createTransport({ host, port, requireTLS: true, tls: trust, auth: { user: "me", pass: "guess" } });
  await assert.rejects(wrong.sendMail(mail), { code: "EAUTH" });
};
