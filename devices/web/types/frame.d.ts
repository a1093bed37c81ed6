/**
 * A picture: `height` rows of `width` pixels of red, green and blue. It is a view of bytes, which are not copied: a mirrored or turned frame is
 * another view of the same bytes, and they must not change while a question about the frame is being answered.
 */
export declare class Frame {
    data: Uint8Array<ArrayBufferLike>;
    width: number;
    height: number;
    origin: number;
    right: number;
    down: number;
    /**
     * @param {Uint8Array} data
     * @param {number} width pixels of a row, 1 or more
     * @param {number} height rows, 1 or more
     * @param {number} origin where in `data` the upper left pixel's red is
     * @param {number} right bytes from a pixel to the next one at its right
     * @param {number} down bytes from a pixel to the next one below
     */
    constructor(data: Uint8Array, width: number, height: number, origin: number, right: number, down: number);
    /**
     * Rows of three bytes a pixel, one row behind the other.
     *
     * @param {Uint8Array | Uint8ClampedArray} data
     * @param {number} width
     * @param {number} height
     * @returns {Frame}
     * @throws {FaceliteError} where `data` has another length
     */
    static ofRgb(data: Uint8Array | Uint8ClampedArray, width: number, height: number): Frame;
    /**
     * @param {ImageData} image in sRGB; alpha is dropped
     * @returns {Frame}
     */
    static ofImageData(image: ImageData): Frame;
    /**
     * The picture as the browser shows it, upright (EXIF), in sRGB.
     *
     * @param {HTMLImageElement | ImageBitmap | HTMLCanvasElement | OffscreenCanvas} image
     * @returns {Frame}
     * @throws {FaceliteError} where it has not loaded
     */
    static ofImage(image: HTMLImageElement | ImageBitmap | HTMLCanvasElement | OffscreenCanvas): Frame;
    /**
     * What a video shows now. A preview that a style sheet mirrors is not mirrored here.
     *
     * @param {HTMLVideoElement | VideoFrame} video
     * @returns {Frame}
     * @throws {FaceliteError} where it has no picture yet
     */
    static ofVideo(video: HTMLVideoElement | VideoFrame): Frame;
    /**
     * A picture's file, upright (EXIF), in sRGB.
     *
     * @param {Blob} file JPEG, PNG, or what else the browser decodes
     * @returns {Promise<Frame>}
     * @throws {FaceliteError} where the browser cannot decode it
     */
    static ofBlob(file: Blob): Promise<Frame>;
    /** The frame with left and right exchanged: of a camera that gives mirrored pictures the true one. */
    mirrored(): Frame;
    /** The frame turned to the left (counter-clockwise) by a quarter. */
    turned(): Frame;
    /**
     * A part of the frame.
     *
     * @param {number} left
     * @param {number} top
     * @param {number} width
     * @param {number} height
     */
    part(left: number, top: number, width: number, height: number): Frame;
}
