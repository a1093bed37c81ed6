// A worker as README.md has it: asked with two pictures, it answers with a decision.

import { assetsAt, Facelite, Frame } from "@facelite/web";
import { loadModels } from "@facelite/web/litert";

const opened = loadModels("wasm/", { threads: self.name === "threads" }).then((models) =>
  Facelite.open(assetsAt("assets/"), models),
);

onmessage = async ({ data: [first, second] }) => {
  try {
    const facelite = await opened;
    const { outcome, distance } = await facelite.verify(Frame.ofImage(first), Frame.ofImage(second));
    postMessage({ outcome, distance });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
