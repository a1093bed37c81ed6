/** The people who are enrolled: templates in memory, saved and loaded through a vault. */
import type { Manifest } from "./manifest.js";
export type Template = {
    subject: string;
    /**
     * sha256 of the embedder that made it
     */
    artefact: string;
    /**
     * ISO 8601, UTC
     */
    enrolled_at: string;
    /**
     * (d,) of unit length
     */
    vector: Float32Array;
};
export type Vault = {
    seal: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;
    open: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;
};
/**
 * One stored embedding of a subject.
 *
 * @typedef {object} Template
 * @property {string} subject
 * @property {string} artefact sha256 of the embedder that made it
 * @property {string} enrolled_at ISO 8601, UTC
 * @property {Float32Array} vector (d,) of unit length
 */
/**
 * What keeps a gallery's bytes from other eyes. `open` gives what was sealed, or throws.
 *
 * @typedef {object} Vault
 * @property {(bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>} seal
 * @property {(bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>} open
 */
/** Templates of one embedding space, in the order of enrolment. */
export declare class Gallery {
    #private;
    space: string;
    /** @param {string} space of the embedder: `facelite.manifest.space` */
    constructor(space: string);
    /** How many templates there are. */
    get size(): number;
    /** Who is enrolled, in the order of the first template. */
    get subjects(): string[];
    /** @returns {readonly Template[]} */
    get templates(): readonly Template[];
    /**
     * Add a template, unless the subject has one that equals it.
     *
     * @param {Template} template
     * @returns {boolean} whether it was added
     * @throws {FaceliteError} where it is none
     */
    add({ subject, artefact, enrolled_at, vector }: Template): boolean;
    /**
     * Remove all templates of a subject. What was saved before still has them: save again.
     *
     * @param {string} subject
     * @returns {number} how many there were
     */
    remove(subject: string): number;
    /**
     * @param {Vault} vault
     * @returns {Promise<Uint8Array<ArrayBuffer>>} to be kept where the app keeps its data
     */
    save(vault: Vault): Promise<Uint8Array<ArrayBuffer>>;
    /**
     * @param {Uint8Array<ArrayBuffer>} bytes what `save` gave
     * @param {Vault} vault
     * @param {Manifest} manifest `facelite.manifest`
     * @returns {Promise<Gallery>}
     * @throws {FaceliteError} where the vault cannot open it, it is no gallery, or the manifest's embedder cannot be compared with it
     */
    static load(bytes: Uint8Array<ArrayBuffer>, vault: Vault, manifest: Manifest): Promise<Gallery>;
}
/**
 * Refuse a name that is blank, or has characters that cannot be seen.
 *
 * @param {string} subject
 */
export declare function checkSubject(subject: string): void;
/**
 * Refuse templates that the manifest's embedder cannot be compared with.
 *
 * @param {Gallery} gallery
 * @param {Manifest} manifest
 */
export declare function checkGallery({ space, templates }: Gallery, { space: own, embedding, files, template_thresholds }: Manifest): void;
