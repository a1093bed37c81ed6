/** Golden vectors: what the exporting machine made of a few frames. A machine that makes something else of them is refused (section 15). */

import { FaceliteError } from "./errors.js";
import { Frame } from "./frame.js";
import { lengthOf, unit } from "./embedder.js";
import { squaredL2 } from "./distance.js";

/** @import { Parts } from "./look.js" */

const KEYPOINTS = 0.02; // of the distance between eyes and mouth
const PIXELS = 2; // of 255, in the mean
const DISTANCE = 0.02; // squared L2
const MOST = 16;
const MOST_PIXELS = 1 << 20;
const REMEDY =
  "this browser computes something else, or the files are of different bundles: update the browser, or pack again";

/** @typedef {{ frame: Frame, crop: Uint8Array, size: number[], landmarks: number[], embedding: number[] }} Golden */

/**
 * @param {any} list of `golden.json`
 * @param {Uint8Array} binary `golden.bin`
 * @returns {Golden[]}
 * @throws {FaceliteError} where they are none
 */
export function parseGoldens(list, binary) {
  if (!Array.isArray(list) || list.length < 2 || list.length > MOST) {
    throw new FaceliteError(`2 to ${MOST} golden vectors`, String(list?.length), "pack the bundle again");
  }
  return list.map((one) => {
    const [frame, crop] = [one?.frame, one?.crop].map((array) => pixels(array, binary));
    const landmarks = Array.isArray(one.landmarks) ? one.landmarks.flat() : [];
    const embedding = Array.isArray(one.embedding) ? one.embedding : [];
    if (landmarks.length !== 8 || !landmarks.every(Number.isFinite) || !(Math.abs(lengthOf(embedding) - 1) < 0.01)) {
      throw new FaceliteError("golden landmarks and an embedding of unit length", "others", "pack the bundle again");
    }
    return {
      frame: Frame.ofRgb(frame.bytes, frame.size[1], frame.size[0]),
      crop: crop.bytes,
      size: crop.size,
      landmarks,
      embedding,
    };
  });
}

/**
 * @param {Golden[]} goldens
 * @param {Parts} parts
 * @throws {FaceliteError} that names the stage which differs
 */
export async function selfTest(goldens, { detector, aligner, embedder }) {
  for (const golden of goldens) {
    if (
      golden.size.join() !== [aligner.height, aligner.width, 3].join() ||
      golden.embedding.length !== embedder.dimension
    ) {
      throw new FaceliteError("golden crops and embeddings of the manifest's size", "others", "pack the bundle again");
    }
    const [lx, ly, rx, ry, , , mx, my] = golden.landmarks;
    const unitLength = Math.hypot(mx - (lx + rx) / 2, my - (ly + ry) / 2);
    const errors = (await detector.detect(golden.frame)).map(
      (face) => largest(face.landmarks, golden.landmarks) / unitLength,
    );
    check("the detector's keypoints", Math.min(Infinity, ...errors), KEYPOINTS);
    check("the aligned pixels", mean(aligner.align(golden.frame, golden.landmarks), golden.crop), PIXELS);
    check("the embedding's distance", squaredL2(unit(await embedder.output(golden.crop)), golden.embedding), DISTANCE);
  }
}

/**
 * @param {string} what
 * @param {number} error
 * @param {number} most
 */
function check(what, error, most) {
  if (!(error <= most)) {
    throw new FaceliteError(`${what} within ${most} of the self-test's`, error.toPrecision(3), REMEDY);
  }
}

/**
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 */
function largest(a, b) {
  let most = 0;
  for (let i = 0; i < b.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
function mean(a, b) {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / b.length;
}

/**
 * @param {any} array `{"dtype": "uint8", "shape": [h, w, 3], "at": offset}`
 * @param {Uint8Array} binary
 */
function pixels(array, binary) {
  const size = array?.shape;
  const [height, width, colours] = Array.isArray(size) ? size : [];
  const length = height * width * 3;
  const known = array?.dtype === "uint8" && colours === 3 && size.length === 3;
  const whole = [height, width, array?.at].every(Number.isInteger) && height > 0 && width > 0 && array.at >= 0;
  if (!known || !whole || height * width > MOST_PIXELS || array.at + length > binary.length) {
    throw new FaceliteError(
      "a golden picture inside of golden.bin",
      JSON.stringify(array) ?? "none",
      "pack the bundle again",
    );
  }
  return { bytes: binary.subarray(array.at, array.at + length), size };
}
