// PACKED=folder GALLERIES=folder node --test units.test.mjs: what needs neither a browser nor a model, against plain loops and by the specification's words.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { modulesOf } from "./modules.js";

const PACKED = process.env.PACKED;
const {
  Aligner,
  Detector,
  Embedder,
  Face,
  Facelite,
  FaceliteError,
  Frame,
  Gallery,
  Sampler,
  checkHead,
  checkManifest,
  decode,
} = await modulesOf(pathToFileURL(`${resolve(PACKED, "src")}/`));
const MANIFEST = JSON.parse(await readFile(join(PACKED, "assets/facelite.json"), "utf-8"));
const OWN = MANIFEST.files["embedder.tflite"];

const refused = (words) => (error) => error instanceof FaceliteError && error.message.includes(words);
const clone = (value) => JSON.parse(JSON.stringify(value));

/** Random, the same each time. */
function numbers(seed) {
  return () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
}

function pixelsOf(frame) {
  const out = [];
  for (let y = 0; y < frame.height; y++) {
    for (let x = 0; x < frame.width; x++) {
      for (let k = 0; k < 3; k++) out.push(frame.data[frame.origin + y * frame.down + x * frame.right + k]);
    }
  }
  return out;
}

test("a frame of RGBA, with a part, mirrored and turned in all ways, is what a plain loop makes of it", () => {
  const random = numbers(1);
  const width = 7;
  const height = 5;
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, () => 256 * random());
  let plain = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => [...data.slice(4 * (y * width + x)).slice(0, 3)]),
  );
  let frame = Frame.ofImageData({ data, width, height });
  const equal = () => {
    assert.deepEqual([frame.height, frame.width], [plain.length, plain[0].length]);
    assert.deepEqual(pixelsOf(frame), plain.flat(2));
  };
  equal();
  frame = frame.part(1, 2, 5, 3);
  plain = plain.slice(2, 5).map((row) => row.slice(1, 6));
  equal();
  for (let turn = 0; turn < 4; turn++) {
    frame = frame.mirrored();
    plain = plain.map((row) => [...row].reverse());
    equal();
    frame = frame.mirrored().turned();
    plain = plain.map((row) => [...row].reverse());
    const { length } = plain[0];
    plain = Array.from({ length }, (_, row) => plain.map((line) => line[length - 1 - row])); // new(row r, column c) = old(row c, column w - 1 - r)
    equal();
  }
});

test("a view of a frame is sampled as a copy of it is", () => {
  const random = numbers(2);
  const width = 90;
  const height = 70;
  const data = Uint8Array.from({ length: 4 * width * height }, () => 256 * random());
  const view = new Frame(data, width, height, 0, 4, 4 * width).mirrored().turned();
  const copy = Frame.ofRgb(Uint8Array.from(pixelsOf(view)), height, width);
  for (const scale of [1.3, 0.7, 0.3, 0.11]) {
    const [one, other] = [view, copy].map((frame) => {
      const out = new Uint8Array(40 * 30 * 3);
      new Sampler().sample(frame, [scale, 0.05, -3, -0.05, scale, 2], 30, 40, out);
      return out;
    });
    assert.deepEqual(one, other);
  }
});

test("a frame of another size than its bytes is refused", () => {
  assert.throws(() => Frame.ofRgb(new Uint8Array(10), 2, 2), refused("2 x 2 pixels of 3 bytes"));
  assert.throws(() => Frame.ofRgb(new Uint8Array(0), 0, 0), refused("0 x 0"));
});

