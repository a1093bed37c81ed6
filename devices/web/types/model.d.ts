/**
 * A TFLite file that runs. `run` may be called again when its answer has come, not before.
 *
 * @typedef {object} Model
 * @property {readonly number[]} inputShape
 * @property {(input: Float32Array) => Promise<Record<string, Float32Array>>} run all outputs by name, which are the caller's; `input` is only read
 * @property {() => void} close frees its memory
 */
export type Model = {
    inputShape: readonly number[];
    /**
     * all outputs by name, which are the caller's; `input` is only read
     */
    run: (input: Float32Array) => Promise<Record<string, Float32Array>>;
    /**
     * frees its memory
     */
    close: () => void;
};
export type Models = {
    /**
     * `name` is for messages
     */
    open: (name: string, bytes: Uint8Array<ArrayBuffer>) => Promise<Model>;
};
/**
 * Refuse a model of another input.
 *
 * @param {Model} model
 * @param {string} name
 * @param {readonly number[]} shape
 */
export declare function checkInput(model: Model, name: string, shape: readonly number[]): void;
/**
 * The output of so many numbers; the names of outputs are not part of the contract.
 *
 * @param {Record<string, Float32Array>} outputs
 * @param {string} name of the model
 * @param {number} length
 */
export declare function outputOf(outputs: Record<string, Float32Array>, name: string, length: number): Float32Array<ArrayBufferLike>;
