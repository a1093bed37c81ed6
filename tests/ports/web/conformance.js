// Answers the conformance vectors (devices/README.md, section 17) with the modules of a packed folder.

/**
 * answered(modules, table, binary, parts): {answers, binary, ms}: what the port makes of `vectors.json` and `vectors.bin`, and the milliseconds of a
 * case of each stage. Without `parts` ({detector, embedder, facelite}) only the stages that need no model.
 */
export async function answered(modules, table, binary, parts = null) {
  const out = new Binary();
  const answers = {};
  const ms = {};
  const stages = { ...arithmetic(modules, out), ...(parts ? withModels(modules, parts) : {}) };
  for (const [stage, answer] of Object.entries(stages)) {
    answers[stage] = {};
    const inputs = table.stages[stage].map(({ name, input }) => [name, filled(input, modules.Frame, binary)]);
    const began = performance.now();
    for (const [name, input] of inputs) {
      try {
        answers[stage][name] = await answer(input);
      } catch (error) {
        if (!(error instanceof modules.FaceliteError)) throw error;
        answers[stage][name] = null;
      }
    }
    ms[stage] = (performance.now() - began) / inputs.length;
  }
  return { answers, binary: out.bytes(), ms };
}

function arithmetic(modules, out) {
  const {
    Detector,
    Frame,
    Sampler,
    choose,
    compared,
    decode,
    distance,
    facesOf,
    fillInput,
    fuse,
    judge,
    measure,
    moved,
  } = modules;
  const {
    scaled,
    similarity,
    strictest,
    template,
    thresholdForPictures,
    thresholdForSubject,
    unit,
    lengthOf,
    checkHead,
  } = modules;
  const detector = new Detector({ inputShape: [1, 128, 128, 3] });
  const sampler = new Sampler();
  const view = ([x, y, side]) => ({ x, y, side });
  return {
    view({ frame, view: given, turns }) {
      const seen = detector.see(frame, view(given), turns);
      const pixels = new Uint8Array(128 * 128 * 3);
      fillInput(
        seen,
        Uint8Array.from({ length: 256 }, (_, level) => level),
        "RGB",
        pixels,
      );
      return { pixels: out.place(pixels, [128, 128, 3]) };
    },
    decode: ({ logits, regressors, min_score }) => listed(decode(logits, regressors, min_score)),
    faces: ({ logits, regressors, min_score, view: given, turns }) =>
      listed(facesOf(logits, regressors, min_score, view(given), turns)),
    choose({ boxes, rule, height, width }) {
      const faces = boxes.map(([x, y, w, h]) => ({ box: { x, y, width: w, height: h } }));
      const face = choose(faces, rule, height, width);
      return { face: face && faces.indexOf(face) };
    },
    matrix({ landmarks, height, width }) {
      const points = template(height, width);
      const matrix = similarity(landmarks.flat(), points);
      return {
        template: pairs(points),
        matrix: [matrix.slice(0, 3), matrix.slice(3)],
        aligned: pairs(moved(matrix, landmarks.flat())),
      };
    },
    crop({ frame, matrix, height, width }) {
      const pixels = new Uint8Array(height * width * 3);
      sampler.sample(frame, matrix.flat(), height, width, pixels);
      return { pixels: out.place(pixels, [height, width, 3]) };
    },
    quality({ width, height, box: [x, y, w, h], landmarks, pixels, length, limits }) {
      const [rows, columns] = pixels.shape;
      const points = template(rows, columns);
      const box = { x, y, width: w, height: h };
      const quality = measure({ width, height }, box, landmarks.flat(), pixels, {
        height: rows,
        width: columns,
        points,
      });
      return { outcome: judge({ ...quality, clarity: length }, limits)?.outcome ?? null };
    },
    input({ pixels, mean, std, colours }) {
      const [height, width] = pixels.shape;
      const tensor = new Float32Array(height * width * 3);
      fillInput(Frame.ofRgb(pixels, width, height), scaled(mean, std), colours, tensor);
      return { tensor: out.place(tensor, [1, height, width, 3]) };
    },
    unit: ({ values }) => ({ vector: [...unit(values)] }),
    distance: ({ head, a, b }) => ({ distance: distance(head && checkHead(head, a.length), a, b) }),
    fuse({ measured, templates }) {
      const { vectors, kinds } = fuse(measured, templates);
      return { vectors: vectors.map((vector) => [...vector]), kinds };
    },
    threshold({ question, rate, templates, kinds, ...manifest }) {
      const found = {
        pictures: () => thresholdForPictures(manifest, rate),
        subject: () => thresholdForSubject(manifest, templates, rate, kinds),
        gallery: () => strictest(manifest, templates, rate, kinds),
      }[question]();
      return { fmr: found.fmr, distance: found.distance };
    },
    async gallery({ vector, subject, rate, ...given }) {
      const { facelite, gallery } = people(modules, vector.length, given);
      const look = { outcome: null, embedding: { vector, artefact: facelite.artefact } };
      const { threshold, ...found } = await (subject === null
        ? facelite.identify(look, gallery, { fpir: rate ?? undefined })
        : facelite.verifySubject(look, subject, gallery, { fmr: rate }));
      return {
        outcome: found.outcome,
        subject: found.subject,
        distance: found.distance,
        threshold: threshold.distance,
      };
    },
    async enrolment({ subject, embeddings, anyway, ...given }) {
      const [count, length] = embeddings.shape;
      const { facelite, gallery } = people(modules, length, given);
      const looks = Array.from({ length: count }, (_, i) => ({
        outcome: null,
        embedding: { vector: embeddings.subarray(i * length, (i + 1) * length), artefact: facelite.artefact },
      }));
      const { size } = gallery;
      const { doubts, added } = await facelite.enrol(subject, looks, gallery, { anyway });
      if (gallery.size !== size + added)
        throw new Error(`${added} templates were added, ${gallery.size - size} are new`);
      const places = [...doubts.keys()].sort((a, b) => a - b);
      const each = (name) => places.map((place) => doubts.get(place)[name]);
      return {
        places,
        kinds: each("kind"),
        others: each("other"),
        distances: each("distance"),
        limits: each("limit"),
        added,
      };
    },
    decision: ({ first, second, distance: apart, threshold }) => ({
      outcome: first ?? second ?? compared(apart, { distance: threshold }),
    }),
  };
}

