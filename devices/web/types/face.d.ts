/**
 * A rectangle, x and y its upper left corner, in pixels of the frame: the middle of the first pixel is (0, 0).
 *
 * @typedef {{ x: number, y: number, width: number, height: number }} Box
 */
export type Box = {
    x: number;
    y: number;
    width: number;
    height: number;
};
/** A face that the detector found. Posted by a worker it keeps all of its properties. */
export declare class Face {
    box: Box;
    keypoints: Float64Array<ArrayBufferLike>;
    score: number;
    /** The longer side of the box. */
    size: number;
    /** Eyes, nose tip and mouth centre (8,), by which a face is aligned. */
    landmarks: Float64Array<ArrayBufferLike>;
    /**
     * @param {Box} box
     * @param {Float64Array} keypoints (12,) x and y of: the eye at the picture's left, the eye at its right, nose tip, mouth centre, both ears
     * @param {number} score 0 to 1
     */
    constructor(box: Box, keypoints: Float64Array, score: number);
}
/**
 * Intersection over union.
 *
 * @param {Box} a
 * @param {Box} b
 */
export declare function overlap(a: Box, b: Box): number;
