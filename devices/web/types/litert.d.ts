/** TFLite files in LiteRT.js, on the processor (WebAssembly). */
import type { Models } from "./model.js";
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
export declare function loadModels(folder: string | URL, { threads, compat }?: {
    threads?: boolean;
    compat?: boolean;
}): Promise<Models>;
