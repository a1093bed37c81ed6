/** TFLite files in LiteRT.js, on the processor (WebAssembly). */

import { getGlobalLiteRtPromise, loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { FaceliteError } from "./errors.js";
import { checkSecure, folderAt } from "./place.js";

/** @import { Model, Models } from "./model.js" */

/**
 * Load LiteRT.js, once for a page or worker: where it was loaded already, that one is used and the options do not count.
 *
 * @param {string | URL} folder where the files of `@litertjs/core/wasm/` are served; a relative one counts from the page, or from the worker's script
 * @param {object} [options]
 * @param {boolean} [options.threads] the build with threads; needs a page that is isolated (`crossOriginIsolated`)
 * @param {boolean} [options.compat] the build for browsers without relaxed SIMD, which is chosen by itself where it must
 * @returns {Promise<Models>}
 * @throws {FaceliteError} where it does not load, or the page is not secure
 */
export async function loadModels(folder, { threads = false, compat = false } = {}) {
  checkSecure(); // before 10 MB are loaded in vain
  const base = folderAt(folder);
  const locate = (/** @type {string} */ file) => new URL(file, base).href;
  try {
    await (getGlobalLiteRtPromise() ??
      load(compat ? locate("litert_wasm_compat_internal.js") : base.href, threads, locate));
  } catch (error) {
    const got = error instanceof Error ? error.message : "a file that did not load";
    const worker = globalThis.document ? "" : ", and make the worker a classic one";
    throw new FaceliteError(
      `LiteRT.js at ${base}`,
      got,
      `serve the folder wasm of @litertjs/core 2.5.3 there${worker}`,
    );
  }
  return { open };
}

/**
 * @param {string} path
 * @param {boolean} threads
 * @param {(file: string) => string} locate in a worker LiteRT.js would look beside the worker's script
 */
function load(path, threads, locate) {
  const mainScriptUrlOrBlob = threads ? locate("litert_wasm_threaded_internal.js") : undefined;
  Object.assign(globalThis, { Module: { locateFile: locate, mainScriptUrlOrBlob } }); // taken, and removed, by LiteRT.js
  return loadLiteRt(path, { threads });
}

/**
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<Model>}
 */
async function open(name, bytes) {
  const model = await loadAndCompile(bytes, { accelerator: "wasm" }).catch((error) => {
    throw new FaceliteError(
      `a TFLite file ${name} of float32 input and output`,
      String(error),
      "export the bundle with io = float32",
    );
  });
  const inputs = model.getInputDetails();
  const names = model.getOutputDetails().map((output) => output.name);
  const inputShape = Array.from(inputs[0].shape);
  return {
    inputShape,
    async run(input) {
      const tensor = new Tensor(input, inputShape);
      try {
        const outputs = await model.run(tensor);
        const found = Object.fromEntries(
          outputs.map((output, i) => [names[i], /** @type {Float32Array} */ (output.toTypedArray())]),
        );
        for (const output of outputs) output.delete();
        return found;
      } finally {
        tensor.delete();
      }
    },
    close: () => model.delete(),
  };
}
