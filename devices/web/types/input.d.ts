/** Pixels -> what a network takes (sections 5 and 10). */
import type { Frame } from "./frame.js";
/** @import { Frame } from "./frame.js" */
/**
 * The float32 of each level of a colour, (level - mean) / std with each step rounded to float32.
 *
 * @param {number} mean of 0 to 255
 * @param {number} std
 * @returns {Float32Array} (256,)
 */
export declare function scaled(mean: number, std: number): Float32Array;
/**
 * Fill a network's input.
 *
 * @param {Frame} image
 * @param {Float32Array} levels (256,)
 * @param {"RGB" | "BGR"} colours their order in the input
 * @param {Float32Array} out (1, image.height, image.width, 3)
 */
export declare function fillInput({ data, width, height, origin, right, down }: Frame, levels: Float32Array, colours: "RGB" | "BGR", out: Float32Array): void;
