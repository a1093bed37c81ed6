/** Face verification on the device: see README.md. */
export { assetsAt } from "./assets.js";
export { FaceliteError } from "./errors.js";
export { Face } from "./face.js";
export { Facelite } from "./facelite.js";
export { Frame } from "./frame.js";
export { Gallery } from "./gallery.js";
export { Decision } from "./outcome.js";
export type Assets = import("./assets.js").Assets;
export type Rule = import("./choice.js").Rule;
export type Box = import("./face.js").Box;
export type Doubt = import("./doubts.js").Doubt;
export type Enrolment = import("./facelite.js").Enrolment;
export type Template = import("./template.js").Template;
export type Vault = import("./gallery.js").Vault;
export type Embedding = import("./look.js").Embedding;
export type Look = import("./look.js").Look;
export type Manifest = import("./manifest.js").Manifest;
export type Model = import("./model.js").Model;
export type Models = import("./model.js").Models;
export type Outcome = import("./outcome.js").Outcome;
export type Threshold = import("./outcome.js").Threshold;
/** @typedef {import("./assets.js").Assets} Assets */
/** @typedef {import("./choice.js").Rule} Rule */
/** @typedef {import("./face.js").Box} Box */
/** @typedef {import("./doubts.js").Doubt} Doubt */
/** @typedef {import("./facelite.js").Enrolment} Enrolment */
/** @typedef {import("./template.js").Template} Template */
/** @typedef {import("./gallery.js").Vault} Vault */
/** @typedef {import("./look.js").Embedding} Embedding */
/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("./manifest.js").Manifest} Manifest */
/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Models} Models */
/** @typedef {import("./outcome.js").Outcome} Outcome */
/** @typedef {import("./outcome.js").Threshold} Threshold */
