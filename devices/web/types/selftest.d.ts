/** Golden vectors: what the exporting machine made of a few frames. A machine that makes something else of them is refused (section 15). */
import { Frame } from "./frame.js";
import type { Parts } from "./look.js";
export type Golden = {
    frame: Frame;
    crop: Uint8Array;
    size: number[];
    landmarks: number[];
    embedding: number[];
};
/** @typedef {{ frame: Frame, crop: Uint8Array, size: number[], landmarks: number[], embedding: number[] }} Golden */
/**
 * @param {any} list of `golden.json`
 * @param {Uint8Array} binary `golden.bin`
 * @returns {Golden[]}
 * @throws {FaceliteError} where they are none
 */
export declare function parseGoldens(list: any, binary: Uint8Array): Golden[];
/**
 * @param {Golden[]} goldens
 * @param {Parts} parts
 * @throws {FaceliteError} that names the stage which differs
 */
export declare function selfTest(goldens: Golden[], { detector, aligner, embedder }: Parts): Promise<void>;
