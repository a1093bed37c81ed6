/** How good a face is for a comparison, and why it does not do (section 9). */

import { moved, similarity } from "./alignment.js";

/** @import { Box } from "./face.js" */
/** @import { Poor } from "./outcome.js" */
/** @import { Matrix } from "./sampling.js" */

/**
 * Least size, inside, light (`dark`), sharpness and clarity; largest light (`bright`) and turn.
 *
 * @typedef {object} Limits
 * @property {number} size pixels of the frame
 * @property {number} inside share of the face's box that lies in the frame
 * @property {number} dark mean luma of the crop, of 255
 * @property {number} bright
 * @property {number} sharpness standard deviation of the luma's Laplacian
 * @property {number} turn of the landmarks off the template, as a share of the crop's height
 * @property {number} clarity length of the embedder's output
 */

/** @type {Readonly<Limits>} */
export const LIMITS = Object.freeze({
  size: 24,
  inside: 0.75,
  dark: 20,
  bright: 200,
  sharpness: 3,
  turn: 0.068,
  clarity: 0,
});

/** Pixels of the crop from the frame's edge inwards that do not count: black is in none of the others, nor in their neighbours. */
const EDGE = 3;

/** @typedef {{ size: number, inside: number, light: number, sharpness: number, turn: number, clarity: number }} Quality */

/**
 * What is measured of a face before it is embedded; its clarity is not known yet, and so without limit.
 *
 * @param {{ width: number, height: number }} frame
 * @param {Box} box
 * @param {ArrayLike<number>} landmarks (8,)
 * @param {Uint8Array} crop (height, width, 3)
 * @param {{ height: number, width: number, points: Float64Array }} aligner of the crop; `points` (8,) the template
 * @returns {Quality}
 */
export function measure(frame, box, landmarks, crop, { height, width, points }) {
  const luma = lumaOf(crop);
  const matrix = similarity(landmarks, points);
  const seen = seenOf(matrix, height, width, frame);
  const apart = moved(matrix, landmarks).map((value, k) => (value - points[k]) ** 2);
  return {
    size: Math.max(box.width, box.height),
    inside:
      (within(box.x, box.width, frame.width) * within(box.y, box.height, frame.height)) /
      Math.max(box.width * box.height, 1e-9),
    light: meanOf(luma, seen),
    sharpness: sharpnessOf(luma, seen, height, width),
    turn: Math.sqrt(apart.reduce((sum, value) => sum + value, 0) / 4) / height,
    clarity: Infinity,
  };
}

/**
 * The first limit that is not met; null for a face that is good enough.
 *
 * @param {Quality} found
 * @param {Limits} limits
 * @returns {{ outcome: Poor, detail: string } | null}
 */
export function judge({ size, inside, light, sharpness, turn, clarity }, limits) {
  if (size < limits.size) {
    return {
      outcome: "too small",
      detail: `expected a face of ${limits.size} pixels or more, got ${size.toFixed(0)}; come nearer`,
    };
  }
  if (inside < limits.inside) {
    const expected = `${percent(limits.inside)} of the face or more in the picture`;
    return { outcome: "cut off", detail: `expected ${expected}, got ${percent(inside)}; move to the middle` };
  }
  if (light < limits.dark) {
    return {
      outcome: "too dark",
      detail: `expected a mean luma of ${limits.dark} or more, got ${light.toFixed(0)}; add light`,
    };
  }
  if (light > limits.bright) {
    const remedy = "turn away from the light, or expose less";
    return {
      outcome: "too bright",
      detail: `expected a mean luma of ${limits.bright} or less, got ${light.toFixed(0)}; ${remedy}`,
    };
  }
  if (sharpness < limits.sharpness) {
    return {
      outcome: "blurred",
      detail: `expected a sharpness of ${limits.sharpness} or more, got ${sharpness.toFixed(1)}; hold still`,
    };
  }
  if (turn > limits.turn) {
    return {
      outcome: "turned away",
      detail: `expected a turn of ${limits.turn} or less, got ${turn.toFixed(3)}; look at the camera`,
    };
  }
  if (clarity < limits.clarity) {
    const expected = `an embedding of length ${limits.clarity.toFixed(2)} or more`;
    const remedy = "face the camera, in good light, with nothing before the face";
    return { outcome: "unclear", detail: `expected ${expected}, got ${clarity.toFixed(2)}; ${remedy}` };
  }
  return null;
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/**
 * How much of a box's extent lies in a frame, whose pixels' edges are at -1/2.
 *
 * @param {number} start
 * @param {number} extent
 * @param {number} end
 */
function within(start, extent, end) {
  return Math.max(0, Math.min(start + extent, end - 0.5) - Math.max(start, -0.5));
}

/** @param {Uint8Array} crop */
function lumaOf(crop) {
  const luma = new Uint8Array(crop.length / 3);
  for (let i = 0, at = 0; i < luma.length; i++, at += 3) {
    luma[i] = (9798 * crop[at] + 19235 * crop[at + 1] + 3735 * crop[at + 2] + 16384) >> 15;
  }
  return luma;
}

/**
 * The pixels of a crop that lie EDGE of them or more inside the frame, whose points the matrix takes to the crop; beyond the frame it is black.
 *
 * @param {Matrix} matrix
 * @param {number} height
 * @param {number} width
 * @param {{ width: number, height: number }} frame
 * @returns {Uint8Array} (height * width,) 1 where the frame is seen
 */
function seenOf([a, b, c, d, e, f], height, width, frame) {
  const determinant = a * e - b * d;
  const edge = EDGE / Math.sqrt(determinant);
  const seen = new Uint8Array(height * width);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      const u = (e * (column - c) - b * (row - f)) / determinant;
      const v = (a * (row - f) - d * (column - c)) / determinant;
      seen[at] = Number(edge <= u && u <= frame.width - 1 - edge && edge <= v && v <= frame.height - 1 - edge);
    }
  }
  return seen;
}

/**
 * The mean where the frame is seen.
 *
 * @param {Uint8Array} luma
 * @param {Uint8Array} seen
 */
function meanOf(luma, seen) {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < luma.length; i++) {
    sum += seen[i] * luma[i];
    count += seen[i];
  }
  return sum / Math.max(count, 1);
}

/**
 * Standard deviation of the Laplacian where the frame is seen; beyond the border the picture is mirrored without repeating the border pixel.
 *
 * @param {Uint8Array} luma
 * @param {Uint8Array} seen
 * @param {number} height
 * @param {number} width
 */
function sharpnessOf(luma, seen, height, width) {
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let row = 0, at = 0; row < height; row++) {
    const up = row > 0 ? -width : width;
    const down = row < height - 1 ? width : -width;
    for (let column = 0; column < width; column++, at++) {
      if (!seen[at]) continue;
      const left = column > 0 ? -1 : 1;
      const right = column < width - 1 ? 1 : -1;
      const laplacian = luma[at + up] + luma[at + down] + luma[at + left] + luma[at + right] - 4 * luma[at];
      sum += laplacian;
      squares += laplacian * laplacian;
      count++;
    }
  }
  const mean = sum / Math.max(count, 1);
  return Math.sqrt(Math.max(squares / Math.max(count, 1) - mean * mean, 0));
}
