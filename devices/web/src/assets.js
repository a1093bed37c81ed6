/** The files of the assets folder, as `facelite pack web` writes it, each checked by its hash. */

import { FaceliteError } from "./errors.js";
import { folderAt } from "./place.js";

/** @import { Manifest } from "./manifest.js" */

const NEEDED = ["embedder.tflite", "detector.tflite", "golden.json", "golden.bin"];

/**
 * Where the files come from; `read` throws where it has no such file.
 *
 * @typedef {{ read: (name: string) => Promise<Uint8Array<ArrayBuffer>> }} Assets
 */

/**
 * The folder at an address.
 *
 * @param {string | URL} folder a relative one counts from the page, or from the worker's script
 * @returns {Assets}
 */
export function assetsAt(folder) {
  const base = folderAt(folder);
  return {
    async read(name) {
      const url = new URL(name, base);
      const answer = await fetch(url).catch((error) => {
        throw new FaceliteError(`the file ${url}`, String(error), "check the network and the address");
      });
      if (!answer.ok) {
        throw new FaceliteError(`the file ${url}`, `HTTP status ${answer.status}`, "serve the assets folder there");
      }
      if (answer.headers.get("Content-Type")?.startsWith("text/html")) {
        throw new FaceliteError(`the file ${url}`, "a page of HTML", "serve the assets folder there"); // as single-page servers do
      }
      return new Uint8Array(await answer.arrayBuffer());
    },
  };
}

/**
 * All files that the manifest lists, by name.
 *
 * @param {Assets} assets
 * @param {Manifest} manifest
 * @returns {Promise<Record<string, Uint8Array<ArrayBuffer>>>}
 * @throws {FaceliteError} where one is missing, or its sha256 is another
 */
export async function readAll(assets, { files, decide }) {
  for (const name of [...NEEDED, ...(decide === "siamese" ? ["head.json"] : [])]) {
    if (!Object.hasOwn(files, name)) {
      throw new FaceliteError(`the file ${name}`, "a manifest that does not list it", "pack the bundle again");
    }
  }
  const read = Object.keys(files).map(async (name) => [name, await readChecked(assets, name, files[name])]);
  return Object.fromEntries(await Promise.all(read));
}

/**
 * @param {Assets} assets
 * @param {string} name
 * @param {string} expected sha256
 */
async function readChecked(assets, name, expected) {
  const bytes = await assets.read(name);
  const digest = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  if (digest !== expected) {
    const what = `${name} of sha256 ${expected.slice(0, 12)}...`;
    throw new FaceliteError(what, `${digest.slice(0, 12)}...`, "it is damaged or of another bundle: pack again");
  }
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} name for messages
 * @returns {any}
 */
export function parseJson(bytes, name) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new FaceliteError(`${name} in JSON`, String(error), "pack the bundle again");
  }
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
