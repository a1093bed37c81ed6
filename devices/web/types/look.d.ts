/** A frame -> the embedding of the face that is meant, or why there is none (sections 5 to 11). */
import type { Aligner } from "./alignment.js";
import type { Rule } from "./choice.js";
import type { Detector } from "./detector.js";
import type { Embedder } from "./embedder.js";
import type { Face } from "./face.js";
import type { Frame } from "./frame.js";
import type { Manifest } from "./manifest.js";
import type { Poor } from "./outcome.js";
export type Embedding = {
    /**
     * (d,) of unit length
     */
    vector: Float32Array;
    /**
     * sha256 of the embedder
     */
    artefact: string;
};
export type Seen = {
    outcome: null;
    detail: "";
    face: Face;
    embedding: Embedding;
};
export type Unseen = {
    outcome: Poor;
    detail: string;
    face: Face | null;
    embedding: null;
};
export type Look = Seen | Unseen;
export type Parts = {
    manifest: Manifest;
    detector: Detector;
    aligner: Aligner;
    embedder: Embedder;
};
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
export declare function lookAt({ manifest, detector, aligner, embedder }: Parts, frame: Frame, rule: Rule): Promise<Look>;
