/** A vault of the browser: AES-GCM by a key that no script can read, kept in IndexedDB. */
/**
 * Seals bytes so that only this browser, this origin and this name open them. The key cannot be exported; who runs scripts of this origin, or has the
 * browser's profile, can use it. An older sealed copy opens as well as the latest.
 */
export declare class BrowserVault {
    #private;
    /**
     * The vault of a name, made where there is none.
     *
     * @param {string} [name]
     * @returns {Promise<BrowserVault>}
     * @throws {FaceliteError} where the browser has no such storage, or the page is not secure
     */
    static open(name?: string): Promise<BrowserVault>;
    /**
     * Remove a vault's key: nothing that it sealed can be opened again.
     *
     * @param {string} [name]
     */
    static remove(name?: string): Promise<void>;
    /**
     * Use `open`.
     *
     * @param {CryptoKey} key
     * @param {string} name
     */
    constructor(key: CryptoKey, name: string);
    /**
     * @param {Uint8Array<ArrayBuffer>} bytes
     * @returns {Promise<Uint8Array<ArrayBuffer>>} a nonce, the ciphertext and its tag
     */
    seal(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
    /**
     * @param {Uint8Array<ArrayBuffer>} bytes
     * @returns {Promise<Uint8Array<ArrayBuffer>>}
     * @throws {FaceliteError} where they are not what this vault sealed
     */
    open(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}
