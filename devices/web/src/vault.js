/** A vault of the browser: AES-GCM by a key that no script can read, kept in IndexedDB. */

import { FaceliteError } from "./errors.js";
import { checkSecure } from "./place.js";

const STORE = "keys";
const NONCE = 12; // bytes, as AES-GCM wants them

/**
 * Seals bytes so that only this browser, this origin and this name open them. The key cannot be exported; who runs scripts of this origin, or has the
 * browser's profile, can use it. An older sealed copy opens as well as the latest.
 */
export class BrowserVault {
  #key;
  #about;

  /**
   * The vault of a name, made where there is none.
   *
   * @param {string} [name]
   * @returns {Promise<BrowserVault>}
   * @throws {FaceliteError} where the browser has no such storage, or the page is not secure
   */
  static async open(name = "facelite") {
    checkSecure();
    const database = await opened();
    try {
      let key = await asked(database.transaction(STORE).objectStore(STORE).get(name));
      if (!key) {
        key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
        const store = database.transaction(STORE, "readwrite", { durability: "strict" }).objectStore(STORE);
        const other = await asked(store.get(name)); // another page may have been faster
        if (other) key = other;
        else await asked(store.add(key, name));
      }
      return new BrowserVault(key, name);
    } finally {
      database.close();
    }
  }

  /**
   * Remove a vault's key: nothing that it sealed can be opened again.
   *
   * @param {string} [name]
   */
  static async remove(name = "facelite") {
    const database = await opened();
    try {
      await asked(database.transaction(STORE, "readwrite", { durability: "strict" }).objectStore(STORE).delete(name));
    } finally {
      database.close();
    }
  }

  /**
   * Use `open`.
   *
   * @param {CryptoKey} key
   * @param {string} name
   */
  constructor(key, name) {
    this.#key = key;
    this.#about = new TextEncoder().encode(`facelite vault 1 ${name}`);
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @returns {Promise<Uint8Array<ArrayBuffer>>} a nonce, the ciphertext and its tag
   */
  async seal(bytes) {
    const iv = crypto.getRandomValues(new Uint8Array(NONCE));
    const sealed = new Uint8Array(
      await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: this.#about }, this.#key, bytes),
    );
    const out = new Uint8Array(NONCE + sealed.length);
    out.set(iv);
    out.set(sealed, NONCE);
    return out;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   * @throws {FaceliteError} where they are not what this vault sealed
   */
  async open(bytes) {
    const way = { name: "AES-GCM", iv: bytes.subarray(0, NONCE), additionalData: this.#about };
    try {
      return new Uint8Array(await crypto.subtle.decrypt(way, this.#key, bytes.subarray(NONCE)));
    } catch {
      throw new FaceliteError("bytes that this vault sealed", "others, or changed ones", "enrol again");
    }
  }
}

/** @returns {Promise<IDBDatabase>} */
async function opened() {
  const request = indexedDB.open("facelite", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return asked(request).catch((error) => {
    throw new FaceliteError("IndexedDB", String(error), "leave private browsing, or allow this site to store data");
  });
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
