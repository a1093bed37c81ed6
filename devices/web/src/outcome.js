/**
 * Why a frame gave no embedding: there is nothing to compare, which is no rejection.
 *
 * @typedef {"no face" | "several faces" | "too small" | "cut off" | "too dark" | "too bright" | "blurred" | "turned away" | "unclear"} Poor
 */

/**
 * How a question ended; all but the first two words mean that nothing was decided.
 *
 * @typedef {"accepted" | "rejected" | Poor} Outcome
 */

/**
 * A threshold with the error rates that were measured at it, as in the manifest (section 3).
 *
 * @typedef {object} Threshold
 * @property {number} distance accepted up to here, from -0.001 (nothing is) to 4
 * @property {number} fmr false match rate that was asked for
 * @property {number} fmr_upper upper end of its 95 % interval
 * @property {number} fnmr false non-match rate
 * @property {number} genuine_pairs
 * @property {number} impostor_pairs
 * @property {number} people_pairs
 */

/** The answer to a question, with what it rests on. Posted by a worker it keeps all of its properties. */
export class Decision {
  /**
   * Whether it is the person. False too where nothing was decided: see `outcome`.
   *
   * @readonly
   * @type {boolean}
   */
  accepted;

  /**
   * @param {Outcome} outcome
   * @param {string | null} subject who was found, or was asked about and accepted; else null
   * @param {number | null} distance from 0 to 4, small is alike; null where nothing was compared
   * @param {Threshold} threshold
   * @param {string} detail of a frame that gave no embedding: what was expected, what came, what to do
   */
  constructor(outcome, subject, distance, threshold, detail = "") {
    this.outcome = outcome;
    this.subject = subject;
    this.distance = distance;
    this.threshold = threshold;
    this.detail = detail;
    this.accepted = outcome === "accepted"; // no getter, which a worker would not post
    Object.freeze(this);
  }
}

/**
 * The outcome of a comparison (section 14).
 *
 * @param {number} distance
 * @param {{ distance: number }} threshold
 * @returns {"accepted" | "rejected"}
 */
export function compared(distance, threshold) {
  return distance <= threshold.distance ? "accepted" : "rejected";
}
