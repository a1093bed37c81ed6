/** Frames -> decisions. */

import { Aligner } from "./alignment.js";
import { parseJson, readAll } from "./assets.js";
import { Detector } from "./detector.js";
import { checkHead, distance } from "./distance.js";
import { Embedder } from "./embedder.js";
import { FaceliteError } from "./errors.js";
import { checkGallery, checkSubject } from "./gallery.js";
import { lookAt } from "./look.js";
import { checkManifest } from "./manifest.js";
import { compared, Decision } from "./outcome.js";
import { parseGoldens, selfTest } from "./selftest.js";
import { plan, strictest, thresholdForPictures, thresholdForSubject } from "./thresholds.js";

/** @import { Assets } from "./assets.js" */
/** @import { Rule } from "./choice.js" */
/** @import { Head } from "./distance.js" */
/** @import { Frame } from "./frame.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Look, Parts } from "./look.js" */
/** @import { Models } from "./model.js" */
/** @import { Plan } from "./thresholds.js" */

/**
 * @typedef {object} Enrolment
 * @property {Look[]} looks one a frame
 * @property {number} added templates; 0 where a look has an outcome, and where the subject has equal ones already
 */

/**
 * Verifies faces with one bundle, on a page or in a worker. Frames are looked at one after the other, in the order of the questions; a question that
 * is asked before the last one is answered waits. What is refused is a FaceliteError.
 */
export class Facelite {
  #parts;
  #head;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * Read and check the assets, open both models, and run the self-test.
   *
   * @param {Assets} assets
   * @param {Models} models
   * @returns {Promise<Facelite>}
   * @throws {FaceliteError} where a file is missing or changed, or the self-test fails
   */
  static async open(assets, models) {
    const manifest = checkManifest(parseJson(await assets.read("facelite.json"), "facelite.json"));
    const files = await readAll(assets, manifest);
    const goldens = parseGoldens(parseJson(files["golden.json"], "golden.json"), files["golden.bin"]);
    const siamese = manifest.decide === "siamese";
    const head = siamese ? checkHead(parseJson(files["head.json"], "head.json"), manifest.embedding) : null;
    const { height, width } = manifest.preprocessing;
    const opened = [];
    try {
      opened.push(await models.open("detector.tflite", files["detector.tflite"]));
      opened.push(await models.open("embedder.tflite", files["embedder.tflite"]));
      const parts = {
        manifest,
        detector: new Detector(opened[0]),
        aligner: new Aligner(height, width),
        embedder: new Embedder(opened[1], manifest),
      };
      await selfTest(goldens, parts);
      return new Facelite(parts, head);
    } catch (error) {
      for (const model of opened) model.close();
      throw error;
    }
  }

  /**
   * Use `open`, which tests itself.
   *
   * @param {Parts} parts
   * @param {Head | null} head
   */
  constructor(parts, head) {
    this.manifest = parts.manifest;
    this.#parts = parts;
    this.#head = head;
  }

  /** The sha256 of the embedder, to which thresholds and templates are bound. */
  get artefact() {
    return this.manifest.files["embedder.tflite"];
  }

  /**
   * What a frame shows of the face that `rule` means.
   *
   * @param {Frame} frame
   * @param {Rule} [rule]
   * @returns {Promise<Look>}
   */
  look(frame, rule = "only") {
    const look = this.#last.then(() => lookAt(this.#parts, frame, rule));
    this.#last = look.catch(() => {});
    return look;
  }

