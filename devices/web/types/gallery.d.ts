/** The people who are enrolled: templates in memory, saved and loaded through a vault. */
import type { Manifest } from "./manifest.js";
import type { Template } from "./template.js";
import type { Compared } from "./thresholds.js";
export type Vault = {
    seal: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;
    open: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;
};
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
    /** Which embedders made the templates. */
    get artefacts(): Set<string>;
    /**
     * A subject's templates; none where nobody of that name is enrolled.
     *
     * @param {string} subject
     * @returns {readonly Template[]}
     */
    of(subject: string): readonly Template[];
    /**
     * What subjects are compared by where templates may be compared as one (section 13). It is kept until the gallery changes.
     *
     * @param {readonly number[]} measured numbers of templates that may be, rising
     * @param {string | null} subject null: everybody
     * @returns {{ compared: readonly Compared[], kinds: ReadonlySet<string> }}
     * @throws {FaceliteError} where a group's mean has no direction
     */
    fused(measured: readonly number[], subject: string | null): {
        compared: readonly Compared[];
        kinds: ReadonlySet<string>;
    };
    /**
     * Add a template, unless the subject has one that equals it.
     *
     * @param {Template} template
     * @returns {boolean} whether it was added
     * @throws {FaceliteError} where it is none
     */
    add(template: Template): boolean;
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
 * Refuse templates that the manifest's embedder cannot be compared with.
 *
 * @param {Gallery} gallery
 * @param {Manifest} manifest
 */
export declare function checkGallery({ space, templates, artefacts }: Gallery, { space: own, embedding, files, template_thresholds }: Manifest): void;
