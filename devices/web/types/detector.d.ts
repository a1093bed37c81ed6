/** All faces of a frame, small ones by tiles (sections 5 and 6). */
import { Face } from "./face.js";
import { Frame } from "./frame.js";
import type { View } from "./blazeface.js";
import type { Model } from "./model.js";
/** Finds faces. One question at a time: its buffers are used again by the next. */
export declare class Detector {
    #private;
    model: Model;
    /**
     * @param {Model} model of `detector.tflite`
     * @throws {FaceliteError} where it has another input
     */
    constructor(model: Model);
    /**
     * The faces of a frame, by falling score.
     *
     * @param {Frame} frame
     * @returns {Promise<Face[]>}
     */
    detect(frame: Frame): Promise<Face[]>;
    /**
     * The face with the keypoints of the quarter turn that shows it best: the model puts upright ones on a face that lies on its side.
     *
     * @param {Frame} frame
     * @param {Face} face
     * @returns {Promise<Face>}
     */
    upright(frame: Frame, face: Face): Promise<Face>;
    /**
     * The faces in a view of the frame that is turned so often to the left, in pixels of the frame.
     *
     * @param {Frame} frame
     * @param {View} view
     * @param {number} minScore
     * @param {number} turns
     * @returns {Promise<Face[]>}
     */
    look(frame: Frame, view: View, minScore: number, turns: number): Promise<Face[]>;
    /**
     * What the model sees, 128 x 128 pixels, until the next look.
     *
     * @param {Frame} frame
     * @param {View} view
     * @param {number} turns
     * @returns {Frame}
     */
    see(frame: Frame, { x, y, side }: View, turns: number): Frame;
}
