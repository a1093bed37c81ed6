/**
 * Why a frame gave no embedding: there is nothing to compare, which is no rejection.
 *
 * @typedef {"no face" | "several faces" | "too small" | "cut off" | "too dark" | "too bright" | "blurred" | "turned away" | "unclear"} Poor
 */
export type Poor = "no face" | "several faces" | "too small" | "cut off" | "too dark" | "too bright" | "blurred" | "turned away" | "unclear";
export type Outcome = "accepted" | "rejected" | Poor;
export type Threshold = {
    /**
     * accepted up to here, from -0.001 (nothing is) to 4
     */
    distance: number;
    /**
     * false match rate that was asked for
     */
    fmr: number;
    /**
     * upper end of its 95 % interval
     */
    fmr_upper: number;
    /**
     * false non-match rate
     */
    fnmr: number;
    genuine_pairs: number;
    impostor_pairs: number;
    people_pairs: number;
};
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
export declare class Decision {
    outcome: Outcome;
    subject: string | null;
    distance: number | null;
    threshold: Threshold;
    detail: string;
    /**
     * Whether it is the person. False too where nothing was decided: see `outcome`.
     *
     * @readonly
     * @type {boolean}
     */
    readonly accepted: boolean;
    /**
     * @param {Outcome} outcome
     * @param {string | null} subject who was found, or was asked about and accepted; else null
     * @param {number | null} distance from 0 to 4, small is alike; null where nothing was compared
     * @param {Threshold} threshold
     * @param {string} detail of a frame that gave no embedding: what was expected, what came, what to do
     */
    constructor(outcome: Outcome, subject: string | null, distance: number | null, threshold: Threshold, detail?: string);
}
/**
 * The outcome of a comparison (section 14).
 *
 * @param {number} distance
 * @param {{ distance: number }} threshold
 * @returns {"accepted" | "rejected"}
 */
export declare function compared(distance: number, threshold: {
    distance: number;
}): "accepted" | "rejected";
