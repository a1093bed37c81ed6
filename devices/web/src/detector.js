/** All faces of a frame, small ones by tiles (sections 5 and 6). */

import { ANCHORS, NUMBERS, SAME, SIDE, facesOf } from "./blazeface.js";
import { Face, overlap } from "./face.js";
import { Frame } from "./frame.js";
import { fillInput, scaled } from "./input.js";
import { checkInput, outputOf } from "./model.js";
import { Sampler } from "./sampling.js";

/** @import { View } from "./blazeface.js" */
/** @import { Model } from "./model.js" */

const NAME = "detector.tflite";
const SMALL = 0.12; // share of its view below which a face may be one of several that were missed
const SMALLER = 0.5; // share of the largest face from which others are looked for in the largest tiles, too
const LEVELS = scaled(127.5, 127.5);

/** Finds faces. One question at a time: its buffers are used again by the next. */
export class Detector {
  #sampler = new Sampler();
  #pixels = new Uint8Array(SIDE * SIDE * 3);
  #input = new Float32Array(SIDE * SIDE * 3);

  /**
   * @param {Model} model of `detector.tflite`
   * @throws {FaceliteError} where it has another input
   */
  constructor(model) {
    checkInput(model, NAME, [1, SIDE, SIDE, 3]);
    this.model = model;
  }

  /**
   * The faces of a frame, by falling score.
   *
   * @param {Frame} frame
   * @returns {Promise<Face[]>}
   */
  async detect(frame) {
    /** @type {Face[]} */
    let faces = [];
    for (const { side, views, tiles, border } of passes(frame.height, frame.width)) {
      if (border && faces.length) continue;
      const found = [];
      for (const view of views) found.push(...(await this.look(frame, view, 0.5, 0)));
      for (const face of suppressed(found)) {
        const sure = !tiles && face.size >= 0.35 * side && face.score >= 0.65;
        const clear = sure && face.size <= 0.65 * side;
        const second = clear
          ? face
          : ((await this.#lookAgain(frame, face, tiles ? 0.7 : 0.55)) ?? (sure ? face : null));
        if (second) faces.push(second);
      }
      faces = suppressed(faces);
      const sizes = faces.map(({ size }) => size);
      const enough = tiles || !hasLargeTiles(frame.height, frame.width) || SMALLER * Math.max(...sizes) >= SMALL * side;
      if (faces.length && enough && Math.min(...sizes) >= SMALL * side) break;
    }
    return faces;
  }

  /**
   * The face with the keypoints of the quarter turn that shows it best: the model puts upright ones on a face that lies on its side.
   *
   * @param {Frame} frame
   * @param {Face} face
   * @returns {Promise<Face>}
   */
  async upright(frame, face) {
    if (face.score >= 0.85) return face;
    let best = face;
    for (const turns of [1, 2, 3]) {
      for (const found of await this.look(frame, around(face), face.score + 0.05, turns)) {
        if (overlap(found.box, face.box) >= SAME && found.score > best.score) best = found;
      }
    }
    return best;
  }

  /**
   * The faces in a view of the frame that is turned so often to the left, in pixels of the frame.
   *
   * @param {Frame} frame
   * @param {View} view
   * @param {number} minScore
   * @param {number} turns
   * @returns {Promise<Face[]>}
   */
  async look(frame, view, minScore, turns) {
    fillInput(this.see(frame, view, turns), LEVELS, "RGB", this.#input);
    const outputs = await this.model.run(this.#input);
    return facesOf(outputOf(outputs, NAME, ANCHORS), outputOf(outputs, NAME, ANCHORS * NUMBERS), minScore, view, turns);
  }

  /**
   * What the model sees, 128 x 128 pixels, until the next look.
   *
   * @param {Frame} frame
   * @param {View} view
   * @param {number} turns
   * @returns {Frame}
   */
  see(frame, { x, y, side }, turns) {
    const scale = SIDE / side; // the view's edge x - 1/2 falls on the input's edge -1/2
    this.#sampler.sample(
      frame,
      [scale, 0, scale * (0.5 - x) - 0.5, 0, scale, scale * (0.5 - y) - 0.5],
      SIDE,
      SIDE,
      this.#pixels,
    );
    let seen = Frame.ofRgb(this.#pixels, SIDE, SIDE);
    for (let turn = 0; turn < turns; turn++) seen = seen.turned();
    return seen;
  }

  /**
   * The face as a view of its own shows it; null where that shows none there.
   *
   * @param {Frame} frame
   * @param {Face} face
   * @param {number} minScore
   */
  async #lookAgain(frame, face, minScore) {
    let same = null;
    let most = 0;
    for (const found of await this.look(frame, around(face), minScore, 0)) {
      const shared = overlap(found.box, face.box);
      if (shared > most) [same, most] = [found, shared];
    }
    return same && most >= SAME ? new Face(same.box, same.keypoints, Math.max(same.score, face.score)) : null;
  }
}

/**
 * The view of a face with as much around it.
 *
 * @param {Face} face
 * @returns {View}
 */
function around({ box, size }) {
  return {
    x: box.x + box.width / 2 + 0.5 - size,
    y: box.y + box.height / 2 + 0.5 - size,
    side: 2 * size,
  };
}

/**
 * The views of a frame, pass by pass: the whole of it, the whole with a border, tiles of shrinking side.
 *
 * @param {number} height
 * @param {number} width
 * @returns {Generator<{ side: number, views: View[], tiles: boolean, border: boolean }>}
 */
function* passes(height, width) {
  const longer = Math.max(height, width);
  const shorter = Math.min(height, width);
  for (const side of [longer, 1.6 * longer]) {
    yield {
      side,
      views: [{ x: (width - side) / 2, y: (height - side) / 2, side }],
      tiles: false,
      border: side > longer,
    };
  }
  for (const share of [1, 0.5, 0.25]) {
    const side = share * shorter;
    if (side < SIDE || (share === 1 && !hasLargeTiles(height, width))) continue;
    const views = places(height, side).flatMap((y) => places(width, side).map((x) => ({ x, y, side })));
    yield { side, views, tiles: true, border: false };
  }
}

/**
 * Whether tiles of a frame's shorter side show it otherwise than the whole frame does.
 *
 * @param {number} height
 * @param {number} width
 */
function hasLargeTiles(height, width) {
  return Math.max(height, width) >= 1.2 * Math.min(height, width);
}

/**
 * Where tiles begin so that neighbours overlap by half or more.
 *
 * @param {number} extent
 * @param {number} side
 */
function places(extent, side) {
  const count = 1 + Math.ceil((extent - side) / (side / 2));
  return Array.from({ length: count }, (_, i) => (i ? (i * (extent - side)) / (count - 1) : 0));
}

/**
 * Each face once, by falling score.
 *
 * @param {Face[]} faces
 */
function suppressed(faces) {
  /** @type {Face[]} */
  const kept = [];
  for (const face of faces.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => overlap(face.box, other.box) <= SAME)) kept.push(face);
  }
  return kept;
}
