/** The people who are enrolled: templates in memory, saved and loaded through a vault. */

import { squaredL2 } from "./distance.js";
import { lengthOf } from "./embedder.js";
import { FaceliteError } from "./errors.js";

/** @import { Manifest } from "./manifest.js" */

const FORMAT = 1;
const EQUAL = 1e-4; // squared L2 below which a template is one that the subject has already

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
export class Gallery {
  /** @type {Template[]} */
  #templates = [];

  /** @param {string} space of the embedder: `facelite.manifest.space` */
  constructor(space) {
    this.space = space;
  }

  /** How many templates there are. */
  get size() {
    return this.#templates.length;
  }

  /** Who is enrolled, in the order of the first template. */
  get subjects() {
    return [...new Set(this.#templates.map(({ subject }) => subject))];
  }

  /** @returns {readonly Template[]} */
  get templates() {
    return this.#templates;
  }

  /**
   * Add a template, unless the subject has one that equals it.
   *
   * @param {Template} template
   * @returns {boolean} whether it was added
   * @throws {FaceliteError} where it is none
   */
  add({ subject, artefact, enrolled_at, vector }) {
    checkSubject(subject);
    const length = lengthOf(vector);
    if (!(Math.abs(length - 1) < 1e-3)) {
      throw new FaceliteError("a vector of unit length", `one of length ${length}`, "enrol the person again");
    }
    const size = this.#templates[0]?.vector.length ?? vector.length;
    if (vector.length !== size) {
      throw new FaceliteError(`a vector of ${size} numbers`, `${vector.length}`, "begin a new gallery");
    }
    if (this.#templates.some((one) => one.subject === subject && squaredL2(one.vector, vector) < EQUAL)) return false;
    this.#templates.push(Object.freeze({ subject, artefact, enrolled_at, vector: Float32Array.from(vector) }));
    return true;
  }

  /**
   * Remove all templates of a subject. What was saved before still has them: save again.
   *
   * @param {string} subject
   * @returns {number} how many there were
   */
  remove(subject) {
    const before = this.#templates.length;
    this.#templates = this.#templates.filter((one) => one.subject !== subject);
    return before - this.#templates.length;
  }

  /**
   * @param {Vault} vault
   * @returns {Promise<Uint8Array<ArrayBuffer>>} to be kept where the app keeps its data
   */
  async save(vault) {
    const templates = this.#templates.map((one) => ({ ...one, vector: [...one.vector] }));
    return vault.seal(new TextEncoder().encode(JSON.stringify({ format: FORMAT, space: this.space, templates })));
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes what `save` gave
   * @param {Vault} vault
   * @param {Manifest} manifest `facelite.manifest`
   * @returns {Promise<Gallery>}
   * @throws {FaceliteError} where the vault cannot open it, it is no gallery, or the manifest's embedder cannot be compared with it
   */
  static async load(bytes, vault, manifest) {
    const table = parsed(await vault.open(bytes));
    if (table?.format !== FORMAT || !Array.isArray(table.templates)) {
      throw new FaceliteError(
        `a gallery of format ${FORMAT}`,
        `format ${JSON.stringify(table?.format)}`,
        "enrol again",
      );
    }
    const gallery = new Gallery(table.space);
    for (const one of table.templates) {
      if (!Array.isArray(one?.vector) || Number.isNaN(Date.parse(one.enrolled_at))) {
        throw new FaceliteError("a template", JSON.stringify(one)?.slice(0, 80) ?? "none", "enrol again");
      }
      gallery.add({ ...one, vector: Float32Array.from(one.vector) });
    }
    checkGallery(gallery, manifest);
    return gallery;
  }
}

/**
 * Refuse a name that is blank, or has characters that cannot be seen.
 *
 * @param {string} subject
 */
export function checkSubject(subject) {
  if (typeof subject !== "string" || !subject.trim() || /[^ \P{Z}]|\p{C}/u.test(subject)) {
    throw new FaceliteError("a subject's name in printable letters", JSON.stringify(subject), "name the person");
  }
}

/**
 * Refuse templates that the manifest's embedder cannot be compared with.
 *
 * @param {Gallery} gallery
 * @param {Manifest} manifest
 */
export function checkGallery({ space, templates }, { space: own, embedding, files, template_thresholds }) {
  if (space !== own) {
    throw new FaceliteError(
      `templates of the space ${own}`,
      String(space),
      "use the bundle that they were made with, or enrol again",
    );
  }
  const foreign = templates.find(
    ({ artefact }) => artefact !== files["embedder.tflite"] && !Object.hasOwn(template_thresholds, artefact),
  );
  if (foreign) {
    const got = `some of ${String(foreign.artefact).slice(0, 12)}...`;
    throw new FaceliteError(
      `templates of the embedder ${files["embedder.tflite"].slice(0, 12)}...`,
      got,
      "enrol again with this bundle",
    );
  }
  const size = templates[0]?.vector.length ?? embedding;
  if (size !== embedding) {
    throw new FaceliteError(`vectors of ${embedding} numbers`, String(size), "enrol again with this bundle");
  }
}

/** @param {Uint8Array} bytes */
function parsed(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new FaceliteError("a gallery", String(error), "enrol again");
  }
}
