/** BlazeFace short range: its numbers -> the faces of one look (section 5; arXiv:1907.05047). Shares are of the input's side. */
import { Face } from "./face.js";
/** Pixels of the square input. */
export declare const SIDE = 128;
/** How many places are looked at. */
export declare const ANCHORS = 896;
/** Numbers of each: a box's centre and size, six keypoints. */
export declare const NUMBERS = 16;
/** Overlap above which two boxes are one face. */
export declare const SAME = 0.3;
export type View = {
    x: number;
    y: number;
    side: number;
};
/**
 * A square of the frame; x and y are its left and upper edge, counted from the frame's edge.
 *
 * @typedef {{ x: number, y: number, side: number }} View
 */
/**
 * The faces of a look, in pixels of the frame, in the order in which they were merged.
 *
 * @param {Float32Array} logits (896,)
 * @param {Float32Array} regressors (896, 16)
 * @param {number} minScore
 * @param {View} view
 * @param {number} turns by which the view was turned to the left
 * @returns {Face[]}
 */
export declare function facesOf(logits: Float32Array, regressors: Float32Array, minScore: number, view: View, turns: number): Face[];
/**
 * The anchors whose score reaches `minScore`, in their order, as shares.
 *
 * @param {Float32Array} logits (896,)
 * @param {Float32Array} regressors (896, 16)
 * @param {number} minScore
 * @returns {Face[]}
 * @throws {FaceliteError} where a logit is NaN, or such an anchor has numbers that are not finite
 */
export declare function decode(logits: Float32Array, regressors: Float32Array, minScore: number): Face[];
