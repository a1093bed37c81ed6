/** Which threshold decides, and what a subject is compared by (section 13). */

import { unit } from "./embedder.js";
import { FaceliteError } from "./errors.js";

/** @import { Gallery } from "./gallery.js" */
/** @import { Manifest } from "./manifest.js" */
/** @import { Threshold } from "./outcome.js" */

/** @typedef {Pick<Manifest, "thresholds" | "template_thresholds" | "fmr">} Measured */

/** How many templates of a subject may be compared as one, where that was measured. */
const FUSED = [2, 3, 5, 8];

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
 * @throws {FaceliteError} where no FMR as small was measured, or it is no rate
 */
export function strictest(manifest, comparisons, rate, kinds) {
  if (!(rate > 0 && rate < 1)) throw new FaceliteError("a rate above 0 and below 1", String(rate), "ask for 0.01");
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
 * @param {Gallery} gallery
 * @param {string | null} subject null: everybody
 * @param {(comparisons: number, kinds: Iterable<string>) => Threshold} threshold
 * @returns {Plan}
 * @throws {FaceliteError} what `threshold` throws for the least
 */
export function plan(manifest, gallery, subject, threshold) {
  const { artefacts } = gallery;
  const measured =
    artefacts.size === 1 && artefacts.has(manifest.files["embedder.tflite"])
      ? FUSED.filter((number) => manifest.template_thresholds[`fused ${number}`])
      : [];
  for (; measured.length; measured.pop()) {
    const { compared, kinds } = gallery.fused(measured, subject);
    try {
      return { compared, threshold: threshold(compared.length, kinds) };
    } catch (error) {
      if (!(error instanceof FaceliteError)) throw error; // else smaller groups, which may have been measured at smaller rates
    }
  }
  const compared = [...(subject === null ? gallery.templates : gallery.of(subject))]; // as many as the threshold is for, whoever is added meanwhile
  return { compared, threshold: threshold(compared.length, artefacts) };
}

/**
 * The vectors that a subject is compared by, in groups of equal size or the first ones larger by one.
 *
 * @param {readonly number[]} measured numbers of templates that may be compared as one, rising
 * @param {readonly ArrayLike<number>[]} templates (d,) each, in the order of enrolment
 * @returns {{ vectors: Float32Array[], kinds: string[] }}
 * @throws {FaceliteError} where a group's mean has no direction
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
