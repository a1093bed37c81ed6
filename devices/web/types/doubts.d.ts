/** Which pictures that are to be enrolled may not be of their subject (section 14). */
import type { Head } from "./distance.js";
import type { Gallery } from "./gallery.js";
import type { Measured } from "./thresholds.js";
export type Doubt = {
    kind: "outlier" | "double";
    /**
     * of an outlier to the nearest of the subject's in another group, of a double to somebody else's template
     */
    distance: number;
    /**
     * an outlier is beyond it, a double within
     */
    limit: number;
    /**
     * whom a double is like
     */
    other: string | null;
    /**
     * what was expected, what came, what to do, in English: translate by `kind`
     */
    detail: string;
};
/**
 * Why a picture is doubtful: an outlier is far from the group of the subject's other pictures and templates, a double is like somebody else who is enrolled.
 *
 * @typedef {object} Doubt
 * @property {"outlier" | "double"} kind
 * @property {number} distance of an outlier to the nearest of the subject's in another group, of a double to somebody else's template
 * @property {number} limit an outlier is beyond it, a double within
 * @property {string | null} other whom a double is like
 * @property {string} detail what was expected, what came, what to do, in English: translate by `kind`
 */
/**
 * @param {string} subject
 * @param {readonly Float32Array[]} vectors that are to become templates of `subject`
 * @param {Gallery} gallery
 * @param {Measured} manifest
 * @param {Head | null} head
 * @returns {Map<number, Doubt>} by the place of the vector
 */
export declare function findDoubts(subject: string, vectors: readonly Float32Array[], gallery: Gallery, manifest: Measured, head: Head | null): Map<number, Doubt>;