test("a manifest is as the specification has it, or refused", () => {
  const read = checkManifest(clone(MANIFEST));
  assert.deepEqual(read.thresholds, MANIFEST.thresholds);
  const bare = clone(MANIFEST);
  for (const name of ["template_thresholds", "limits", "decide"]) delete bare[name];
  bare.preprocessing = { height: 112, width: 96 };
  const { template_thresholds, limits, decide, preprocessing } = checkManifest({ ...bare, unknown: 1 });
  assert.deepEqual(
    [template_thresholds, limits.size, decide, preprocessing.mean, preprocessing.std, preprocessing.colours],
    [{}, 24, "squared-l2", 127.5, 128, "RGB"],
  );
  const edits = {
    "format 1": (m) => (m.format = [2, 0]),
    "format 2": (m) => (m.decide = "siamese"),
    decide: (m) => (m.decide = "cosine"),
    space: (m) => delete m.space,
    embedding: (m) => (m.embedding = 128.5),
    preprocessing: (m) => (m.preprocessing.std = 0),
    "limits as": (m) => (m.limits = { brightness: 1 }),
    limits: (m) => (m.limits = null),
    thresholds: (m) => m.thresholds.reverse(),
    template_thresholds: (m) => (m.template_thresholds = { other: [] }),
    "in each list": (m) => (m.fmr = 0.5),
    "files as": (m) => (m.files["embedder.tflite"] = "abc"),
    files: (m) => (m.files["//elsewhere/head.json"] = OWN),
    "files as the": (m) => (m.files["facelite.json"] = OWN),
  };
  for (const [words, edit] of Object.entries(edits)) {
    const edited = clone(MANIFEST);
    edit(edited);
    assert.throws(() => checkManifest(edited), refused(words), words);
  }
  for (const none of [null, [], 7]) assert.throws(() => checkManifest(none), refused("facelite.json"));
});

test("a head is checked", () => {
  assert.deepEqual(checkHead({ form: "absolute", weights: [1, -0.5] }, 2), {
    form: "absolute",
    weights: Float32Array.of(1, -0.5),
  });
  for (const head of [
    null,
    { form: "cosine", weights: [1, 1] },
    { form: "absolute", weights: [1] },
    { form: "absolute", weights: [0, -1] },
    { form: "absolute", weights: [2, 1] },
  ]) {
    assert.throws(() => checkHead(head, 2), refused("a head of 2 weights"));
  }
});

/** A unit vector (d,) that leans by `angle` from the first axis towards another. */
function leaning(angle, axis = 1, size = MANIFEST.embedding) {
  const vector = new Float32Array(size);
  vector[0] = Math.cos(angle);
  vector[axis] = Math.sin(angle);
  return vector;
}

const template = (subject, vector, changes = {}) => ({
  subject,
  artefact: OWN,
  enrolled_at: "2026-11-29T10:00:00.000Z",
  vector,
  ...changes,
});

/** Not secret, but it knows its own. */
const VAULT = {
  seal: async (bytes) => Uint8Array.of(7, ...bytes.map((byte) => byte ^ 85)),
  async open(bytes) {
    if (bytes[0] !== 7) throw new FaceliteError("sealed bytes", "others", "enrol again");
    return bytes.slice(1).map((byte) => byte ^ 85);
  },
};

test("a gallery comes back as it was", async () => {
  const gallery = new Gallery(MANIFEST.space);
  assert.ok(gallery.add(template("Ada", leaning(0.1))));
  assert.ok(gallery.add(template("Bob", leaning(0.1))));
  assert.ok(gallery.add(template("Ada", leaning(0.3, 2))));
  assert.ok(!gallery.add(template("Ada", leaning(0.1005))), "it equals one of hers");
  const loaded = await Gallery.load(await gallery.save(VAULT), VAULT, MANIFEST);
  assert.deepEqual(loaded.templates, gallery.templates);
  assert.deepEqual([loaded.subjects, loaded.size, loaded.space], [["Ada", "Bob"], 3, MANIFEST.space]);
  const plain = JSON.parse(new TextDecoder().decode(await VAULT.open(await gallery.save(VAULT))));
  assert.deepEqual(Object.keys(plain), ["format", "space", "templates"]);
  assert.deepEqual(Object.keys(plain.templates[0]), ["subject", "artefact", "enrolled_at", "vector"]);
  assert.deepEqual(Float32Array.from(plain.templates[0].vector), leaning(0.1));
  assert.equal(loaded.remove("Ada"), 2);
  assert.equal(loaded.remove("Ada"), 0);
  assert.deepEqual(loaded.subjects, ["Bob"]);
});

