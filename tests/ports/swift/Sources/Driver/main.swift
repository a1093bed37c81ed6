// driver conform ASSETS VECTORS OUT               answers.json, answers.bin
// driver check ASSETS                             a line of JSON: the artefact of files that are as their manifest says
// driver look ASSETS RULE HEIGHTxWIDTH:FILE...    a line of JSON for each frame of raw RGB
// driver ask ASSETS GALLERY HEIGHTxWIDTH:FILE     a line of JSON for each question, which are lines of JSON of the standard input
// driver load ASSETS GALLERY...                  a line of JSON for each gallery: how many templates were read of it, or why not
// driver time ASSETS HEIGHTxWIDTH:FILE            a line of JSON: milliseconds of each part
// ASSETS may be "packed": the folder that the package was packed with
import Facelite
import Foundation
import LiteRtModels

let words = Array(CommandLine.arguments.dropFirst())
let folder = words.count > 1 && words[1] != "packed" ? URL(fileURLWithPath: words[1]) : PackedFiles.tflite
do {
    switch words.first {
    case "conform": try conform(folder, vectors: URL(fileURLWithPath: words[2]), out: URL(fileURLWithPath: words[3]))
    case "check": try check(folder)
    case "look": try look(folder, rule: words[2], frames: words[3...])
    case "ask": try ask(folder, gallery: words[2], frame: words[3])
    case "load": try load(folder, galleries: words[2...])
    case "time": try time(folder, frame: words[2])
    default: throw Unreadable(description: "\(words)")
    }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
