// A program in TypeScript, which is checked and not run.

import { assetsAt, type Decision, type Doubt, Facelite, FaceliteError, Frame, Gallery, type Look, type Outcome, type Vault } from "@facelite/web";
import { loadModels } from "@facelite/web/litert";
import { BrowserVault } from "@facelite/web/vault";

export async function enrolled(video: HTMLVideoElement): Promise<Uint8Array<ArrayBuffer>> {
  const facelite = await Facelite.open(assetsAt("assets/"), await loadModels("wasm/", { threads: crossOriginIsolated }));
  const look: Look = await facelite.look(Frame.ofVideo(video).mirrored());
  if (look.outcome === null) {
    const vector: Float32Array = look.embedding.vector;
    console.log(vector.length, look.face.box.x);
  } else {
    const nothing: null = look.embedding;
    const outcome: Outcome = look.outcome;
    console.log(nothing, outcome, look.detail);
  }
  const gallery = new Gallery(facelite.manifest.space), vault: Vault = await BrowserVault.open();
  const { added, doubts } = await facelite.enrol("Ada", [look], gallery, { rule: "only", anyway: false });
  const doubt: Doubt | undefined = doubts.get(0);
  const kind: "outlier" | "double" | undefined = doubt?.kind;
  console.log(added, kind, doubt?.other ?? doubt?.limit);
  // @ts-expect-error what may be chosen has names
  await facelite.enrol("Ada", [look], gallery, "only");
  const decision: Decision = await facelite.identify(Frame.ofVideo(video), gallery, { fpir: 0.01, rule: "centre" });
  const distance: number | null = decision.distance;
  console.log(distance, decision.threshold.fmr, decision.accepted);
  // @ts-expect-error a rule is one of three words
  await facelite.look(Frame.ofVideo(video), "nearest");
  // @ts-expect-error a distance may be missing
  console.log(decision.distance.toFixed(2));
  // @ts-expect-error a decision is not changed
  decision.accepted = true;
  try {
    return await (await Gallery.load(await gallery.save(vault), vault, facelite.manifest)).save(vault);
  } catch (error) {
    throw error instanceof FaceliteError ? new Error(error.message) : error;
  }
}