test("a gallery refuses what it cannot compare", async () => {
  const gallery = new Gallery(MANIFEST.space);
  for (const name of ["", " ", "\u3000", "Ada\n", "A\u200bda", "Ada\u00a0L", 7, "\ud800"]) {
    assert.throws(() => gallery.add(template(name, leaning(0))), refused("a subject's name"), JSON.stringify(name));
  }
  for (const name of ["Zoë 李 Ó Briain-Şahin 1", "علی\u200cرضا", "山田\u3000太郎"]) {
    assert.ok(new Gallery("any").add(template(name, leaning(0))));
  }
  const times = ["2026-11-29", "2026-11-29T08:52:20", "2026-11-29T08:52:20+02:00", "2026-11-29T08:52:20Z!", 7];
  for (const enrolled_at of times) {
    assert.throws(() => gallery.add(template("Ada", leaning(0), { enrolled_at })), refused("a template"));
  }
  assert.throws(
    () =>
      gallery.add(
        template(
          "Ada",
          leaning(0).map((value) => 2 * value),
        ),
      ),
    refused("unit length"),
  );
  gallery.add(template("Ada", leaning(0)));
  assert.throws(() => gallery.add(template("Ada", leaning(0, 1, 3))), refused("numbers"));
  const bytes = await gallery.save(VAULT);
  const sealed = (table) =>
    VAULT.seal(new TextEncoder().encode(typeof table === "string" ? table : JSON.stringify(table)));
  const whole = { format: 1, space: MANIFEST.space, templates: [{ ...template("Ada", [...leaning(0)]) }] };
  await Gallery.load(await sealed(whole), VAULT, MANIFEST);
  const cases = [
    [bytes.slice(1), "sealed bytes"],
    [await sealed("{"), "a gallery"],
    [await sealed({ ...whole, format: 2 }), "format 1"],
    [await sealed({ ...whole, space: "another" }), "templates of the space"],
    [
      await sealed({ ...whole, templates: [{ ...whole.templates[0], artefact: "0".repeat(64) }] }),
      "templates of the embedder",
    ],
    [
      await sealed({ ...whole, templates: [{ ...whole.templates[0], artefact: "constructor" }] }),
      "templates of the embedder",
    ],
    [await sealed({ ...whole, templates: [{ ...whole.templates[0], vector: [1, 0] }] }), "vectors of"],
    [await sealed({ ...whole, templates: [{ ...whole.templates[0], vector: [NaN] }] }), "a template"],
    [await sealed({ ...whole, templates: [{ ...whole.templates[0], vector: [0.5] }] }), "unit length"],
    [await sealed({ ...whole, templates: [{ ...whole.templates[0], enrolled_at: "yesterday" }] }), "a template"],
    [await sealed({ ...whole, templates: [null] }), "a template"],
  ];
  for (const [given, words] of cases) await assert.rejects(Gallery.load(given, VAULT, MANIFEST), refused(words), words);
  const other = "1".repeat(64);
  const manifest = { ...MANIFEST, template_thresholds: { [other]: MANIFEST.thresholds } };
  await Gallery.load(
    await sealed({ ...whole, templates: [{ ...whole.templates[0], artefact: other }] }),
    VAULT,
    manifest,
  );
});

