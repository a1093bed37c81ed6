/** Landmarks -> the crop in which they lie where the template has them (section 8). */

import { FaceliteError } from "./errors.js";
import { Sampler } from "./sampling.js";

/** @import { Frame } from "./frame.js" */
/** @import { Matrix } from "./sampling.js" */

/** Eyes, nose tip and mouth centre in a crop of 112 x 112. */
const TEMPLATE = [38.2946, 51.6963, 73.5318, 51.5014, 56.0252, 71.7366, 56.1396, 92.2848];

/** Cuts faces out of frames. The crop is overwritten by the next one. */
export class Aligner {
  #sampler = new Sampler();
  #crop;

  /**
   * @param {number} height of the crops
   * @param {number} width
   */
  constructor(height, width) {
    this.height = height;
    this.width = width;
    this.points = template(height, width);
    this.#crop = new Uint8Array(height * width * 3);
  }

  /**
   * @param {Frame} frame
   * @param {ArrayLike<number>} landmarks (8,)
   * @returns {Uint8Array} (height, width, 3), until the next face is aligned
   * @throws {FaceliteError} where all landmarks are one point
   */
  align(frame, landmarks) {
    this.#sampler.sample(frame, similarity(landmarks, this.points), this.height, this.width, this.#crop);
    return this.#crop;
  }
}

/**
 * Where the landmarks come to lie in a crop of this size (8,).
 *
 * @param {number} height
 * @param {number} width
 */
export function template(height, width) {
  const scale = height / 112;
  return Float64Array.from(TEMPLATE, (value, k) => scale * (value - 55.5) + ((k % 2 ? height : width) - 1) / 2);
}

/**
 * Rotation, one scale and shift with the least squared error (Umeyama's closed form in the plane).
 *
 * @param {ArrayLike<number>} landmarks (8,) x and y of four points
 * @param {ArrayLike<number>} points (8,) where they are to lie
 * @returns {Matrix}
 * @throws {FaceliteError} where all landmarks are one point
 */
export function similarity(landmarks, points) {
  let px = 0;
  let py = 0;
  let qx = 0;
  let qy = 0;
  for (let k = 0; k < 8; k += 2) {
    px += landmarks[k] / 4;
    py += landmarks[k + 1] / 4;
    qx += points[k] / 4;
    qy += points[k + 1] / 4;
  }
  let spread = 0;
  let along = 0;
  let across = 0;
  for (let k = 0; k < 8; k += 2) {
    const x = landmarks[k] - px;
    const y = landmarks[k + 1] - py;
    const u = points[k] - qx;
    const v = points[k + 1] - qy;
    spread += x * x + y * y;
    along += x * u + y * v;
    across += x * v - y * u;
  }
  if (!(spread >= 1e-9)) throw new FaceliteError("landmarks that differ", "one point", "take another picture");
  const a = along / spread;
  const b = across / spread;
  return [a, -b, qx - a * px + b * py, b, a, qy - b * px - a * py];
}

/**
 * The points as a matrix moves them.
 *
 * @param {Matrix} matrix
 * @param {ArrayLike<number>} points (2n,)
 * @returns {Float64Array} (2n,)
 */
export function moved([a, b, c, d, e, f], points) {
  const out = new Float64Array(points.length);
  for (let k = 0; k < out.length; k += 2) {
    out[k] = a * points[k] + b * points[k + 1] + c;
    out[k + 1] = d * points[k] + e * points[k + 1] + f;
  }
  return out;
}
