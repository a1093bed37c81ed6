/**
 * Which face of a frame is meant (section 7): the `only` one, the one in the `centre`, or the `largest`.
 *
 * @typedef {"only" | "centre" | "largest"} Rule
 */

import { FaceliteError } from "./errors.js";

/** @import { Box } from "./face.js" */

/**
 * @param {Rule} rule
 * @throws {FaceliteError} where it is none
 */
export function checkRule(rule) {
  if (["only", "centre", "largest"].includes(rule)) return;
  throw new FaceliteError('a rule "only", "centre" or "largest"', JSON.stringify(rule), "give one of them");
}

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
export function choose(faces, rule, height, width) {
  switch (rule) {
    case "only":
      return faces.length === 1 ? faces[0] : null;
    case "centre":
      return least(faces, ({ box }) =>
        Math.hypot(box.x + box.width / 2 - (width - 1) / 2, box.y + box.height / 2 - (height - 1) / 2),
      );
    case "largest":
      return least(faces, ({ box }) => -Math.max(box.width, box.height));
  }
}

/**
 * Of equals the first.
 *
 * @template F
 * @param {readonly F[]} faces
 * @param {(face: F) => number} measure
 */
function least(faces, measure) {
  return faces.reduce((best, face) => (measure(face) < measure(best) ? face : best));
}
