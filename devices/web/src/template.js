/** One stored embedding of a person, and what is refused as one. */

import { lengthOf } from "./embedder.js";
import { FaceliteError } from "./errors.js";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/;

/**
 * One stored embedding of a subject.
 *
 * @typedef {object} Template
 * @property {string} subject
 * @property {string} artefact sha256 of the embedder that made it
 * @property {string} enrolled_at ISO 8601 with Z: 2026-11-29T08:52:20Z
 * @property {Float32Array} vector (d,) of unit length
 */

/**
 * Whether a name is one that can have been enrolled, by whatever version of Unicode.
 *
 * @param {unknown} subject
 */
function isName(subject) {
  return typeof subject === "string" && /\P{White_Space}/u.test(subject) && !/\p{Cc}/u.test(subject);
}

/**
 * Refuse a name that is blank, or has characters that cannot be seen, but for what joins letters in Persian and Sinhala, and Japanese's wide space.
 *
 * @param {string} subject
 */
export function checkSubject(subject) {
  if (!isName(subject) || /[^ \u3000\P{Z}]|[^\u200c\u200d\P{C}]/u.test(subject)) {
    throw new FaceliteError("a subject's name in printable letters", JSON.stringify(subject), "name the person");
  }
}

/**
 * Refuse what has no name, embedder, time or vector as section 19 has them.
 *
 * @param {any} given a template, or what may be one
 * @throws {FaceliteError}
 */
export function checkTemplate(given) {
  const { subject, artefact, enrolled_at, vector } = given ?? {};
  const numbers = vector instanceof Float32Array || (Array.isArray(vector) && vector.every(Number.isFinite));
  const words = [artefact, enrolled_at].every((one) => typeof one === "string");
  if (!isName(subject) || !words || !TIME.test(enrolled_at) || !numbers) {
    throw new FaceliteError("a template", JSON.stringify(given)?.slice(0, 80) ?? "none", "enrol again");
  }
  const length = lengthOf(vector);
  if (!(Math.abs(length - 1) <= 1e-3)) {
    throw new FaceliteError("a vector of unit length", `one of length ${length}`, "enrol the person again");
  }
}
