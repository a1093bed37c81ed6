// All modules of a packed folder, as one object: modulesOf(address) with the address of its `src/`.

const NAMES = [
  "alignment",
  "assets",
  "blazeface",
  "choice",
  "detector",
  "distance",
  "doubts",
  "embedder",
  "errors",
  "face",
  "facelite",
  "frame",
  "gallery",
  "input",
  "manifest",
  "outcome",
  "place",
  "quality",
  "sampling",
  "template",
  "thresholds",
];

export async function modulesOf(source) {
  return Object.assign({}, ...(await Promise.all(NAMES.map((name) => import(new URL(`${name}.js`, source))))));
}
