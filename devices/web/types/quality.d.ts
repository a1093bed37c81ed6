/** How good a face is for a comparison, and why it does not do (section 9). */
import type { Box } from "./face.js";
import type { Poor } from "./outcome.js";
export type Limits = {
    /**
     * pixels of the frame
     */
    size: number;
    /**
     * share of the face's box that lies in the frame
     */
    inside: number;
    /**
     * mean luma of the crop, of 255
     */
    dark: number;
    bright: number;
    /**
     * standard deviation of the luma's Laplacian
     */
    sharpness: number;
    /**
     * of the landmarks off the template, as a share of the crop's height
     */
    turn: number;
    /**
     * length of the embedder's output
     */
    clarity: number;
};
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
export declare const LIMITS: Readonly<Limits>;
export type Quality = {
    size: number;
    inside: number;
    light: number;
    sharpness: number;
    turn: number;
    clarity: number;
};
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
export declare function measure(frame: {
    width: number;
    height: number;
}, box: Box, landmarks: ArrayLike<number>, crop: Uint8Array, { height, width, points }: {
    height: number;
    width: number;
    points: Float64Array;
}): Quality;
/**
 * The first limit that is not met; null for a face that is good enough.
 *
 * @param {Quality} found
 * @param {Limits} limits
 * @returns {{ outcome: Poor, detail: string } | null}
 */
export declare function judge({ size, inside, light, sharpness, turn, clarity }: Quality, limits: Limits): {
    outcome: Poor;
    detail: string;
} | null;
