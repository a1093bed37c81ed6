// One of the two pictures: chosen, dropped, or taken; shown with the face that was found in it.

import { sentence, remedy } from "./words.js";

export class Picture {
  #bitmap = null;
  #face = null;
  #root;
  #canvas;

  /** `onPicture(bitmap)` is called with what is chosen; with null where that is no picture. */
  constructor(root, onPicture) {
    this.#root = root;
    this.#canvas = root.querySelector("canvas");
    const input = root.querySelector("input");
    const drop = root.querySelector(".drop");
    const take = async (file) => {
      if (!file) return;
      onPicture(await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null));
    };
    input.addEventListener("change", () => {
      take(input.files[0]);
      input.value = ""; // the same file may be chosen again
    });
    for (const kind of ["dragover", "dragleave", "drop"]) {
      drop.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", kind === "dragover");
      });
    }
    drop.addEventListener("drop", ({ dataTransfer }) => take(dataTransfer.files[0]));
    new ResizeObserver(() => this.#draw()).observe(drop);
  }

  /** Show a picture, or by null that a file is none; of the one before nothing is kept. */
  show(bitmap) {
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    this.#face = null;
    this.#root.querySelector(".hint").hidden = Boolean(bitmap);
    this.#root.querySelector(".drop").classList.toggle("full", Boolean(bitmap));
    this.#canvas.hidden = !bitmap;
    this.#canvas.ariaLabel = bitmap ? "the picture that you chose" : "no picture yet";
    if (bitmap) this.say("", "");
    else this.say("No picture", "choose a JPEG or PNG file", true);
    this.#draw();
  }

  /** Show what became of it. */
  tell({ outcome, detail, face }) {
    this.#face = face;
    this.#canvas.ariaLabel = face
      ? "the picture that you chose, with a box about the face"
      : "the picture that you chose";
    if (outcome) this.say(sentence(outcome), remedy(detail), true);
    else this.say("Face found", `${Math.round(face.size)} pixels`);
    this.#draw();
  }

  shows(bitmap) {
    return this.#bitmap === bitmap;
  }

  /** A word and a detail below the picture; `poor`: something is to be done. */
  say(word, detail, poor = false) {
    const said = this.#root.querySelector(".said");
    const strong = document.createElement("b");
    strong.textContent = word;
    said.classList.toggle("poor", poor);
    said.replaceChildren(...(word ? [strong, `: ${detail}`] : []));
  }

  /** The whole picture; where there is a face, the part about it. */
  #draw() {
    const canvas = this.#canvas;
    const bitmap = this.#bitmap;
    const face = this.#face;
    const context = canvas.getContext("2d");
    if (!bitmap || !canvas.clientWidth) return;
    canvas.width = canvas.clientWidth * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    const whole = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
    const scale = face ? Math.max(whole, (0.45 * canvas.width) / face.size) : whole;
    const left = start(canvas.width, scale * bitmap.width, face && scale * (face.box.x + face.box.width / 2));
    const top = start(canvas.height, scale * bitmap.height, face && scale * (face.box.y + face.box.height / 2));
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, left, top, scale * bitmap.width, scale * bitmap.height);
    if (!face) return;
    const { x, y, width, height } = face.box;
    for (const [colour, line] of [
      ["#000", 5],
      ["#fff", 2.5],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = line * devicePixelRatio;
      context.beginPath(); // a box counts from the middle of the first pixel
      context.roundRect(
        left + scale * (x + 0.5),
        top + scale * (y + 0.5),
        scale * width,
        scale * height,
        8 * devicePixelRatio,
      );
      context.stroke();
    }
  }
}

/** Where a picture of this length begins in a canvas: with `middle` in the canvas's, but without a border that it could fill. */
function start(canvas, length, middle) {
  if (length <= canvas) return (canvas - length) / 2;
  return Math.min(Math.max(canvas / 2 - (middle ?? length / 2), canvas - length), 0);
}
