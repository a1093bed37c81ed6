/** Which threshold decides, and what a subject is compared by (section 13). */

import { unit } from "./embedder.js";
import { FaceliteError } from "./errors.js";

/** @import { Template } from "./gallery.js" */
/** @import { Manifest } from "./manifest.js" */
/** @import { Threshold } from "./outcome.js" */

/** @typedef {Pick<Manifest, "thresholds" | "template_thresholds" | "fmr">} Measured */

/** How many templates of a subject may be compared as one, where that was measured. */
const FUSED = [2, 3, 5, 8];

/**
 * What a probe is compared with, vector by vector, and the threshold for all of it.
 *
 * @typedef {{ threshold: Threshold, compared: { subject: string, vector: Float32Array }[] }} Plan
 */

/**
 * @param {Measured} manifest
 * @param {number | null} fmr null: the manifest's
 * @returns {Threshold}
 * @throws {FaceliteError} where that rate was not measured
 */
export function thresholdForPictures({ thresholds, fmr: usual }, fmr) {
  const wanted = fmr ?? usual;
  const found = thresholds.find((one) => Math.abs(one.fmr - wanted) <= 1e-9 + 1e-6 * wanted);
  if (found) return found;
  throw new FaceliteError(
    "an FMR that was measured",
    String(wanted),
    `choose one of ${thresholds.map((one) => one.fmr).join(", ")}`,
  );
}

/**
 * @param {Measured} manifest
 * @param {number} comparisons
 * @param {number | null} fmr of the subject's whole comparison
 * @param {Iterable<string>} kinds of the vectors
 */
export function thresholdForSubject(manifest, comparisons, fmr, kinds) {
  return strictest(manifest, comparisons, thresholdForPictures(manifest, fmr).fmr, kinds);
}

/**
 * The threshold at which somebody else is taken for anybody, in so many comparisons, at a rate of at most `rate`.
 *
 * @param {Measured} manifest
 * @param {number} comparisons
 * @param {number} rate
 * @param {Iterable<string>} kinds of the vectors; none: one template of this embedder
 * @returns {Threshold}
 * @throws {FaceliteError} where no FMR as small was measured
 */
export function strictest(manifest, comparisons, rate, kinds) {
  const wanted = 1 - (1 - rate) ** (1 / Math.max(comparisons, 1));
  const tables = Array.from(kinds, (kind) => manifest.template_thresholds[kind] ?? manifest.thresholds);
  let strict = null;
  for (const table of tables.length ? tables : [manifest.thresholds]) {
    const fitting = table.find((one) => one.fmr <= wanted * (1 + 1e-6));
    if (!fitting) {
      const got = `${table[table.length - 1].fmr} as the smallest that was measured`;
      throw new FaceliteError(
        `an FMR of ${wanted.toPrecision(2)} for ${comparisons} comparisons at ${rate}`,
        got,
        "ask for a larger rate, or enrol fewer",
      );
    }
    if (!strict || fitting.distance < strict.distance) strict = fitting;
  }
  return /** @type {Threshold} */ (strict);
}

/**
 * How the templates of a gallery, or of one subject of it, are compared: as many as one as were measured at a rate that small; each by itself where
 * another embedder has made some.
 *
 * @param {Manifest} manifest
 * @param {readonly Template[]} gallery all templates
 * @param {string | null} subject null: everybody
 * @param {(comparisons: number, kinds: Iterable<string>) => Threshold} threshold
 * @returns {Plan}
 * @throws {FaceliteError} what `threshold` throws for the least
 */
export function plan(manifest, gallery, subject, threshold) {
  const templates = subject === null ? gallery : gallery.filter((one) => one.subject === subject);
  const makers = new Set(gallery.map((one) => one.artefact));
  const measured =
    makers.size === 1 && makers.has(manifest.files["embedder.tflite"])
      ? FUSED.filter((number) => manifest.template_thresholds[`fused ${number}`])
      : [];
  for (; measured.length; measured.pop()) {
    const compared = [];
    const kinds = new Set();
    for (const [name, vectors] of bySubject(templates)) {
      const groups = fuse(measured, vectors);
      for (const vector of groups.vectors) compared.push({ subject: name, vector });
      for (const kind of groups.kinds) kinds.add(kind);
    }
    try {
      return { compared, threshold: threshold(compared.length, kinds) };
    } catch (error) {
      if (!(error instanceof FaceliteError)) throw error; // else smaller groups, which may have been measured at smaller rates
    }
  }
  return { compared: [...templates], threshold: threshold(templates.length, makers) };
}

/**
 * The vectors that a subject is compared by, in groups of equal size or the first ones larger by one.
 *
 * @param {readonly number[]} measured numbers of templates that may be compared as one, rising
 * @param {readonly ArrayLike<number>[]} templates (d,) each, in the order of enrolment
 * @returns {{ vectors: Float32Array[], kinds: string[] }}
 */
export function fuse(measured, templates) {
  const groups = Math.ceil(templates.length / (measured[measured.length - 1] ?? 1));
  const vectors = [];
  const kinds = [];
  for (let group = 0, from = 0; group < groups; group++) {
    const size = Math.ceil((templates.length - from) / (groups - group));
    vectors.push(unit(mean(templates, from, size)));
    kinds.push(size > 1 ? `fused ${measured.find((number) => number >= size)}` : "");
    from += size;
  }
  return { vectors, kinds };
}

/**
 * @param {readonly ArrayLike<number>[]} vectors
 * @param {number} from
 * @param {number} size
 */
function mean(vectors, from, size) {
  const found = new Float64Array(vectors[from].length);
  for (let i = from; i < from + size; i++) {
    const vector = vectors[i];
    for (let k = 0; k < found.length; k++) found[k] += vector[k] / size;
  }
  return found;
}

/**
 * @param {readonly Template[]} templates
 * @returns {Map<string, Float32Array[]>}
 */
function bySubject(templates) {
  const found = new Map();
  for (const { subject, vector } of templates) {
    if (!found.has(subject)) found.set(subject, []);
    found.get(subject).push(vector);
  }
  return found;
}
