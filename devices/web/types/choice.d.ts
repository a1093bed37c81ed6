/**
 * Which face of a frame is meant (section 7): the `only` one, the one in the `centre`, or the `largest`.
 *
 * @typedef {"only" | "centre" | "largest"} Rule
 */
export type Rule = "only" | "centre" | "largest";
import type { Box } from "./face.js";
/** @import { Box } from "./face.js" */
/**
 * @param {Rule} rule
 * @throws {FaceliteError} where it is none
 */
export declare function checkRule(rule: Rule): void;
/**
 * The face that is meant; null where `only` finds several.
 *
 * @template {{ box: Box }} F
 * @param {readonly F[]} faces one or more
 * @param {Rule} rule a known one
 * @param {number} height of the frame
 * @param {number} width
 * @returns {F | null}
 */
export declare function choose<F extends {
    box: Box;
}>(faces: readonly F[], rule: Rule, height: number, width: number): F | null;