/** A Facelite whose detector sees one face in a light frame and whose embedder leans by the angle that the frame's upper left pixel has in blue / 100. */
function machine({ limits = {}, manifest = MANIFEST } = {}) {
  const ours = checkManifest({
    ...clone(manifest),
    limits: { size: 0, inside: 0, dark: 0, bright: 255, sharpness: 0, turn: 9, clarity: 0, ...limits },
  });
  const { height, width } = ours.preprocessing;
  const models = { closed: 0 };
  const close = () => models.closed++;
  const detector = new Detector({ inputShape: [1, 128, 128, 3], close });
  detector.detect = async (frame) => {
    await null;
    return frame.data[0]
      ? [
          new Face(
            { x: 5, y: 5, width: 40, height: 40 },
            Float64Array.of(15, 20, 35, 20, 25, 30, 25, 40, 8, 20, 42, 20),
            0.9,
          ),
        ]
      : [];
  };
  let busy = 0;
  const model = {
    inputShape: [1, height, width, 3],
    close,
    async run(input) {
      assert.equal(++busy, 1, "one at a time");
      assert.equal(models.closed, 0, "open");
      const angle = (input[3 * (width * (height >> 1) + (width >> 1)) + 2] * 128 + 127.5) / 100;
      await new Promise((resolve) => setTimeout(resolve));
      busy--;
      return { output: leaning(angle).map((value) => 8 * value) };
    },
  };
  const parts = { manifest: ours, detector, aligner: new Aligner(height, width), embedder: new Embedder(model, ours) };
  return Object.assign(new Facelite(parts, null), { models });
}

function plain(blue, red = 1) {
  return Frame.ofRgb(
    Uint8Array.from({ length: 50 * 50 * 3 }, (_, i) => [red, 0, blue][i % 3]),
    50,
    50,
  );
}

test("two frames, looks in their place, and frames without an embedding", async () => {
  const facelite = machine();
  const [near, far, nobody] = [plain(10), plain(150), plain(0, 0)];
  const [same, other] = await Promise.all([facelite.verify(near, plain(12)), facelite.verify(near, far)]); // at once: they wait for each other
  assert.deepEqual([same.outcome, same.accepted, other.outcome, other.accepted], ["accepted", true, "rejected", false]);
  assert.ok(Math.abs(same.distance - (2 - 2 * Math.cos(0.02))) < 1e-6);
  assert.equal(same.threshold.fmr, MANIFEST.fmr);
  assert.deepEqual(structuredClone(same), { ...same }, "a worker posts all of it");
  assert.deepEqual([structuredClone(same).accepted, structuredClone(other).accepted], [true, false]);
  const looks = [await facelite.look(near), await facelite.look(far)];
  assert.deepEqual(structuredClone(looks[0].face), { ...looks[0].face });
  assert.equal(structuredClone(looks[0].face).size, 40);
  assert.equal((await facelite.verify(...looks)).distance, other.distance);
  const none = await facelite.verify(near, nobody);
  assert.deepEqual([none.outcome, none.accepted, none.distance], ["no face", false, null]);
  assert.match(none.detail, /^second picture: expected a face/);
  await assert.rejects(facelite.verify(nobody, nobody, { fmr: 0.0123 }), refused("an FMR that was measured"));
  const foreign = { ...looks[0], embedding: { ...looks[0].embedding, artefact: "0".repeat(64) } };
  await assert.rejects(facelite.verify(near, foreign), refused("an embedding of this bundle"));
  await assert.rejects(facelite.look(near, "nearest"), refused("a rule"));
  await assert.rejects(facelite.look(nobody, "nearest"), refused("a rule"));
  assert.equal((await facelite.look(near)).outcome, null, "a refusal does not stop the next question");
  assert.equal((await machine({ limits: { clarity: 9 } }).look(near)).outcome, "unclear");
  assert.equal((await machine({ limits: { size: 41 } }).look(near)).outcome, "too small");
});

