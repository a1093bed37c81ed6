/** How far apart two embeddings are (section 12): from 0 to 4, small is alike. */

import { FaceliteError } from "./errors.js";
import { lengthOf } from "./embedder.js";

/**
 * What decides in place of squared L2.
 *
 * @typedef {{ form: "absolute" | "chi-square", weights: Float32Array }} Head
 */

/**
 * @param {Head | null} head null: squared L2
 * @param {ArrayLike<number>} a (d,)
 * @param {ArrayLike<number>} b (d,)
 */
export function distance(head, a, b) {
  if (!head) return squaredL2(a, b);
  const { form, weights } = head;
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    const apart = Math.abs(a[i] - b[i]);
    sum += weights[i] * (form === "absolute" ? apart : (apart * apart) / (Math.abs(a[i]) + Math.abs(b[i]) + 1e-6));
  }
  return Math.max(0, sum);
}

/**
 * @param {ArrayLike<number>} a (d,)
 * @param {ArrayLike<number>} b (d,)
 */
export function squaredL2(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = a[i] - b[i];
    sum += apart * apart;
  }
  return sum;
}

/**
 * @param {any} table of `head.json`
 * @param {number} dimension
 * @returns {Head}
 * @throws {FaceliteError} where it is none
 */
export function checkHead(table, dimension) {
  const weights = Array.isArray(table?.weights) ? Float32Array.from(table.weights) : new Float32Array(0);
  const known = table?.form === "absolute" || table?.form === "chi-square";
  if (
    !known ||
    weights.length !== dimension ||
    !weights.some((weight) => weight > 0) ||
    !(lengthOf(weights) <= 2 * (1 + 1e-6))
  ) {
    throw new FaceliteError(
      `a head of ${dimension} weights`,
      `${JSON.stringify(table?.form)}, ${weights.length} weights`,
      "pack the bundle again",
    );
  }
  return { form: table.form, weights };
}
