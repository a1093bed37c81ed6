// node arithmetic.mjs PACKED VECTORS OUT: answers the stages that need no model.

import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { answered } from "./conformance.js";
import { modulesOf } from "./modules.js";

const [packed, vectors, out] = process.argv.slice(2);
const modules = await modulesOf(pathToFileURL(`${resolve(packed, "src")}/`));
const table = JSON.parse(await readFile(join(vectors, "vectors.json"), "utf-8"));
const found = await answered(modules, table, new Uint8Array(await readFile(join(vectors, "vectors.bin"))));
await writeFile(join(out, "answers.json"), JSON.stringify(found.answers));
await writeFile(join(out, "answers.bin"), found.binary);
for (const [stage, ms] of Object.entries(found.ms)) console.log(`${stage}: ${ms.toFixed(2)} ms a case`);
