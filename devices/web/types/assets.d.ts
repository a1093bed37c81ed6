/** The files of the assets folder, as `facelite pack web` writes it, each checked by its hash. */
import type { Manifest } from "./manifest.js";
export type Assets = {
    read: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
};
/**
 * Where the files come from; `read` throws where it has no such file.
 *
 * @typedef {{ read: (name: string) => Promise<Uint8Array<ArrayBuffer>> }} Assets
 */
/**
 * The folder at an address.
 *
 * @param {string | URL} folder a relative one counts from the page, or from the worker's script
 * @returns {Assets}
 */
export declare function assetsAt(folder: string | URL): Assets;
/**
 * All files that the manifest lists, by name.
 *
 * @param {Assets} assets
 * @param {Manifest} manifest
 * @returns {Promise<Record<string, Uint8Array<ArrayBuffer>>>}
 * @throws {FaceliteError} where one is missing, or its sha256 is another
 */
export declare function readAll(assets: Assets, { files, decide }: Manifest): Promise<Record<string, Uint8Array<ArrayBuffer>>>;
/**
 * @param {Uint8Array} bytes
 * @param {string} name for messages
 * @returns {any}
 */
export declare function parseJson(bytes: Uint8Array, name: string): any;
