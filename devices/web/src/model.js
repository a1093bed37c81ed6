/**
 * A TFLite file that runs. `run` may be called again when its answer has come, not before.
 *
 * @typedef {object} Model
 * @property {readonly number[]} inputShape
 * @property {(input: Float32Array) => Promise<Record<string, Float32Array>>} run all outputs by name, which are the caller's; `input` is only read
 * @property {() => void} close frees its memory
 */

/**
 * What opens TFLite files: LiteRT.js (`litert.js`) or another interpreter.
 *
 * @typedef {object} Models
 * @property {(name: string, bytes: Uint8Array<ArrayBuffer>) => Promise<Model>} open `name` is for messages
 */

import { FaceliteError } from "./errors.js";

/**
 * Refuse a model of another input.
 *
 * @param {Model} model
 * @param {string} name
 * @param {readonly number[]} shape
 */
export function checkInput(model, name, shape) {
  if (model.inputShape.join() !== shape.join()) {
    throw new FaceliteError(
      `${name} with an input of (${shape.join(", ")})`,
      `(${model.inputShape.join(", ")})`,
      "pack the bundle again",
    );
  }
}

/**
 * The output of so many numbers; the names of outputs are not part of the contract.
 *
 * @param {Record<string, Float32Array>} outputs
 * @param {string} name of the model
 * @param {number} length
 */
export function outputOf(outputs, name, length) {
  const found = Object.values(outputs).find((output) => output.length === length);
  if (!found) {
    const got = Object.values(outputs).map((output) => output.length);
    throw new FaceliteError(
      `${name} with an output of ${length} numbers`,
      got.join(", ") || "none",
      "pack the bundle again",
    );
  }
  return found;
}
