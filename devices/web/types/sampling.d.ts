import { Frame } from "./frame.js";
export type Matrix = readonly [number, number, number, number, number, number];
/**
 * Takes a point of an image to a point of the output: a, b, c, d, e, f with X = a x + b y + c and Y = d x + e y + f.
 *
 * @typedef {readonly [number, number, number, number, number, number]} Matrix
 */
/** The one way in which pixels are moved (section 4). It keeps its memory: use one at a time for one picture. */
export declare class Sampler {
    #private;
    /**
     * @param {Frame} image
     * @param {Matrix} matrix
     * @param {number} height
     * @param {number} width
     * @param {Uint8Array} out (height, width, 3), which is filled
     */
    sample(image: Frame, matrix: Matrix, height: number, width: number, out: Uint8Array): void;
}
