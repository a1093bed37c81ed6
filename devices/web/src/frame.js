import { FaceliteError } from "./errors.js";

/**
 * A picture: `height` rows of `width` pixels of red, green and blue. It is a view of bytes, which are not copied: a mirrored or turned frame is
 * another view of the same bytes, and they must not change while a question about the frame is being answered.
 */
export class Frame {
  /**
   * @param {Uint8Array} data
   * @param {number} width pixels of a row, 1 or more
   * @param {number} height rows, 1 or more
   * @param {number} origin where in `data` the upper left pixel's red is
   * @param {number} right bytes from a pixel to the next one at its right
   * @param {number} down bytes from a pixel to the next one below
   */
  constructor(data, width, height, origin, right, down) {
    this.data = data;
    this.width = width;
    this.height = height;
    this.origin = origin;
    this.right = right;
    this.down = down;
  }

  /**
   * Rows of three bytes a pixel, one row behind the other.
   *
   * @param {Uint8Array | Uint8ClampedArray} data
   * @param {number} width
   * @param {number} height
   * @returns {Frame}
   * @throws {FaceliteError} where `data` has another length
   */
  static ofRgb(data, width, height) {
    return packed(data, width, height, 3);
  }

  /**
   * @param {ImageData} image in sRGB; alpha is dropped
   * @returns {Frame}
   */
  static ofImageData(image) {
    return packed(image.data, image.width, image.height, 4);
  }

  /**
   * The picture as the browser shows it, upright (EXIF), in sRGB.
   *
   * @param {HTMLImageElement | ImageBitmap | HTMLCanvasElement | OffscreenCanvas} image
   * @returns {Frame}
   * @throws {FaceliteError} where it has not loaded
   */
  static ofImage(image) {
    return "naturalWidth" in image
      ? drawn(image, image.naturalWidth, image.naturalHeight)
      : drawn(image, image.width, image.height);
  }

  /**
   * What a video shows now. A preview that a style sheet mirrors is not mirrored here.
   *
   * @param {HTMLVideoElement | VideoFrame} video
   * @returns {Frame}
   * @throws {FaceliteError} where it has no picture yet
   */
  static ofVideo(video) {
    if ("displayWidth" in video) return drawn(video, video.displayWidth, video.displayHeight);
    const ready = video.readyState >= 2; // HAVE_CURRENT_DATA
    return drawn(video, ready ? video.videoWidth : 0, video.videoHeight);
  }

  /**
   * A picture's file, upright (EXIF), in sRGB.
   *
   * @param {Blob} file JPEG, PNG, or what else the browser decodes
   * @returns {Promise<Frame>}
   * @throws {FaceliteError} where the browser cannot decode it
   */
  static async ofBlob(file) {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch((error) => {
      throw new FaceliteError("a picture that this browser can decode", String(error), "choose a JPEG or PNG file");
    });
    try {
      return Frame.ofImage(bitmap);
    } finally {
      bitmap.close();
    }
  }

  /** The frame with left and right exchanged: of a camera that gives mirrored pictures the true one. */
  mirrored() {
    const last = this.origin + (this.width - 1) * this.right;
    return new Frame(this.data, this.width, this.height, last, -this.right, this.down);
  }

  /** The frame turned to the left (counter-clockwise) by a quarter. */
  turned() {
    const last = this.origin + (this.width - 1) * this.right;
    return new Frame(this.data, this.height, this.width, last, this.down, -this.right);
  }

  /**
   * A part of the frame.
   *
   * @param {number} left
   * @param {number} top
   * @param {number} width
   * @param {number} height
   */
  part(left, top, width, height) {
    const first = this.origin + left * this.right + top * this.down;
    return new Frame(this.data, width, height, first, this.right, this.down);
  }
}

/**
 * @param {Uint8Array | Uint8ClampedArray} data
 * @param {number} width
 * @param {number} height
 * @param {number} step bytes of a pixel
 */
function packed(data, width, height, step) {
  if (!(width >= 1 && height >= 1) || data.length !== width * height * step) {
    throw new FaceliteError(
      `${width} x ${height} pixels of ${step} bytes`,
      `${data.length} bytes`,
      "give the picture's own width and height",
    );
  }
  // of one kind, for which the loops are compiled
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.length);
  return new Frame(bytes, width, height, 0, step, width * step);
}

/** @type {OffscreenCanvasRenderingContext2D | null} */
let context = null;

/**
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 */
function drawn(source, width, height) {
  if (!(width > 0 && height > 0)) {
    throw new FaceliteError("a picture", "one without pixels", "wait until it has loaded, a video until it plays");
  }
  context ??= new OffscreenCanvas(width, height).getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
  if (!context) throw new FaceliteError("a canvas", "none", "close other pages, or use another browser");
  if (context.canvas.width !== width) context.canvas.width = width;
  if (context.canvas.height !== height) context.canvas.height = height;
  context.globalCompositeOperation = "copy"; // nothing of the picture before shines through
  context.drawImage(source, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height, { colorSpace: "srgb" });
  context.clearRect(0, 0, width, height); // no picture of a person is kept here
  return Frame.ofImageData(pixels);
}
