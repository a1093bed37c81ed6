/** Frames -> decisions. */
import { Decision } from "./outcome.js";
import type { Assets } from "./assets.js";
import type { Rule } from "./choice.js";
import type { Head } from "./distance.js";
import type { Doubt } from "./doubts.js";
import type { Frame } from "./frame.js";
import type { Gallery } from "./gallery.js";
import type { Look, Parts } from "./look.js";
import type { Models } from "./model.js";
export type Enrolment = {
    /**
     * one a frame
     */
    looks: Look[];
    /**
     * about frames, by their place; where there is one, nothing was added
     */
    doubts: Map<number, Doubt>;
    /**
     * templates; 0 where a look has an outcome, and where the subject has equal ones already
     */
    added: number;
};
/** @import { Assets } from "./assets.js" */
/** @import { Rule } from "./choice.js" */
/** @import { Head } from "./distance.js" */
/** @import { Doubt } from "./doubts.js" */
/** @import { Frame } from "./frame.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Look, Parts } from "./look.js" */
/** @import { Models } from "./model.js" */
/** @import { Plan } from "./thresholds.js" */
/**
 * @typedef {object} Enrolment
 * @property {Look[]} looks one a frame
 * @property {Map<number, Doubt>} doubts about frames, by their place; where there is one, nothing was added
 * @property {number} added templates; 0 where a look has an outcome, and where the subject has equal ones already
 */
/**
 * Verifies faces with one bundle, on a page or in a worker. Frames are looked at one after the other, in the order of the questions; a question that
 * is asked before the last one is answered waits. What is refused is a FaceliteError.
 */
export declare class Facelite {
    #private;
    manifest: import("./manifest.js").Manifest;
    /**
     * Read and check the assets, open both models, and run the self-test.
     *
     * @param {Assets} assets
     * @param {Models} models
     * @returns {Promise<Facelite>}
     * @throws {FaceliteError} where a file is missing or changed, the self-test fails, or the page is not secure
     */
    static open(assets: Assets, models: Models): Promise<Facelite>;
    /**
     * Use `open`, which tests itself.
     *
     * @param {Parts} parts
     * @param {Head | null} head
     */
    constructor(parts: Parts, head: Head | null);
    /** The sha256 of the embedder, to which thresholds and templates are bound. */
    get artefact(): string;
    /**
     * What a frame shows of the face that `rule` means.
     *
     * @param {Frame} frame
     * @param {Rule} [rule]
     * @returns {Promise<Look>}
     * @throws {FaceliteError} where the rule is none, and after `close`
     */
    look(frame: Frame, rule?: Rule): Promise<Look>;
    /**
     * Whether two pictures show one person.
     *
     * @param {Frame | Look} first
     * @param {Frame | Look} second
     * @param {object} [options]
     * @param {number | null} [options.fmr] a false match rate that was measured; null: the manifest's
     * @param {Rule} [options.rule]
     * @returns {Promise<Decision>}
     * @throws {FaceliteError} where the rate was not measured
     */
    verify(first: Frame | Look, second: Frame | Look, { fmr, rule }?: {
        fmr?: number | null;
        rule?: Rule;
    }): Promise<Decision>;
    /**
     * Whether a picture shows somebody who is enrolled.
     *
     * @param {Frame | Look} frame
     * @param {string} subject
     * @param {Gallery} gallery
     * @param {object} [options]
     * @param {number | null} [options.fmr] as for `verify`, for all of the subject's templates together
     * @param {Rule} [options.rule]
     * @returns {Promise<Decision>} its `subject` is null unless it was accepted
     * @throws {FaceliteError} where nobody of that name is enrolled, or no rate as small as that was measured
     */
    verifySubject(frame: Frame | Look, subject: string, gallery: Gallery, { fmr, rule }?: {
        fmr?: number | null;
        rule?: Rule;
    }): Promise<Decision>;
    /**
     * Who of a gallery a picture shows.
     *
     * @param {Frame | Look} frame
     * @param {Gallery} gallery of one subject or more
     * @param {object} [options]
     * @param {number} [options.fpir] how often a stranger may be taken for anybody, above 0 and below 1
     * @param {Rule} [options.rule]
     * @returns {Promise<Decision>} its `subject` is null unless it was accepted
     * @throws {FaceliteError} where nobody is enrolled, or no rate as small as the gallery needs was measured
     */
    identify(frame: Frame | Look, gallery: Gallery, { fpir, rule }?: {
        fpir?: number;
        rule?: Rule;
    }): Promise<Decision>;
    /**
     * Add one template a frame to a gallery, all or none: none where a frame is doubtful, being unlike the subject's other frames and templates, or
     * like somebody who is enrolled under another name.
     *
     * @param {string} subject
     * @param {readonly (Frame | Look)[]} frames one or more
     * @param {Gallery} gallery
     * @param {object} [options]
     * @param {Rule} [options.rule]
     * @param {boolean} [options.anyway] in spite of doubts: they are not asked for
     * @returns {Promise<Enrolment>}
     */
    enrol(subject: string, frames: readonly (Frame | Look)[], gallery: Gallery, { rule, anyway }?: {
        rule?: Rule;
        anyway?: boolean;
    }): Promise<Enrolment>;
    /** Free the models' memory when all questions asked before are answered. No frame is looked at afterwards. */
    close(): Promise<void>;
}
