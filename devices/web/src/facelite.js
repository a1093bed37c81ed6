/** Frames -> decisions. */

import { Aligner } from "./alignment.js";
import { parseJson, readAll } from "./assets.js";
import { Detector } from "./detector.js";
import { checkHead, distance } from "./distance.js";
import { findDoubts } from "./doubts.js";
import { Embedder } from "./embedder.js";
import { FaceliteError } from "./errors.js";
import { checkGallery } from "./gallery.js";
import { lookAt } from "./look.js";
import { checkManifest } from "./manifest.js";
import { compared, Decision } from "./outcome.js";
import { checkSecure } from "./place.js";
import { parseGoldens, selfTest } from "./selftest.js";
import { checkSubject } from "./template.js";
import { plan, strictest, thresholdForPictures, thresholdForSubject } from "./thresholds.js";

/** @import { Assets } from "./assets.js" */
/** @import { Rule } from "./choice.js" */
/** @import { Head } from "./distance.js" */
/** @import { Doubt } from "./doubts.js" */
/** @import { Frame } from "./frame.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Look, Parts } from "./look.js" */
/** @import { Models } from "./model.js" */
/** @import { Plan } from "./thresholds.js" */

/**
 * @typedef {object} Enrolment
 * @property {Look[]} looks one a frame
 * @property {Map<number, Doubt>} doubts about frames, by their place; where there is one, nothing was added
 * @property {number} added templates; 0 where a look has an outcome, and where the subject has equal ones already
 */

/**
 * Verifies faces with one bundle, on a page or in a worker. Frames are looked at one after the other, in the order of the questions; a question that
 * is asked before the last one is answered waits. What is refused is a FaceliteError.
 */
export class Facelite {
  #parts;
  #head;
  #last = Promise.resolve();
  /** @type {Promise<void> | null} */
  #closed = null;

  /**
   * Read and check the assets, open both models, and run the self-test.
   *
   * @param {Assets} assets
   * @param {Models} models
   * @returns {Promise<Facelite>}
   * @throws {FaceliteError} where a file is missing or changed, the self-test fails, or the page is not secure
   */
  static async open(assets, models) {
    checkSecure();
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
   * @throws {FaceliteError} where the rule is none, and after `close`
   */
  async look(frame, rule = "only") {
    if (this.#closed) throw new FaceliteError("an open Facelite", "one that was closed", "open another");
    const look = this.#last.then(() => lookAt(this.#parts, frame, rule));
    this.#last = look.then(forget, forget);
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
    const [a, b] = await Promise.all([this.#seen(first, rule), this.#seen(second, rule)]);
    if (!a.embedding) return new Decision(a.outcome, null, null, threshold, `first picture: ${a.detail}`);
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
   * @returns {Promise<Decision>} its `subject` is null unless it was accepted
   * @throws {FaceliteError} where nobody of that name is enrolled, or no rate as small as that was measured
   */
  async verifySubject(frame, subject, gallery, { fmr = null, rule = "only" } = {}) {
    checkGallery(gallery, this.manifest);
    if (!gallery.of(subject).length) {
      throw new FaceliteError("somebody who is enrolled", JSON.stringify(subject), "enrol the person first");
    }
    const wanted = plan(this.manifest, gallery, subject, (comparisons, kinds) =>
      thresholdForSubject(this.manifest, comparisons, fmr, kinds),
    );
    return this.#nearest(frame, wanted, rule);
  }

  /**
   * Who of a gallery a picture shows.
   *
   * @param {Frame | Look} frame
   * @param {Gallery} gallery of one subject or more
   * @param {object} [options]
   * @param {number} [options.fpir] how often a stranger may be taken for anybody, above 0 and below 1
   * @param {Rule} [options.rule]
   * @returns {Promise<Decision>} its `subject` is null unless it was accepted
   * @throws {FaceliteError} where nobody is enrolled, or no rate as small as the gallery needs was measured
   */
  async identify(frame, gallery, { fpir = 0.01, rule = "only" } = {}) {
    checkGallery(gallery, this.manifest);
    if (!gallery.size) throw new FaceliteError("somebody who is enrolled", "an empty gallery", "enrol somebody first");
    const wanted = plan(this.manifest, gallery, null, (comparisons, kinds) =>
      strictest(this.manifest, comparisons, fpir, kinds),
    );
    return this.#nearest(frame, wanted, rule);
  }

  /**
   * Add one template a frame to a gallery, all or none: none where a frame is doubtful, being unlike the subject's other frames and templates, or
   * like somebody who is enrolled under another name.
   *
   * @param {string} subject
   * @param {readonly (Frame | Look)[]} frames one or more
   * @param {Gallery} gallery
   * @param {object} [options]
   * @param {Rule} [options.rule]
   * @param {boolean} [options.anyway] in spite of doubts: they are not asked for
   * @returns {Promise<Enrolment>}
   */
  async enrol(subject, frames, gallery, { rule = "only", anyway = false } = {}) {
    checkGallery(gallery, this.manifest);
    checkSubject(subject);
    if (!frames.length) throw new FaceliteError("a frame or more", "none", "take a picture of the person");
    const looks = await Promise.all(frames.map((frame) => this.#seen(frame, rule)));
    const vectors = looks.flatMap(({ embedding }) => (embedding ? [embedding.vector] : []));
    if (vectors.length < looks.length) return { looks, doubts: new Map(), added: 0 };
    const doubts = anyway ? new Map() : findDoubts(subject, vectors, gallery, this.manifest, this.#head);
    if (doubts.size) return { looks, doubts, added: 0 };
    const enrolled_at = new Date().toISOString().replace(/\.\d+/, "");
    const added = vectors.filter((vector) => gallery.add({ subject, artefact: this.artefact, enrolled_at, vector }));
    return { looks, doubts, added: added.length };
  }

  /** Free the models' memory when all questions asked before are answered. No frame is looked at afterwards. */
  close() {
    this.#closed ??= this.#last.then(() => {
      this.#parts.detector.model.close();
      this.#parts.embedder.model.close();
    });
    return this.#closed;
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
    if (!look.embedding) return new Decision(look.outcome, null, null, threshold, look.detail);
    let { subject } = vectors[0];
    let apart = Infinity;
    for (const one of vectors) {
      const found = distance(this.#head, look.embedding.vector, one.vector);
      if (found < apart) [subject, apart] = [one.subject, found];
    }
    const outcome = compared(apart, threshold);
    return new Decision(outcome, outcome === "accepted" ? subject : null, apart, threshold);
  }
}

/** Keeps neither what was seen nor what went wrong. */
function forget() {}
