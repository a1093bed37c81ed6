/** A frame -> the embedding of the face that is meant, or why there is none (sections 5 to 11). */

import { checkRule, choose } from "./choice.js";
import { lengthOf, unit } from "./embedder.js";
import { judge, measure } from "./quality.js";

/** @import { Aligner } from "./alignment.js" */
/** @import { Rule } from "./choice.js" */
/** @import { Detector } from "./detector.js" */
/** @import { Embedder } from "./embedder.js" */
/** @import { Face } from "./face.js" */
/** @import { Frame } from "./frame.js" */
/** @import { Manifest } from "./manifest.js" */
/** @import { Poor } from "./outcome.js" */

/**
 * @typedef {object} Embedding
 * @property {Float32Array} vector (d,) of unit length
 * @property {string} artefact sha256 of the embedder
 */

/**
 * A frame that gave an embedding.
 *
 * @typedef {{ outcome: null, detail: "", face: Face, embedding: Embedding }} Seen
 */

/**
 * A frame that gave none: why, what to do about it, and the face where it was told which one is meant.
 *
 * @typedef {{ outcome: Poor, detail: string, face: Face | null, embedding: null }} Unseen
 */

/** @typedef {Seen | Unseen} Look */

/** @typedef {{ manifest: Manifest, detector: Detector, aligner: Aligner, embedder: Embedder }} Parts */

/**
 * @param {Parts} parts
 * @param {Frame} frame
 * @param {Rule} rule
 * @returns {Promise<Look>}
 * @throws {FaceliteError} for another rule
 */
export async function lookAt({ manifest, detector, aligner, embedder }, frame, rule) {
  checkRule(rule);
  const faces = await detector.detect(frame);
  if (!faces.length)
    return poor("no face", "expected a face, found none; face the camera, nearer and in good light", null);
  const meant = choose(faces, rule, frame.height, frame.width);
  if (!meant) return poor("several faces", `expected one face, found ${faces.length}; show one person`, null);
  const face = await detector.upright(frame, meant);
  const crop = aligner.align(frame, face.landmarks);
  const quality = measure(frame, face.box, face.landmarks, crop, aligner);
  const before = judge(quality, manifest.limits);
  if (before) return poor(before.outcome, before.detail, face);
  const output = await embedder.output(crop);
  const after = judge({ ...quality, clarity: lengthOf(output) }, manifest.limits);
  if (after) return poor(after.outcome, after.detail, face);
  return {
    outcome: null,
    detail: "",
    face,
    embedding: { vector: unit(output), artefact: manifest.files["embedder.tflite"] },
  };
}

/**
 * @param {Poor} outcome
 * @param {string} detail
 * @param {Face | null} face
 * @returns {Look}
 */
function poor(outcome, detail, face) {
  return { outcome, detail, face, embedding: null };
}
