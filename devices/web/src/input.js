/** Pixels -> what a network takes (sections 5 and 10). */

/** @import { Frame } from "./frame.js" */

/**
 * The float32 of each level of a colour, (level - mean) / std with each step rounded to float32.
 *
 * @param {number} mean of 0 to 255
 * @param {number} std
 * @returns {Float32Array} (256,)
 */
export function scaled(mean, std) {
  return Float32Array.from({ length: 256 }, (_, level) => Math.fround(level - Math.fround(mean)) / Math.fround(std));
}

/**
 * Fill a network's input.
 *
 * @param {Frame} image
 * @param {Float32Array} levels (256,)
 * @param {"RGB" | "BGR"} colours their order in the input
 * @param {Float32Array} out (1, image.height, image.width, 3)
 */
export function fillInput({ data, width, height, origin, right, down }, levels, colours, out) {
  const first = colours === "RGB" ? 0 : 2;
  const last = 2 - first;
  for (let row = 0, to = 0; row < height; row++) {
    let from = origin + row * down;
    for (let column = 0; column < width; column++, from += right, to += 3) {
      out[to] = levels[data[from + first]];
      out[to + 1] = levels[data[from + 1]];
      out[to + 2] = levels[data[from + last]];
    }
  }
}
