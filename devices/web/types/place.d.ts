/** Where the port runs and where its files are. */
/**
 * Refuse a page whose browser gives it no cryptography, which hashes and vaults need.
 *
 * @throws {FaceliteError} on a page of http, localhost apart
 */
export declare function checkSecure(): void;
/**
 * @param {string | URL} folder a relative one counts from the page, or from the worker's script
 * @returns {URL} that ends with "/", so that names count from it
 */
export declare function folderAt(folder: string | URL): URL;
