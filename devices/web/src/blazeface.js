/** BlazeFace short range: its numbers -> the faces of one look (section 5; arXiv:1907.05047). Shares are of the input's side. */

import { FaceliteError } from "./errors.js";
import { Face, overlap } from "./face.js";

/** Pixels of the square input. */
export const SIDE = 128;

/** How many places are looked at. */
export const ANCHORS = 896;

/** Numbers of each: a box's centre and size, six keypoints. */
export const NUMBERS = 16;

/** Overlap above which two boxes are one face. */
export const SAME = 0.3;

/** Centres of the anchors as shares (1792,): two on each cell of 16 x 16, six on each of 8 x 8. */
const CENTRES = new Float64Array(2 * ANCHORS);
for (let i = 0; i < ANCHORS; i++) {
  const [cells, cell] = i < 512 ? [16, i >> 1] : [8, Math.floor((i - 512) / 6)];
  CENTRES[2 * i] = ((cell % cells) + 0.5) / cells;
  CENTRES[2 * i + 1] = (Math.floor(cell / cells) + 0.5) / cells;
}

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
export function facesOf(logits, regressors, minScore, view, turns) {
  return merged(decode(logits, regressors, minScore).map((face) => turnedBack(face, turns))).map((face) =>
    inFrame(face, view),
  );
}

/**
 * The anchors whose score reaches `minScore`, in their order, as shares.
 *
 * @param {Float32Array} logits (896,)
 * @param {Float32Array} regressors (896, 16)
 * @param {number} minScore
 * @returns {Face[]}
 * @throws {FaceliteError} where a logit is NaN, or such an anchor has numbers that are not finite
 */
export function decode(logits, regressors, minScore) {
  const found = [];
  for (let i = 0; i < ANCHORS; i++) {
    const score = 1 / (1 + Math.exp(-Math.min(Math.max(logits[i], -80), 80)));
    const at = NUMBERS * i;
    const width = regressors[at + 2] / SIDE;
    const height = regressors[at + 3] / SIDE;
    if (Number.isNaN(score)) throw broken();
    if (!(score >= minScore && width > 0 && height > 0)) continue;
    if (!Number.isFinite(logits[i]) || !regressors.subarray(at, at + NUMBERS).every(Number.isFinite)) throw broken();
    const x = CENTRES[2 * i];
    const y = CENTRES[2 * i + 1];
    const box = {
      x: x + regressors[at] / SIDE - width / 2,
      y: y + regressors[at + 1] / SIDE - height / 2,
      width,
      height,
    };
    const keypoints = new Float64Array(12);
    for (let k = 0; k < 12; k += 2) {
      keypoints[k] = x + regressors[at + 4 + k] / SIDE;
      keypoints[k + 1] = y + regressors[at + 5 + k] / SIDE;
    }
    found.push(new Face(box, keypoints, score));
  }
  return found;
}

function broken() {
  const remedy = "this browser computes something else: update it, or use another one";
  return new FaceliteError("finite numbers of the detector", "others", remedy);
}

/**
 * A face of a turned view where it was before the turns.
 *
 * @param {Face} face
 * @param {number} turns
 */
function turnedBack(face, turns) {
  for (let turn = 0; turn < turns; turn++) {
    const { x, y, width, height } = face.box;
    const keypoints = face.keypoints.slice();
    for (let k = 0; k < 12; k += 2) {
      keypoints[k] = 1 - face.keypoints[k + 1];
      keypoints[k + 1] = face.keypoints[k];
    }
    face = new Face({ x: 1 - y - height, y: x, width: height, height: width }, keypoints, face.score);
  }
  return face;
}

/**
 * Anchors that see one face as one face: their means, weighed by score.
 *
 * @param {Face[]} found
 */
function merged(found) {
  const faces = [];
  let left = found.sort((a, b) => b.score - a.score);
  while (left.length) {
    const best = left[0].box;
    faces.push(mean(left.filter((face, i) => i === 0 || overlap(best, face.box) > SAME)));
    left = left.filter((face, i) => i > 0 && !(overlap(best, face.box) > SAME));
  }
  return faces;
}

/** @param {Face[]} group of falling score */
function mean(group) {
  const total = group.reduce((sum, { score }) => sum + score, 0);
  const box = { x: 0, y: 0, width: 0, height: 0 };
  const keypoints = new Float64Array(12);
  for (const face of group) {
    const weight = face.score / total;
    box.x += weight * face.box.x;
    box.y += weight * face.box.y;
    box.width += weight * face.box.width;
    box.height += weight * face.box.height;
    for (let k = 0; k < 12; k++) keypoints[k] += weight * face.keypoints[k];
  }
  return new Face(box, keypoints, group[0].score);
}

/**
 * @param {Face} face in shares of the view
 * @param {View} view
 */
function inFrame({ box, keypoints, score }, { x, y, side }) {
  const points = keypoints.map((value, k) => value * side + (k % 2 ? y : x) - 0.5);
  return new Face(
    { x: box.x * side + x - 0.5, y: box.y * side + y - 0.5, width: box.width * side, height: box.height * side },
    points,
    score,
  );
}
