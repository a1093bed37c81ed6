/** Which threshold decides, and what a subject is compared by (section 13). */
import type { Gallery } from "./gallery.js";
import type { Manifest } from "./manifest.js";
import type { Threshold } from "./outcome.js";
export type Measured = Pick<Manifest, "thresholds" | "template_thresholds" | "fmr">;
export type Compared = {
    subject: string;
    vector: Float32Array;
};
export type Plan = {
    threshold: Threshold;
    compared: readonly Compared[];
};
/** @typedef {{ subject: string, vector: Float32Array }} Compared */
/**
 * What a probe is compared with, vector by vector, and the threshold for all of it.
 *
 * @typedef {{ threshold: Threshold, compared: readonly Compared[] }} Plan
 */
/**
 * @param {Measured} manifest
 * @param {number | null} fmr null: the manifest's
 * @returns {Threshold}
 * @throws {FaceliteError} where that rate was not measured
 */
export declare function thresholdForPictures({ thresholds, fmr: usual }: Measured, fmr: number | null): Threshold;
/**
 * @param {Measured} manifest
 * @param {number} comparisons
 * @param {number | null} fmr of the subject's whole comparison
 * @param {Iterable<string>} kinds of the vectors
 */
export declare function thresholdForSubject(manifest: Measured, comparisons: number, fmr: number | null, kinds: Iterable<string>): Threshold;
/**
 * The threshold at which somebody else is taken for anybody, in so many comparisons, at a rate of at most `rate`.
 *
 * @param {Measured} manifest
 * @param {number} comparisons
 * @param {number} rate
 * @param {Iterable<string>} kinds of the vectors; none: one template of this embedder
 * @returns {Threshold}
 * @throws {FaceliteError} where no FMR as small was measured, or it is no rate
 */
export declare function strictest(manifest: Measured, comparisons: number, rate: number, kinds: Iterable<string>): Threshold;
/**
 * How the templates of a gallery, or of one subject of it, are compared: as many as one as were measured at a rate that small; each by itself where
 * another embedder has made some.
 *
 * @param {Manifest} manifest
 * @param {Gallery} gallery
 * @param {string | null} subject null: everybody
 * @param {(comparisons: number, kinds: Iterable<string>) => Threshold} threshold
 * @returns {Plan}
 * @throws {FaceliteError} what `threshold` throws for the least
 */
export declare function plan(manifest: Manifest, gallery: Gallery, subject: string | null, threshold: (comparisons: number, kinds: Iterable<string>) => Threshold): Plan;
/**
 * The vectors that a subject is compared by, in groups of equal size or the first ones larger by one.
 *
 * @param {readonly number[]} measured numbers of templates that may be compared as one, rising
 * @param {readonly ArrayLike<number>[]} templates (d,) each, in the order of enrolment
 * @returns {{ vectors: Float32Array[], kinds: string[] }}
 * @throws {FaceliteError} where a group's mean has no direction
 */
export declare function fuse(measured: readonly number[], templates: readonly ArrayLike<number>[]): {
    vectors: Float32Array[];
    kinds: string[];
};
