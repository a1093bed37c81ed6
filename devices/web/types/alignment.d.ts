/** Landmarks -> the crop in which they lie where the template has them (section 8). */
import type { Frame } from "./frame.js";
import type { Matrix } from "./sampling.js";
/** Cuts faces out of frames. The crop is overwritten by the next one. */
export declare class Aligner {
    #private;
    height: number;
    width: number;
    points: Float64Array<ArrayBuffer>;
    /**
     * @param {number} height of the crops
     * @param {number} width
     */
    constructor(height: number, width: number);
    /**
     * @param {Frame} frame
     * @param {ArrayLike<number>} landmarks (8,)
     * @returns {Uint8Array} (height, width, 3), until the next face is aligned
     * @throws {FaceliteError} where all landmarks are one point
     */
    align(frame: Frame, landmarks: ArrayLike<number>): Uint8Array;
}
/**
 * Where the landmarks come to lie in a crop of this size (8,).
 *
 * @param {number} height
 * @param {number} width
 */
export declare function template(height: number, width: number): Float64Array<ArrayBuffer>;
/**
 * Rotation, one scale and shift with the least squared error (Umeyama's closed form in the plane).
 *
 * @param {ArrayLike<number>} landmarks (8,) x and y of four points
 * @param {ArrayLike<number>} points (8,) where they are to lie
 * @returns {Matrix}
 * @throws {FaceliteError} where all landmarks are one point
 */
export declare function similarity(landmarks: ArrayLike<number>, points: ArrayLike<number>): Matrix;
/**
 * The points as a matrix moves them.
 *
 * @param {Matrix} matrix
 * @param {ArrayLike<number>} points (2n,)
 * @returns {Float64Array} (2n,)
 */
export declare function moved([a, b, c, d, e, f]: Matrix, points: ArrayLike<number>): Float64Array;
