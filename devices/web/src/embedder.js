/** Crop -> embedding (sections 10 and 11). */

import { FaceliteError } from "./errors.js";
import { Frame } from "./frame.js";
import { fillInput, scaled } from "./input.js";
import { checkInput, outputOf } from "./model.js";

/** @import { Manifest } from "./manifest.js" */
/** @import { Model } from "./model.js" */

const NAME = "embedder.tflite";

/** Embeds crops. One at a time: its input is used again by the next. */
export class Embedder {
  #levels;
  #input;

  /**
   * @param {Model} model of `embedder.tflite`
   * @param {Manifest} manifest
   * @throws {FaceliteError} where the model has another input than the manifest says
   */
  constructor(model, { preprocessing, embedding }) {
    const { height, width, mean, std } = preprocessing;
    checkInput(model, NAME, [1, height, width, 3]);
    this.model = model;
    this.preprocessing = preprocessing;
    this.dimension = embedding;
    this.#levels = scaled(mean, std);
    this.#input = new Float32Array(height * width * 3);
  }

  /**
   * What the network makes of a crop (d,), not of unit length.
   *
   * @param {Uint8Array} crop (height, width, 3), of the manifest's size
   * @returns {Promise<Float32Array>}
   * @throws {FaceliteError} where the model has another output than the manifest says
   */
  async output(crop) {
    const { height, width, colours } = this.preprocessing;
    fillInput(Frame.ofRgb(crop, width, height), this.#levels, colours, this.#input);
    return outputOf(await this.model.run(this.#input), NAME, this.dimension);
  }
}

/** @param {ArrayLike<number>} values */
export function lengthOf(values) {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}

/**
 * The embedding that an output stands for.
 *
 * @param {ArrayLike<number>} values (d,)
 * @returns {Float32Array} (d,) of unit length
 * @throws {FaceliteError} where it has no direction
 */
export function unit(values) {
  const length = lengthOf(values);
  if (!(length >= 1e-6 && length < Infinity)) {
    throw new FaceliteError(
      "an output of finite, positive length",
      String(length),
      "pack the bundle again, or use another browser",
    );
  }
  return Float32Array.from(values, (value) => value / length);
}
