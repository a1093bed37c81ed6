// Two pictures -> one decision, on this page alone.

import { assetsAt, Facelite, Frame } from "../src/index.js";
import { loadModels } from "../src/litert.js";
import { takePicture } from "./camera.js";
import { Picture } from "./picture.js";
import { decide, oneIn, say, sentence, step } from "./words.js";

const NAMES = ["first", "second"];
const ASK = ["Give two pictures of a face.", "One more picture."];
const rate = document.getElementById("fmr");
const looks = [null, null];
const milliseconds = [0, 0];

const pictures = NAMES.map((id, i) => {
  const root = document.getElementById(id);
  root.querySelector(".camera").addEventListener("click", async () => {
    const bitmap = await takePicture();
    if (bitmap) look(i, bitmap).catch(broken);
  });
  return new Picture(root, (bitmap) => look(i, bitmap).catch(broken));
});
rate.addEventListener("change", () => answer().catch(broken));
const opened = open();
opened.catch(broken);

/** Load and test everything; a picture that is chosen meanwhile waits. */
async function open() {
  step("the runtime, about 10 MB at the first visit");
  const models = await loadModels("../node_modules/@litertjs/core/wasm/");
  const assets = assetsAt("../assets/");
  const facelite = await Facelite.open(
    { read: (name) => (step(name), assets.read(name)) },
    { open: (name, bytes) => (step("the self-test"), models.open(name, bytes)) },
  );
  const { thresholds, fmr } = facelite.manifest;
  rate.replaceChildren(
    ...thresholds.map((one) => new Option(oneIn(one.fmr), one.fmr, one.fmr === fmr, one.fmr === fmr)),
  );
  rate.parentElement.hidden = false;
  say("ready", ASK[0]);
  return facelite;
}

/** Show and look at a picture; null: a file that is none, which takes the place of the picture before. */
async function look(i, bitmap) {
  looks[i] = null;
  pictures[i].show(bitmap);
  if (!bitmap) return answer();
  const frame = Frame.ofImage(bitmap);
  const facelite = await opened;
  say("looking");
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); // so that the page says so before it is busy
  const began = performance.now();
  const found = await facelite.look(frame);
  if (!pictures[i].shows(bitmap)) return; // another one was chosen meanwhile
  milliseconds[i] = performance.now() - began;
  looks[i] = found;
  pictures[i].tell(found);
  await answer();
}

async function answer() {
  const poor = looks.findIndex((one) => one?.outcome);
  const facelite = await opened;
  if (looks.every(Boolean)) {
    decide(await facelite.verify(...looks, { fmr: Number(rate.value) }), milliseconds);
  } else if (poor >= 0) {
    decide({ ...looks[poor], detail: `${NAMES[poor]} picture: ${looks[poor].detail}`, distance: null }, milliseconds);
  } else {
    say("ready", ASK[Number(looks.some(Boolean))]);
  }
}

function broken(error) {
  console.error(error);
  say("broken", sentence(error.message));
}