  /**
   * Whether two pictures show one person.
   *
   * @param {Frame | Look} first
   * @param {Frame | Look} second
   * @param {object} [options]
   * @param {number | null} [options.fmr] a false match rate that was measured; null: the manifest's
   * @param {Rule} [options.rule]
   * @returns {Promise<Decision>}
   * @throws {FaceliteError} where the rate was not measured
   */
  async verify(first, second, { fmr = null, rule = "only" } = {}) {
    const threshold = thresholdForPictures(this.manifest, fmr);
    const a = await this.#seen(first, rule);
    if (!a.embedding) return new Decision(a.outcome, null, null, threshold, `first picture: ${a.detail}`);
    const b = await this.#seen(second, rule);
    if (!b.embedding) return new Decision(b.outcome, null, null, threshold, `second picture: ${b.detail}`);
    const apart = distance(this.#head, a.embedding.vector, b.embedding.vector);
    return new Decision(compared(apart, threshold), null, apart, threshold);
  }

  /**
   * Whether a picture shows somebody who is enrolled.
   *
   * @param {Frame | Look} frame
   * @param {string} subject
   * @param {Gallery} gallery
   * @param {object} [options]
   * @param {number | null} [options.fmr] as for `verify`, for all of the subject's templates together
   * @param {Rule} [options.rule]
   * @returns {Promise<Decision>}
   * @throws {FaceliteError} where nobody of that name is enrolled, or no rate as small as that was measured
   */
  async verifySubject(frame, subject, gallery, { fmr = null, rule = "only" } = {}) {
    checkGallery(gallery, this.manifest);
    if (!gallery.subjects.includes(subject)) {
      throw new FaceliteError("somebody who is enrolled", JSON.stringify(subject), "enrol the person first");
    }
    const wanted = plan(this.manifest, gallery.templates, subject, (comparisons, kinds) =>
      thresholdForSubject(this.manifest, comparisons, fmr, kinds),
    );
    const { outcome, apart, detail } = await this.#nearest(frame, wanted, rule);
    return new Decision(outcome, subject, apart, wanted.threshold, detail);
  }

  /**
   * Who of a gallery a picture shows.
   *
   * @param {Frame | Look} frame
   * @param {Gallery} gallery of one subject or more
   * @param {object} [options]
   * @param {number} [options.fpir] how often a stranger may be taken for anybody
   * @param {Rule} [options.rule]
   * @returns {Promise<Decision>} its `subject` is null unless it was accepted
   * @throws {FaceliteError} where nobody is enrolled, or no rate as small as the gallery needs was measured
   */
  async identify(frame, gallery, { fpir = 0.01, rule = "only" } = {}) {
    checkGallery(gallery, this.manifest);
    if (!gallery.size) throw new FaceliteError("somebody who is enrolled", "an empty gallery", "enrol somebody first");
    const wanted = plan(this.manifest, gallery.templates, null, (comparisons, kinds) =>
      strictest(this.manifest, comparisons, fpir, kinds),
    );
    const { outcome, subject, apart, detail } = await this.#nearest(frame, wanted, rule);
    return new Decision(outcome, outcome === "accepted" ? subject : null, apart, wanted.threshold, detail);
  }

  /**
   * Add one template a frame to a gallery, all or none.
   *
   * @param {string} subject
   * @param {readonly (Frame | Look)[]} frames one or more
   * @param {Gallery} gallery
   * @param {Rule} [rule]
   * @returns {Promise<Enrolment>}
   */
  async enrol(subject, frames, gallery, rule = "only") {
    checkGallery(gallery, this.manifest);
    checkSubject(subject);
    if (!frames.length) throw new FaceliteError("a frame or more", "none", "take a picture of the person");
    const looks = [];
    for (const frame of frames) looks.push(await this.#seen(frame, rule));
    const vectors = looks.flatMap(({ embedding }) => (embedding ? [embedding.vector] : []));
    if (vectors.length < looks.length) return { looks, added: 0 };
    const enrolled_at = new Date().toISOString();
    const added = vectors.filter((vector) => gallery.add({ subject, artefact: this.artefact, enrolled_at, vector }));
    return { looks, added: added.length };
  }

  /** Free the models' memory when the last frame was looked at. Nothing can be asked afterwards. */
  async close() {
    await this.#last;
    this.#parts.detector.model.close();
    this.#parts.embedder.model.close();
  }

  /**
   * The look at a frame, or the one that is given.
   *
   * @param {Frame | Look} given
   * @param {Rule} rule
   */
  async #seen(given, rule) {
    const look = "outcome" in given ? given : await this.look(given, rule);
    if (look.embedding && look.embedding.artefact !== this.artefact) {
      throw new FaceliteError(
        "an embedding of this bundle",
        `one of ${look.embedding.artefact.slice(0, 12)}...`,
        "look at the frame again",
      );
    }
    return look;
  }

  /**
   * @param {Frame | Look} frame
   * @param {Plan} plan
   * @param {Rule} rule
   */
  async #nearest(frame, { compared: vectors, threshold }, rule) {
    const look = await this.#seen(frame, rule);
    if (!look.embedding) return { outcome: look.outcome, subject: null, apart: null, detail: look.detail };
    let { subject } = vectors[0];
    let apart = Infinity;
    for (const one of vectors) {
      const found = distance(this.#head, look.embedding.vector, one.vector);
      if (found < apart) [subject, apart] = [one.subject, found];
    }
    return { outcome: compared(apart, threshold), subject, apart, detail: "" };
  }
}
