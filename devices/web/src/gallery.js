/** The people who are enrolled: templates in memory, saved and loaded through a vault. */

import { squaredL2 } from "./distance.js";
import { FaceliteError } from "./errors.js";
import { checkSubject, checkTemplate } from "./template.js";
import { fuse } from "./thresholds.js";

/** @import { Manifest } from "./manifest.js" */
/** @import { Template } from "./template.js" */
/** @import { Compared } from "./thresholds.js" */

const FORMAT = 1;
const EQUAL = 1e-4; // squared L2 below which a template is one that the subject has already
const SHA256 = /^[0-9a-f]{64}$/;

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
  /** @type {Map<string, Template[]>} */
  #of = new Map();
  /** @type {Map<string, { compared: Compared[], kinds: Set<string> }>} what `fused` gave about everybody */
  #fused = new Map();

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
    return [...this.#of.keys()];
  }

  /** @returns {readonly Template[]} */
  get templates() {
    return this.#templates;
  }

  /** Which embedders made the templates. */
  get artefacts() {
    return new Set(this.#templates.map(({ artefact }) => artefact));
  }

  /**
   * A subject's templates; none where nobody of that name is enrolled.
   *
   * @param {string} subject
   * @returns {readonly Template[]}
   */
  of(subject) {
    return this.#of.get(subject) ?? [];
  }

  /**
   * What subjects are compared by where templates may be compared as one (section 13). It is kept until the gallery changes.
   *
   * @param {readonly number[]} measured numbers of templates that may be, rising
   * @param {string | null} subject null: everybody
   * @returns {{ compared: readonly Compared[], kinds: ReadonlySet<string> }}
   * @throws {FaceliteError} where a group's mean has no direction
   */
  fused(measured, subject) {
    if (subject !== null) return fusedOf(measured, [[subject, this.of(subject)]]);
    const key = measured.join();
    let found = this.#fused.get(key);
    if (!found) this.#fused.set(key, (found = fusedOf(measured, this.#of)));
    return found;
  }

  /**
   * Add a template, unless the subject has one that equals it.
   *
   * @param {Template} template
   * @returns {boolean} whether it was added
   * @throws {FaceliteError} where it is none
   */
  add(template) {
    checkSubject(template.subject);
    checkTemplate(template);
    if (this.of(template.subject).some((one) => squaredL2(one.vector, template.vector) < EQUAL)) return false;
    this.#keep(template);
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
    this.#of.delete(subject);
    this.#fused.clear();
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
      checkTemplate(one);
      gallery.#keep(one);
    }
    checkGallery(gallery, manifest);
    return gallery;
  }

  /** @param {Template} template */
  #keep({ subject, artefact, enrolled_at, vector }) {
    const size = this.#templates[0]?.vector.length ?? vector.length;
    if (vector.length !== size) {
      throw new FaceliteError(`a vector of ${size} numbers`, `${vector.length}`, "begin a new gallery");
    }
    const kept = Object.freeze({ subject, artefact, enrolled_at, vector: Float32Array.from(vector) });
    const own = this.#of.get(subject);
    if (own) own.push(kept);
    else this.#of.set(subject, [kept]);
    this.#templates.push(kept);
    this.#fused.clear();
  }
}

/**
 * @param {readonly number[]} measured
 * @param {Iterable<[string, readonly Template[]]>} people
 */
function fusedOf(measured, people) {
  /** @type {Compared[]} */
  const compared = [];
  /** @type {Set<string>} */
  const kinds = new Set();
  for (const [subject, templates] of people) {
    const groups = fuse(
      measured,
      templates.map(({ vector }) => vector),
    );
    for (const vector of groups.vectors) compared.push({ subject, vector });
    for (const kind of groups.kinds) kinds.add(kind);
  }
  return { compared, kinds };
}

/**
 * Refuse templates that the manifest's embedder cannot be compared with.
 *
 * @param {Gallery} gallery
 * @param {Manifest} manifest
 */
export function checkGallery({ space, templates, artefacts }, { space: own, embedding, files, template_thresholds }) {
  if (space !== own) {
    throw new FaceliteError(
      `templates of the space ${own}`,
      String(space),
      "use the bundle that they were made with, or enrol again",
    );
  }
  const foreign = [...artefacts].find(
    (maker) => maker !== files["embedder.tflite"] && !(SHA256.test(maker) && Object.hasOwn(template_thresholds, maker)),
  );
  if (foreign !== undefined) {
    const got = `some of ${foreign.slice(0, 12)}...`;
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
