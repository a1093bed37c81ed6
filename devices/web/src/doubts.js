/** Which pictures that are to be enrolled may not be of their subject (section 14). */

import { distance } from "./distance.js";
import { FaceliteError } from "./errors.js";
import { strictest } from "./thresholds.js";

/** @import { Head } from "./distance.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Measured } from "./thresholds.js" */

/** How often a newcomer may be taken for somebody else, where rates so small were measured. */
const FPIR = 0.01;

/**
 * Why a picture is doubtful: an outlier is far from all of the subject's other pictures and templates, a double is like somebody else who is enrolled.
 *
 * @typedef {object} Doubt
 * @property {"outlier" | "double"} kind
 * @property {number} distance of an outlier to the nearest of the subject's, of a double to somebody else's template
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
export function findDoubts(subject, vectors, gallery, manifest, head) {
  const own = gallery.of(subject);
  const others = gallery.templates.filter((one) => one.subject !== subject);
  const farthest = Math.max(...manifest.thresholds.map((one) => one.distance));
  const nearest = limitOfDoubles(manifest, others.length, gallery.artefacts);
  const doubts = new Map();
  for (const [place, vector] of vectors.entries()) {
    const alike = vectors.filter((_, other) => other !== place).map((one) => ({ subject, vector: one }));
    const same = closest(head, vector, [...alike, ...own]);
    const other = closest(head, vector, others);
    if (other && other.distance <= nearest) doubts.set(place, double(other.subject, other.distance, nearest));
    else if (same && same.distance > farthest) doubts.set(place, outlier(subject, same.distance, farthest));
  }
  return doubts;
}

/**
 * The limit of a double, among so many templates of others.
 *
 * @param {Measured} manifest
 * @param {number} templates
 * @param {Iterable<string>} artefacts of all the gallery
 */
function limitOfDoubles(manifest, templates, artefacts) {
  try {
    return strictest(manifest, templates, FPIR, artefacts).distance;
  } catch (error) {
    if (!(error instanceof FaceliteError)) throw error; // else no rate as small was measured
    return Math.min(...manifest.thresholds.map((one) => one.distance));
  }
}

/**
 * Whose vector is the nearest, and how near; null where there is none.
 *
 * @param {Head | null} head
 * @param {Float32Array} vector
 * @param {readonly { subject: string, vector: Float32Array }[]} templates
 * @returns {{ subject: string, distance: number } | null}
 */
function closest(head, vector, templates) {
  let found = null;
  for (const one of templates) {
    const apart = distance(head, vector, one.vector);
    if (!found || apart < found.distance) found = { subject: one.subject, distance: apart };
  }
  return found;
}

/**
 * @param {string} subject
 * @param {number} apart
 * @param {number} limit
 * @returns {Readonly<Doubt>}
 */
function outlier(subject, apart, limit) {
  const detail =
    `expected a distance of ${limit.toFixed(2)} or less to another picture of ${subject}, got ${apart.toFixed(2)}; ` +
    "is it the same person? leave it out, or enrol anyway";
  return Object.freeze({ kind: "outlier", distance: apart, limit, other: null, detail });
}

/**
 * @param {string} other
 * @param {number} apart
 * @param {number} limit
 * @returns {Readonly<Doubt>}
 */
function double(other, apart, limit) {
  const found = `${other} at a distance of ${apart.toFixed(2)} (threshold ${limit.toFixed(2)})`;
  const detail = `expected nobody who is enrolled already, got ${found}; is it the same person? if not, enrol anyway`;
  return Object.freeze({ kind: "double", distance: apart, limit, other, detail });
}
