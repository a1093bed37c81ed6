/** Where the port runs and where its files are. */

import { FaceliteError } from "./errors.js";

/**
 * Refuse a page whose browser gives it no cryptography, which hashes and vaults need.
 *
 * @throws {FaceliteError} on a page of http, localhost apart
 */
export function checkSecure() {
  if (globalThis.crypto?.subtle) return;
  throw new FaceliteError("https or localhost", String(globalThis.location?.origin), "serve by https");
}

/**
 * @param {string | URL} folder a relative one counts from the page, or from the worker's script
 * @returns {URL} that ends with "/", so that names count from it
 */
export function folderAt(folder) {
  const url = new URL(folder, globalThis.document?.baseURI ?? globalThis.location?.href);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}
