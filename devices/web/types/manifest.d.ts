/** `facelite.json`: what a device must know of a bundle (section 3). */
import type { Threshold } from "./outcome.js";
import type { Limits } from "./quality.js";
export type Preprocessing = {
    height: number;
    width: number;
    mean: number;
    std: number;
    colours: "RGB" | "BGR";
};
export type Manifest = {
    format: [number, number];
    name: string;
    network: string;
    precision: string;
    /**
     * embeddings may be compared only inside one
     */
    space: string;
    /**
     * numbers of an embedding
     */
    embedding: number;
    preprocessing: Preprocessing;
    /**
     * of falling `fmr`
     */
    thresholds: Threshold[];
    /**
     * used unless another is asked for
     */
    fmr: number;
    template_thresholds: Record<string, Threshold[]>;
    limits: Limits;
    decide: "squared-l2" | "siamese";
    /**
     * name -> sha256
     */
    files: Record<string, string>;
    parameters: number;
    multiply_adds: number;
    training_data: string;
    licences: Record<string, string>;
};
export type Check = (value: any) => boolean;
/**
 * @param {any} given the parsed JSON
 * @returns {Manifest}
 * @throws {FaceliteError} where it is no manifest of a format that this code knows
 */
export declare function checkManifest(given: any): Manifest;
