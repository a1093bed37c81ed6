/** `facelite.json`: what a device must know of a bundle (section 3). */

import { FaceliteError } from "./errors.js";
import { LIMITS } from "./quality.js";

/** @import { Threshold } from "./outcome.js" */
/** @import { Limits } from "./quality.js" */

/** @typedef {{ height: number, width: number, mean: number, std: number, colours: "RGB" | "BGR" }} Preprocessing */

/**
 * With the defaults filled in.
 *
 * @typedef {object} Manifest
 * @property {[number, number]} format
 * @property {string} name
 * @property {string} network
 * @property {string} precision
 * @property {string} space embeddings may be compared only inside one
 * @property {number} embedding numbers of an embedding
 * @property {Preprocessing} preprocessing
 * @property {Threshold[]} thresholds of falling `fmr`
 * @property {number} fmr used unless another is asked for
 * @property {Record<string, Threshold[]>} template_thresholds
 * @property {Limits} limits
 * @property {"squared-l2" | "siamese"} decide
 * @property {Record<string, string>} files name -> sha256
 * @property {number} parameters
 * @property {number} multiply_adds
 * @property {string} training_data
 * @property {Record<string, string>} licences
 */

/** @typedef {(value: any) => boolean} Check */

/** @type {Check} */
const text = (value) => typeof value === "string";
/** @type {Check} */
const number = (value) => typeof value === "number" && Number.isFinite(value);
/** @type {Check} */
const count = (value) => Number.isInteger(value) && value >= 0;
/** @type {Check} */
const least0 = (value) => number(value) && value >= 0;
/** @type {Check} */
const rate = (value) => number(value) && value > 0 && value < 1;
/** @type {Check} */
const fileName = (value) => /^\w[\w.-]*$/.test(value) && value !== "facelite.json";
/** @type {Check} */
const sha256 = (value) => text(value) && /^[0-9a-f]{64}$/.test(value);
/** @type {Check} */
const table = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @type {Record<string, Check>} */
const THRESHOLD = {
  distance: (value) => number(value) && value >= -0.001 && value <= 4,
  fmr: rate,
  fmr_upper: number,
  fnmr: number,
  genuine_pairs: count,
  impostor_pairs: count,
  people_pairs: count,
};

/** @type {Record<string, Check>} */
const PREPROCESSING = {
  height: (value) => count(value) && value >= 32,
  width: (value) => count(value) && value >= 32,
  mean: number,
  std: (value) => number(value) && value > 0,
  colours: (value) => value === "RGB" || value === "BGR",
};

/** @type {Record<string, Check>} */
const MANIFEST = {
  format: (value) => Array.isArray(value) && value.length === 2 && value.every(count),
  name: text,
  network: text,
  precision: text,
  space: text,
  embedding: (value) => count(value) && value > 0,
  preprocessing: (value) => exactly(value, PREPROCESSING),
  thresholds: falling,
  fmr: rate,
  template_thresholds: (value) => table(value) && Object.values(value).every(falling),
  limits: (value) => exactly(value, Object.fromEntries(Object.keys(LIMITS).map((name) => [name, least0]))),
  decide: (value) => value === "squared-l2" || value === "siamese",
  files: (value) => table(value) && Object.entries(value).every(([name, digest]) => fileName(name) && sha256(digest)),
  parameters: count,
  multiply_adds: count,
  training_data: text,
  licences: (value) => table(value) && Object.values(value).every(text),
};

/** The major format of what decides. */
const MAJOR = { "squared-l2": 1, siamese: 2 };

/**
 * @param {any} given the parsed JSON
 * @returns {Manifest}
 * @throws {FaceliteError} where it is no manifest of a format that this code knows
 */
export function checkManifest(given) {
  if (!table(given)) throw refused("facelite.json", given);
  const { preprocessing, limits = {} } = given;
  const filled = {
    template_thresholds: {},
    decide: "squared-l2",
    ...given,
    preprocessing: withDefaults({ mean: 127.5, std: 128, colours: "RGB" }, preprocessing),
    limits: withDefaults(LIMITS, limits),
  };
  for (const name of ["format", "decide"]) if (!MANIFEST[name](filled[name])) throw refused(name, filled[name]);
  const major = MAJOR[/** @type {Manifest} */ (filled).decide];
  if (filled.format[0] !== major) {
    throw new FaceliteError(
      `format ${major}`,
      `format ${filled.format[0]}`,
      "use the facelite that the bundle was made for, or pack it again",
    );
  }
  for (const [name, check] of Object.entries(MANIFEST)) if (!check(filled[name])) throw refused(name, filled[name]);
  for (const list of [filled.thresholds, ...Object.values(filled.template_thresholds)]) {
    if (!list.some((/** @type {Threshold} */ one) => one.fmr === filled.fmr)) {
      throw refused(`a threshold for the FMR ${filled.fmr} in each list`, list);
    }
  }
  return filled;
}

/**
 * @param {object} defaults
 * @param {any} value
 */
function withDefaults(defaults, value) {
  return table(value) ? { ...defaults, ...value } : value;
}

/**
 * A list of thresholds of falling FMR.
 *
 * @type {Check}
 */
function falling(list) {
  return (
    Array.isArray(list) &&
    list.length > 0 &&
    list.every((one, i) => exactly(one, THRESHOLD) && (i === 0 || one.fmr < list[i - 1].fmr))
  );
}

/**
 * An object with these keys and no others.
 *
 * @param {any} value
 * @param {Record<string, Check>} checks
 */
function exactly(value, checks) {
  return (
    table(value) &&
    Object.keys(value).every((name) => Object.hasOwn(checks, name)) &&
    Object.entries(checks).every(([name, check]) => check(value[name]))
  );
}

/**
 * @param {string} what
 * @param {any} got
 */
function refused(what, got) {
  return new FaceliteError(
    `${what} as the specification has it`,
    JSON.stringify(got)?.slice(0, 200) ?? "nothing",
    "pack the bundle again",
  );
}
