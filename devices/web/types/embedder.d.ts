/** Crop -> embedding (sections 10 and 11). */
import type { Manifest } from "./manifest.js";
import type { Model } from "./model.js";
/** Embeds crops. One at a time: its input is used again by the next. */
export declare class Embedder {
    #private;
    model: Model;
    preprocessing: import("./manifest.js").Preprocessing;
    dimension: number;
    /**
     * @param {Model} model of `embedder.tflite`
     * @param {Manifest} manifest
     * @throws {FaceliteError} where the model has another input than the manifest says
     */
    constructor(model: Model, { preprocessing, embedding }: Manifest);
    /**
     * What the network makes of a crop (d,), not of unit length.
     *
     * @param {Uint8Array} crop (height, width, 3), of the manifest's size
     * @returns {Promise<Float32Array>}
     * @throws {FaceliteError} where the model has another output than the manifest says
     */
    output(crop: Uint8Array): Promise<Float32Array>;
}
/** @param {ArrayLike<number>} values */
export declare function lengthOf(values: ArrayLike<number>): number;
/**
 * The embedding that an output stands for.
 *
 * @param {ArrayLike<number>} values (d,)
 * @returns {Float32Array} (d,) of unit length
 * @throws {FaceliteError} where it has no direction
 */
export declare function unit(values: ArrayLike<number>): Float32Array;
