import { Frame } from "./frame.js";

/**
 * Takes a point of an image to a point of the output: a, b, c, d, e, f with X = a x + b y + c and Y = d x + e y + f.
 *
 * @typedef {readonly [number, number, number, number, number, number]} Matrix
 */

/** The one way in which pixels are moved (section 4). It keeps its memory: use one at a time for one picture. */
export class Sampler {
  #halves = new Uint8Array(0);

  /**
   * @param {Frame} image
   * @param {Matrix} matrix
   * @param {number} height
   * @param {number} width
   * @param {Uint8Array} out (height, width, 3), which is filled
   */
  sample(image, matrix, height, width, out) {
    let [a, b, c, d, e, f] = matrix;
    let scale = Math.max(Math.sqrt(Math.abs(a * e - b * d)), 0.001);
    if (scale < 0.5) {
      const { left, top, right, bottom } = seen(image, matrix, scale, height, width);
      image = image.part(left, top, right - left, bottom - top);
      c += a * left + b * top;
      f += d * left + e * top;
    }
    while (scale < 0.5 && image.width >= 2 && image.height >= 2) {
      image = this.#halved(image);
      c += 0.5 * (a + b);
      f += 0.5 * (d + e);
      a *= 2;
      b *= 2;
      d *= 2;
      e *= 2;
      scale *= 2;
    }
    interpolate(image, [a, b, c, d, e, f], height, width, out);
  }

  /**
   * The means of 2 x 2 pixels. The second halving of a picture overwrites the first one's result, behind where it reads.
   *
   * @param {Frame} image
   */
  #halved({ data, width, height, origin, right, down }) {
    const columns = width >> 1;
    const rows = height >> 1;
    if (this.#halves.length < 3 * columns * rows) this.#halves = new Uint8Array(3 * columns * rows);
    const out = this.#halves;
    for (let row = 0, to = 0; row < rows; row++) {
      let from = origin + 2 * row * down;
      for (let column = 0; column < columns; column++, from += 2 * right, to += 3) {
        const next = from + right;
        const below = from + down;
        const last = below + right;
        out[to] = (data[from] + data[next] + data[below] + data[last] + 2) >> 2;
        out[to + 1] = (data[from + 1] + data[next + 1] + data[below + 1] + data[last + 1] + 2) >> 2;
        out[to + 2] = (data[from + 2] + data[next + 2] + data[below + 2] + data[last + 2] + 2) >> 2;
      }
    }
    return new Frame(out, columns, rows, 0, 3, 3 * columns);
  }
}

/**
 * The part of `image` that the output sees, with a margin, so that a large frame is not halved in vain. It begins where all halvings leave the edge
 * of a pixel.
 *
 * @param {Frame} image
 * @param {Matrix} matrix
 * @param {number} scale
 * @param {number} height
 * @param {number} width
 */
function seen(image, [a, b, c, d, e, f], scale, height, width) {
  const step = 2 ** Math.ceil(Math.log2(0.5 / scale));
  const margin = 4 / scale;
  const determinant = a * e - b * d;
  const inverse = determinant ? 1 / determinant : 0;
  const [left, right] = ends(e * inverse, -b * inverse, (b * f - e * c) * inverse, image.width);
  const [top, bottom] = ends(-d * inverse, a * inverse, (d * c - a * f) * inverse, image.height);
  return { left, top, right, bottom };

  /**
   * @param {number} across
   * @param {number} along
   * @param {number} start
   * @param {number} size
   */
  function ends(across, along, start, size) {
    const low = start + Math.min(0, across * width) + Math.min(0, along * height) - margin;
    const high = start + Math.max(0, across * width) + Math.max(0, along * height) + margin;
    const first = Math.min(Math.max(Math.floor(low), 0), size - 1);
    const begin = first - (first % step);
    return [begin, Math.min(Math.max(Math.ceil(high), begin + 1), size)];
  }
}

/**
 * Each output pixel from its four neighbours in `image`, black outside.
 *
 * @param {Frame} image
 * @param {Matrix} matrix
 * @param {number} height
 * @param {number} width
 * @param {Uint8Array} out
 */
function interpolate(
  { data, width: columns, height: rows, origin, right, down },
  [a, b, c, d, e, f],
  height,
  width,
  out,
) {
  const determinant = a * e - b * d;
  const inverse = determinant ? 1 / determinant : 0;
  const du = e * inverse;
  const dv = -d * inverse;
  for (let row = 0, to = 0; row < height; row++) {
    const u0 = (-e * c - b * (row - f)) * inverse;
    const v0 = (d * c + a * (row - f)) * inverse;
    for (let column = 0; column < width; column++, to += 3) {
      const u = u0 + column * du;
      const v = v0 + column * dv;
      let x0 = Math.floor(u);
      let y0 = Math.floor(v);
      let x1 = x0 + 1;
      let y1 = y0 + 1;
      let at1 = u - x0;
      let at0 = 1 - at1;
      let by1 = v - y0;
      let by0 = 1 - by1;
      if (x0 < 0 || y0 < 0 || x1 >= columns || y1 >= rows) {
        // a neighbour outside counts as black: any pixel, of weight 0
        if (x0 < 0 || x0 >= columns) at0 = x0 = 0;
        if (x1 < 0 || x1 >= columns) at1 = x1 = 0;
        if (y0 < 0 || y0 >= rows) by0 = y0 = 0;
        if (y1 < 0 || y1 >= rows) by1 = y1 = 0;
      }
      const upper = origin + y0 * down;
      const lower = origin + y1 * down;
      const left = x0 * right;
      const next = x1 * right;
      for (let colour = 0; colour < 3; colour++) {
        out[to + colour] =
          (by0 * (at0 * data[upper + left + colour] + at1 * data[upper + next + colour]) +
            by1 * (at0 * data[lower + left + colour] + at1 * data[lower + next + colour]) +
            0.5) |
          0;
      }
    }
  }
}
