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
export function findDoubts(subject, vectors, gallery, manifest, head) {
  const own = [...vectors, ...gallery.of(subject).map((one) => one.vector)];
  const others = gallery.templates.filter((one) => one.subject !== subject);
  const farthest = Math.max(...manifest.thresholds.map((one) => one.distance));
  const nearest = limitOfDoubles(manifest, others.length, gallery.artefacts);
  const groups = linked(head, own, farthest);
  const right = rightGroups(groups, vectors.length);
  const doubts = new Map();
  for (const [place, vector] of vectors.entries()) {
    const other = closest(head, vector, others);
    if (other && other.distance <= nearest) doubts.set(place, double(other.subject, other.distance, nearest));
    else if (!right.has(groups[place])) {
      const apart = own.filter((_, at) => groups[at] !== groups[place]).map((one) => distance(head, vector, one));
      doubts.set(place, outlier(subject, Math.min(...apart), farthest));
    }
  }
  return doubts;
}

/**
 * The number of each vector's group: of those that are linked, one to the next, by distances of `limit` or less.
 *
 * @param {Head | null} head
 * @param {readonly Float32Array[]} vectors
 * @param {number} limit
 * @returns {number[]}
 */
function linked(head, vectors, limit) {
  let groups = vectors.map((_, place) => place);
  for (const [i, one] of vectors.entries()) {
    for (let j = 0; j < i; j++) {
      const [mine, its] = [groups[i], groups[j]];
      if (mine !== its && distance(head, one, vectors[j]) <= limit)
        groups = groups.map((group) => (group === its ? mine : group));
    }
  }
  return groups;
}

/**
 * The groups with templates, which follow the first `pictures`; where there are none the largest, if no other is as large.
 *
 * @param {readonly number[]} groups
 * @param {number} pictures
 * @returns {Set<number>}
 */
function rightGroups(groups, pictures) {
  if (groups.length > pictures) return new Set(groups.slice(pictures));
  const sizes = groups.map((group) => groups.filter((other) => other === group).length);
  const largest = new Set(groups.filter((_, place) => sizes[place] === Math.max(...sizes)));
  return largest.size === 1 ? largest : new Set();
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
    `expected a distance of ${limit.toFixed(2)} or less to the other pictures of ${subject}, got ${apart.toFixed(2)}; ` +
    "is it the same person? leave it out, or enrol anyway";
  return Object.freeze({
    kind: "outlier",
    distance: apart,
    limit,
    other: null,
    detail,
  });
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
  return Object.freeze({
    kind: "double",
    distance: apart,
    limit,
    other,
    detail,
  });
}
