// What the tests ask on page.html: each function gives what can be written as JSON.

import { loadModels } from "@facelite/web/litert";
import { BrowserVault } from "@facelite/web/vault";
import { answered } from "./conformance.js";
import { modulesOf } from "./modules.js";

const modules = await modulesOf(new URL("../web/src/", location.href));
const { Facelite, Frame, Gallery } = modules;
const assets = modules.assetsAt("../web/assets"); // as the next one: without the last "/"

export const models = (options) => loadModels("../web/node_modules/@litertjs/core/wasm", options);
const open = async (options) => Facelite.open(assets, await models(options));
const bytesAt = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const pictureOf = async (name) => new Blob([await bytesAt(`../people/${name}.png`)]);
const frameOf = async (name) => Frame.ofBlob(await pictureOf(name));
const said = (promise) =>
  promise.then(
    () => "nothing",
    ({ message }) => message,
  );

export async function conformance(options) {
  const facelite = await open(options);
  const again = await models();
  const [detector, embedder] = await Promise.all(
    ["detector.tflite", "embedder.tflite"].map(async (name) => again.open(name, await assets.read(name))),
  );
  const parts = { detector, embedder: new modules.Embedder(embedder, facelite.manifest), facelite };
  const table = await (await fetch("../vectors/vectors.json")).json();
  const { answers, binary, ms } = await answered(modules, table, await bytesAt("../vectors/vectors.bin"), parts);
  return { answers, binary: btoa(Array.from(binary, (byte) => String.fromCharCode(byte)).join("")), ms };
}

/** What `Facelite.open` says where the embedder's file, or what the embedder gives, is not what it was. */
export async function broken(change) {
  const real = await models();
  const read = async (name) => {
    const bytes = await assets.read(name);
    if (change === "file" && name === "embedder.tflite") bytes[bytes.length - 1] ^= 1;
    return bytes;
  };
  const changed = {
    constant: (output) => ({ output: output.fill(1) }),
    nothing: () => ({}),
    "not a number": (output) => ({ output: output.fill(NaN) }),
  }[change];
  const openChanged = async (name, bytes) => {
    const model = await real.open(name, bytes);
    return changed && name === "embedder.tflite"
      ? { ...model, run: async (input) => changed(Object.values(await model.run(input))[0]) }
      : model;
  };
  return said(Facelite.open({ read }, { open: openChanged }));
}

export async function refusals() {
  return {
    model: await said((await models()).open("embedder.tflite", new Uint8Array(100))),
    asset: await said(modules.assetsAt("../none/").read("facelite.json")),
    page: await said(modules.assetsAt("../tests/").read("page.html")),
    video: await said((async () => Frame.ofVideo(document.createElement("video")))()),
    file: await said(Frame.ofBlob(new Blob(["no picture"]))),
  };
}

export const noLiteRt = () => said(loadModels("../none/"));

/** What everything that needs a secure page says. */
export const insecure = () => Promise.all([Facelite.open(assets), models(), BrowserVault.open()].map(said));

/** The answers about each of `probes`, for each subject of `enrolled` (subject -> pictures) and for the whole gallery. */
export async function people(enrolled, probes) {
  const facelite = await open();
  const gallery = new Gallery(facelite.manifest.space);
  const found = {};
  for (const [subject, names] of Object.entries(enrolled))
    await facelite.enrol(subject, await Promise.all(names.map(frameOf)), gallery);
  for (const name of probes) {
    const look = await facelite.look(await frameOf(name));
    for (const subject in enrolled) found[`${name} ${subject}`] = await facelite.verifySubject(look, subject, gallery);
    found[`${name} gallery`] = await facelite.identify(look, gallery);
  }
  return found;
}

/** Seals a gallery of one template and keeps it where the page's data are kept; gives the template's numbers, and whether its name can be read. */
export async function sealed() {
  const { manifest } = await open();
  const gallery = new Gallery(manifest.space);
  const vault = await BrowserVault.open("people");
  const vector = modules.unit(Array.from({ length: manifest.embedding }, (_, i) => Math.sin(i + 1)));
  gallery.add({
    subject: "Ada",
    artefact: manifest.files["embedder.tflite"],
    enrolled_at: new Date().toISOString(),
    vector,
  });
  const bytes = await gallery.save(vault);
  localStorage.gallery = JSON.stringify([...bytes]);
  return { vector: [...vector], readable: new TextDecoder().decode(bytes).includes("Ada") };
}

/** On another page of the same origin. */
export async function unsealed() {
  const { manifest } = await open();
  const vault = await BrowserVault.open("people");
  const bytes = Uint8Array.from(JSON.parse(localStorage.gallery));
  const [first, , third] = await Promise.all([1, 2, 3].map(() => BrowserVault.open("new"))); // at once, where there is no key yet
  const {
    templates: [{ vector }],
  } = await Gallery.load(bytes, vault, manifest);
  const refused = [
    await said(vault.open(bytes.with(20, bytes[20] ^ 1))),
    await said(vault.open(bytes.slice(0, 5))),
    await said(first.open(bytes)),
  ];
  await BrowserVault.remove("people");
  return {
    vector: [...vector],
    refused: [...refused, await said((await BrowserVault.open("people")).open(bytes))],
    shared: await said(third.open(await first.seal(bytes))),
    extractable: (await keys()).map((key) => key.extractable),
  };
}

function keys() {
  return new Promise((resolve) => {
    indexedDB.open("facelite").onsuccess = ({ target: { result } }) => {
      result.transaction("keys").objectStore("keys").getAll().onsuccess = ({ target }) => resolve(target.result);
    };
  });
}

const pixelsOf = (frame) =>
  Array.from({ length: frame.height }, (_, y) =>
    Array.from({ length: frame.width }, (_, x) =>
      [0, 1, 2].map((k) => frame.data[frame.origin + y * frame.down + x * frame.right + k]),
    ),
  );

/** A picture's pixels as a file, as an image element, and mirrored. */
export async function upright(path) {
  const image = new Image();
  image.src = path;
  await image.decode();
  const frames = [
    await Frame.ofBlob(await (await fetch(path)).blob()),
    Frame.ofImage(image),
    Frame.ofImage(await createImageBitmap(image)).mirrored(),
  ];
  return frames.map(pixelsOf);
}

/** The pixels of a camera's frame of luma and colours, and those of the frame turned. */
export function camera(format, base64, codedWidth, codedHeight, layout) {
  const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const colorSpace = { matrix: "smpte170m", primaries: "bt709", transfer: "iec61966-2-1", fullRange: false };
  const video = new VideoFrame(data, { format, codedWidth, codedHeight, timestamp: 0, layout, colorSpace });
  try {
    return [pixelsOf(Frame.ofVideo(video)), pixelsOf(Frame.ofVideo(video).turned())];
  } finally {
    video.close();
  }
}

/** What README.md's worker answers its page about two pictures, and what this page does. */
export async function worker(path, names) {
  const { verify } = await import(path);
  const answer = await verify(...(await Promise.all(names.map(pictureOf))));
  return [answer, await (await open()).verify(...(await Promise.all(names.map(frameOf))))];
}
