// npm start: the demo at http://localhost:8080/demo/, for this machine alone. PORT=1234 npm start: another port.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const PORT = Number(process.env.PORT ?? 8080);
const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};
const HEADERS = {
  "Cache-Control": "no-cache",
  "Cross-Origin-Embedder-Policy": "require-corp", // with the next one: a page that may use threads
  "Cross-Origin-Opener-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

const server = createServer(async (request, response) => {
  try {
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/") return response.writeHead(302, { Location: "demo/" }).end();
    const file = join(ROOT, decodeURIComponent(pathname), pathname.endsWith("/") ? "index.html" : "");
    const found = await stat(file);
    if (!file.startsWith(ROOT) || !found.isFile()) throw new Error(`no file ${file}`);
    response.writeHead(200, {
      ...HEADERS,
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      "Content-Length": found.size,
    });
    createReadStream(file).pipe(response);
  } catch {
    response.writeHead(404).end();
  }
});
server.on("error", ({ message }) => {
  console.error(`${message}; choose another port: PORT=1234 npm start`);
  process.exitCode = 1;
});
server.listen(PORT, "localhost", () => console.log(`http://localhost:${server.address().port}/demo/`));