test("people are enrolled all or none, verified and identified", async () => {
  const facelite = machine();
  const gallery = new Gallery(MANIFEST.space);
  await assert.rejects(facelite.identify(plain(10), gallery), refused("somebody who is enrolled"));
  await assert.rejects(facelite.enrol("", [plain(10)], gallery), refused("a subject's name"));
  const failed = await facelite.enrol("Ada", [plain(10), plain(0, 0)], gallery);
  assert.deepEqual([failed.added, gallery.size, failed.looks.map(({ outcome }) => outcome)], [0, 0, [null, "no face"]]);
  assert.equal((await facelite.enrol("Ada", [plain(10), plain(30), plain(10)], gallery)).added, 2);
  assert.equal((await facelite.enrol("Bob", [plain(150)], gallery)).added, 1);
  const her = await facelite.verifySubject(plain(20), "Ada", gallery);
  assert.deepEqual([her.outcome, her.subject], ["accepted", "Ada"]);
  assert.ok(her.distance < 1e-4, "the mean of both lies between them");
  assert.equal(
    her.threshold.distance,
    MANIFEST.template_thresholds["fused 2"].find(({ fmr }) => fmr === MANIFEST.fmr).distance,
  );
  const him = await facelite.verifySubject(plain(150), "Ada", gallery);
  assert.deepEqual([him.outcome, him.subject], ["rejected", null]);
  assert.equal((await facelite.verifySubject(plain(0, 0), "Ada", gallery)).subject, null);
  await assert.rejects(facelite.verifySubject(plain(10), null, gallery), refused("null"));
  assert.match(gallery.templates[0].enrolled_at, /T\d\d:\d\d:\d\dZ$/);
  await assert.rejects(facelite.verifySubject(plain(10), "Eve", gallery), refused('"Eve"'));
  const found = await facelite.identify(plain(149), gallery);
  assert.deepEqual([found.outcome, found.subject], ["accepted", "Bob"]);
  const stranger = await facelite.identify(plain(255), gallery, { fpir: 0.003 });
  assert.deepEqual([stranger.outcome, stranger.subject], ["rejected", null]);
  assert.equal((await facelite.identify(plain(0, 0), gallery)).outcome, "no face");
  await assert.rejects(facelite.identify(plain(10), gallery, { fpir: 1e-9 }), refused("ask for a larger rate"));
  for (const fpir of [0, 1, 2, 3, -0.01, NaN]) {
    await assert.rejects(facelite.identify(plain(10), gallery, { fpir }), refused("a rate above 0 and below 1"));
  }
  await assert.rejects(facelite.identify(plain(10), new Gallery("another")), refused("templates of the space"));
});

