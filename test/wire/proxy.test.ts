/** `onwire proxy` and `onwire forward` in a namespace: curl on one side, a web server of the kernel's on the other, our stack between. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect } from "vitest";
import { KERNEL, type Kernel, OURS, wireTest, withKernel } from "./kernel.js";
import { needProgram } from "./programs.js";

/** Resolves when the program has said so. */
const said = (program: ChildProcess, stream: "stdout" | "stderr", pattern: RegExp): Promise<void> =>
  new Promise((resolve, reject) => {
    const lines: string[] = [];
    createInterface({ input: program[stream]! }).on("line", (line) => {
      lines.push(line);
      if (pattern.test(line)) resolve();
    });
    program.once("exit", () => reject(new Error(`ended: ${lines.join("; ")}`)));
  });

/** A web server of the kernel's that says who asks. */
const webServer = async (kernel: Kernel): Promise<void> => {
  const source = `require("node:http").createServer((request, response) => response.end("hello, " + request.socket.remoteAddress))
    .listen(8000, "0.0.0.0", () => console.log("ready"));`;
  await said(kernel.spawn(process.execPath, ["-e", source]), "stdout", /ready/);
};

const onwire = async (kernel: Kernel, ready: RegExp, ...args: string[]): Promise<ChildProcess> => {
  const common = ["--tap", "proxy0", "--address", `${OURS}/24`, "--kernel", `${KERNEL}/24`];
  const program = kernel.spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args, ...common], "pipe");
  await said(program, "stderr", ready);
  return program;
};

const output = async (kernel: Kernel, command: string, ...args: string[]): Promise<string> => {
  const program = kernel.spawn(command, args, "ignore");
  let text = "";
  program.stdout!.on("data", (data) => void (text += data));
  const [status] = (await once(program, "close")) as [number];
  return `${status} ${text}`;
};

wireTest("proxy: curl reaches by SOCKS what our stack reaches, is told what it does not, and must know the password", async (context) => {
  const curl = needProgram(context, "curl", "curl");
  await withKernel(async (kernel) => {
    await webServer(kernel);
    const proxy = await onwire(kernel, /SOCKS5 on 127\.0\.0\.1:1080 of the kernel/, "proxy", "--user", "me:secret");
    const ask = (user: string, url: string): Promise<string> =>
      output(kernel, curl, "-s", "--max-time", "10", "--proxy", `socks5h://${user}@127.0.0.1:1080`, url);
    expect(await ask("me:secret", `http://${KERNEL}:8000/`)).toBe(`0 hello, ${OURS}`);
    // 97: the proxy's handshake failed.
    expect(await ask("me:wrong", `http://${KERNEL}:8000/`)).toBe("97 ");
    expect(await ask("me:secret", `http://${KERNEL}:8001/`)).toBe("97 ");
    proxy.kill("SIGTERM");
    expect(await once(proxy, "exit")).toEqual([128 + 15, null]);
  });
});

wireTest("forward: a port of the kernel's leads by our stack to a host, and one of our stack's by the kernel", async (context) => {
  const curl = needProgram(context, "curl", "curl");
  await withKernel(async (kernel) => {
    await webServer(kernel);
    await onwire(kernel, /:80 of the stack leads by the kernel/, "forward", "-L", `8080:${KERNEL}:8000`, "-R", "80:127.0.0.1:8000");
    expect(await output(kernel, curl, "-s", "--max-time", "10", "http://127.0.0.1:8080/")).toBe(`0 hello, ${OURS}`);
    expect(await output(kernel, curl, "-s", "--max-time", "10", `http://${OURS}/`)).toBe("0 hello, 127.0.0.1");
  });
});
