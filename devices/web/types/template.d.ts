/** One stored embedding of a person, and what is refused as one. */
export type Template = {
    subject: string;
    /**
     * sha256 of the embedder that made it
     */
    artefact: string;
    /**
     * ISO 8601 with Z: 2026-11-29T08:52:20Z
     */
    enrolled_at: string;
    /**
     * (d,) of unit length
     */
    vector: Float32Array;
};
/**
 * Refuse a name that is blank, or has characters that cannot be seen, but for what joins letters in Persian and Sinhala, and Japanese's wide space.
 *
 * @param {string} subject
 */
export declare function checkSubject(subject: string): void;
/**
 * Refuse what has no name, embedder, time or vector as section 19 has them.
 *
 * @param {any} given a template, or what may be one
 * @throws {FaceliteError}
 */
export declare function checkTemplate(given: any): void;