test("nobody is enrolled in spite of doubts, unless it is said", async () => {
  const facelite = machine();
  const gallery = new Gallery(MANIFEST.space);
  await facelite.enrol("Bob", [plain(150)], gallery);
  const { added, doubts } = await facelite.enrol("Ada", [plain(10), plain(150)], gallery);
  assert.deepEqual([added, gallery.size, [...doubts.keys()]], [0, 1, [0, 1]]);
  const [outlier, double] = doubts.values();
  assert.deepEqual([outlier.kind, outlier.other, double.kind, double.other], ["outlier", null, "double", "Bob"]);
  assert.ok(outlier.distance > outlier.limit && double.distance <= double.limit);
  assert.match(
    outlier.detail,
    /^expected a distance of \d\.\d\d or less to the other pictures of Ada, got \d\.\d\d; is it /,
  );
  assert.match(
    double.detail,
    /^expected nobody who is enrolled already, got Bob at a distance of 0\.00 \(threshold \d\./,
  );
  const anyway = await facelite.enrol("Ada", [plain(10), plain(150)], gallery, { anyway: true });
  assert.deepEqual([anyway.added, anyway.doubts.size, gallery.size], [2, 0, 3]);
});

test("what is fused is kept until templates change", () => {
  const gallery = new Gallery(MANIFEST.space);
  for (const angle of [0.1, 0.3]) gallery.add(template("Ada", leaning(angle)));
  const first = gallery.fused([2, 3], null);
  assert.equal(gallery.fused([2, 3], null), first);
  assert.deepEqual([first.compared.length, [...first.kinds]], [1, ["fused 2"]]);
  assert.deepEqual(gallery.fused([2, 3], "Ada"), first);
  gallery.add(template("Bob", leaning(1)));
  assert.equal(gallery.fused([2, 3], null).compared.length, 2);
  assert.equal(first.compared.length, 1, "who was asked before is not answered by others");
  gallery.remove("Ada");
  assert.deepEqual(
    gallery.fused([2, 3], null).compared.map(({ subject }) => subject),
    ["Bob"],
  );
  gallery.add(template("Ada", leaning(0)));
  gallery.add(template("Ada", leaning(Math.PI)));
  assert.throws(() => gallery.fused([2], null), refused("finite, positive length"), "a mean without direction");
});

test("questions asked before close are answered, and later ones refused", async () => {
  const facelite = machine();
  const gallery = new Gallery(MANIFEST.space);
  const asked = Promise.all([
    facelite.verify(plain(10), plain(12)),
    facelite.enrol("Ada", [plain(10), plain(30)], gallery),
  ]);
  const closed = facelite.close();
  await assert.rejects(facelite.look(plain(10)), refused("an open Facelite"));
  const [{ accepted }, { added }] = await asked;
  await Promise.all([closed, facelite.close()]);
  assert.deepEqual([accepted, added, facelite.models], [true, 2, { closed: 2 }]);
  await assert.rejects(facelite.verify(plain(10), plain(12)), refused("an open Facelite"));
});

test("a detector that gives no numbers is refused", () => {
  const numbers = () => [new Float32Array(896).fill(-9), new Float32Array(896 * 16).fill(8)];
  assert.deepEqual(decode(...numbers(), 0.5), []);
  const cases = [
    (logits) => (logits[5] = NaN),
    (logits) => (logits[5] = Infinity),
    (logits, regressors) => ([logits[5], regressors[5 * 16 + 9]] = [3, NaN]),
  ];
  for (const spoil of cases) {
    const [logits, regressors] = numbers();
    spoil(logits, regressors);
    assert.throws(() => decode(logits, regressors, 0.5), refused("finite numbers"));
  }
});

test("galleries of the specification are read, and others refused", async () => {
  const vault = { seal: async (bytes) => bytes, open: async (bytes) => bytes };
  const names = await readdir(process.env.GALLERIES);
  assert.ok(names.some((name) => name.startsWith("good-")) && names.some((name) => name.startsWith("bad-")));
  for (const name of names) {
    const bytes = new Uint8Array(await readFile(join(process.env.GALLERIES, name)));
    const loaded = Gallery.load(bytes, vault, checkManifest(clone(MANIFEST)));
    if (name.startsWith("bad-")) {
      await assert.rejects(loaded, FaceliteError, name);
    } else {
      const table = JSON.parse(new TextDecoder().decode(bytes));
      assert.equal((await loaded).size, table.templates.length, name);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(await (await loaded).save(vault))), table, name);
    }
  }
});

test("a group is made smaller where its threshold was not measured at a rate that small", async () => {
  const manifest = clone(MANIFEST);
  manifest.template_thresholds = { "fused 2": MANIFEST.thresholds.slice(0, 3) };
  const facelite = machine({ manifest });
  const gallery = new Gallery(MANIFEST.space);
  const smallest = MANIFEST.thresholds.at(-1).fmr;
  await facelite.enrol("Ada", [plain(10)], gallery);
  await facelite.enrol("Bob", [plain(150), plain(170)], gallery);
  const usual = await facelite.identify(plain(10), gallery, { fpir: 2 * MANIFEST.thresholds[2].fmr });
  assert.equal(usual.threshold.fmr, MANIFEST.thresholds[2].fmr);
  const strict = await facelite.identify(plain(10), gallery, { fpir: 3 * smallest });
  assert.deepEqual([strict.threshold.fmr, strict.subject], [smallest, "Ada"]);
});
