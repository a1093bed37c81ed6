/** How far apart two embeddings are (section 12): from 0 to 4, small is alike. */
export type Head = {
    form: "absolute" | "chi-square";
    weights: Float32Array;
};
/**
 * What decides in place of squared L2.
 *
 * @typedef {{ form: "absolute" | "chi-square", weights: Float32Array }} Head
 */
/**
 * @param {Head | null} head null: squared L2
 * @param {ArrayLike<number>} a (d,)
 * @param {ArrayLike<number>} b (d,)
 */
export declare function distance(head: Head | null, a: ArrayLike<number>, b: ArrayLike<number>): number;
/**
 * @param {ArrayLike<number>} a (d,)
 * @param {ArrayLike<number>} b (d,)
 */
export declare function squaredL2(a: ArrayLike<number>, b: ArrayLike<number>): number;
/**
 * @param {any} table of `head.json`
 * @param {number} dimension
 * @returns {Head}
 * @throws {FaceliteError} where it is none
 */
export declare function checkHead(table: any, dimension: number): Head;