/** Who decides by a case's thresholds and head, and those who are enrolled. */
function people(
  { Facelite, Gallery, checkHead },
  length,
  { embedder, head, subjects, artefacts, vectors, ...measured },
) {
  const manifest = { ...measured, space: "", embedding: length, files: { "embedder.tflite": embedder } };
  const facelite = new Facelite({ manifest }, head && checkHead(head, length));
  const gallery = new Gallery(manifest.space);
  for (const [i, name] of subjects.entries())
    gallery.add({
      subject: name,
      artefact: artefacts[i],
      enrolled_at: new Date(i).toISOString(),
      vector: vectors.subarray(i * length, (i + 1) * length),
    });
  return { facelite, gallery };
}

function withModels({ Detector, Face, unit }, { detector: model, embedder, facelite }) {
  const looks = [];
  class Watched extends Detector {
    look(frame, view, minScore, turns) {
      looks.push([[view.x, view.y, view.side], turns]);
      return super.look(frame, view, minScore, turns);
    }
  }
  const detector = new Watched(model);
  const watched = async (ask) => {
    looks.length = 0;
    return { ...listed(await ask()), views: looks.map(([view]) => view), turns: looks.map(([, turns]) => turns) };
  };
  return {
    detect: ({ frame }) => watched(() => detector.detect(frame)),
    upright({ frame, boxes: [[x, y, width, height]], keypoints: [points], scores: [score] }) {
      const face = new Face({ x, y, width, height }, Float64Array.from(points.flat()), score);
      return watched(async () => [await detector.upright(frame, face)]);
    },
    embedding: async ({ pixels }) => ({ vector: [...unit(await embedder.output(pixels))] }),
    async verify({ first, second, rule }) {
      const { outcome, distance } = await facelite.verify(first, second, { rule });
      return { outcome, distance };
    },
  };
}

function listed(faces) {
  return {
    boxes: faces.map(({ box: { x, y, width, height } }) => [x, y, width, height]),
    keypoints: faces.map(({ keypoints }) => pairs(keypoints)),
    scores: faces.map(({ score }) => score),
  };
}

function pairs(numbers) {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);
}

/** `value` with arrays (that know their shape) and frames in their places. */
function filled(value, Frame, binary) {
  if (Array.isArray(value)) return value.map((one) => filled(one, Frame, binary));
  if (typeof value !== "object" || value === null) return value;
  if ("dtype" in value) {
    const kind = { uint8: Uint8Array, float32: Float32Array }[value.dtype];
    const length = value.shape.reduce((a, b) => a * b);
    return Object.assign(new kind(binary.buffer, binary.byteOffset + value.at, length), { shape: value.shape });
  }
  if ("pictures" in value) return drawn(value, Frame, binary);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one, Frame, binary)]));
}

function drawn({ height, width, colour, pictures }, Frame, binary) {
  const data = new Uint8Array(height * width * 3);
  for (let at = 0; at < data.length; at++) data[at] = colour[at % 3];
  for (const { x, y, pixels } of pictures) {
    const {
      shape: [rows, columns],
    } = pixels;
    const source = filled(pixels, Frame, binary);
    for (let row = 0; row < rows; row++)
      data.set(source.subarray(3 * row * columns, 3 * (row + 1) * columns), 3 * ((y + row) * width + x));
  }
  return Frame.ofRgb(data, width, height);
}

/** What becomes answers.bin. */
class Binary {
  #parts = [];
  #size = 0;

  place(array, shape) {
    const at = this.#size;
    const bytes = new Uint8Array(array.buffer.slice(array.byteOffset, array.byteOffset + array.byteLength));
    this.#parts.push(bytes, new Uint8Array(-bytes.length & 7));
    this.#size += bytes.length + (-bytes.length & 7);
    return { dtype: array instanceof Uint8Array ? "uint8" : "float32", shape, at };
  }

  bytes() {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
