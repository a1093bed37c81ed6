/**
 * A rectangle, x and y its upper left corner, in pixels of the frame: the middle of the first pixel is (0, 0).
 *
 * @typedef {{ x: number, y: number, width: number, height: number }} Box
 */

/** A face that the detector found. Posted by a worker it keeps all of its properties. */
export class Face {
  /**
   * @param {Box} box
   * @param {Float64Array} keypoints (12,) x and y of: the eye at the picture's left, the eye at its right, nose tip, mouth centre, both ears
   * @param {number} score 0 to 1
   */
  constructor(box, keypoints, score) {
    this.box = box;
    this.keypoints = keypoints;
    this.score = score;
    /** The longer side of the box. */
    this.size = Math.max(box.width, box.height);
    /** Eyes, nose tip and mouth centre (8,), by which a face is aligned. */
    this.landmarks = keypoints.subarray(0, 8);
  }
}

/**
 * Intersection over union.
 *
 * @param {Box} a
 * @param {Box} b
 */
export function overlap(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const shared = Math.max(0, width) * Math.max(0, height);
  return shared / Math.max(a.width * a.height + b.width * b.height - shared, 1e-9);
}
