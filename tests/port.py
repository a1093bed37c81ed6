"""A whole port in plain NumPy and LiteRT: what devices/README.md says, section by section, and nothing else. It imports nothing of facelite."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import sqlite3
import struct
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter


class Refused(Exception):
    """No decision."""


def refuse(unless, why):
    if not unless:
        raise Refused(why)


# 2, 3: the bundle


def open_bundle(data):
    """(manifest, files) of a bundle's bytes."""
    refuse(len(data) <= 256 * 2**20, "too large")
    files = unzip(data)
    try:
        manifest = json.loads(files.pop("manifest.json"))
        decide = manifest.setdefault("decide", "squared-l2")
        refuse(manifest["format"][0] == {"squared-l2": 1, "siamese": 2}[decide], "another format")
        listed, size = manifest["files"], manifest["preprocessing"]
        manifest.setdefault("template_thresholds", {})
        for name, default in (("mean", 127.5), ("std", 128.0), ("colours", "RGB")):
            size.setdefault(name, default)
        refuse(set(size) == {"height", "width", "mean", "std", "colours"} and size["colours"] in ("RGB", "BGR"), "unknown preprocessing")
        refuse(min(size["height"], size["width"]) >= 32 and size["std"] > 0, "impossible preprocessing")
        for table in (manifest["thresholds"], *manifest["template_thresholds"].values()):
            check_thresholds(table, manifest["fmr"])
        refuse(isinstance(manifest["space"], str) and isinstance(manifest["embedding"], int), "no space or no size")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"no manifest: {error}") from None
    refuse(set(listed) == set(files) >= {"embedder.tflite", "detector.tflite", "golden.json"}, "files missing or too many")
    for name, content in files.items():
        refuse(hashlib.sha256(content).hexdigest() == listed[name], f"{name} is damaged")
    return manifest, files


def unzip(data):
    files, at = {}, 0
    while data[at : at + 4] == b"PK\3\4":
        refuse(len(data) >= at + 30, "truncated")
        (method,) = struct.unpack_from("<H", data, at + 8)
        checksum, _, size, length = struct.unpack_from("<IIIH", data, at + 14)
        start = at + 30 + length
        name, content = data[at + 30 : start].decode(), data[start : start + size]
        refuse(method == 0 and len(content) == size and zlib.crc32(content) == checksum and name not in files, "damaged")
        files[name], at = content, start + size
    return files


def check_thresholds(table, default):
    rates = [one["fmr"] for one in table]
    refuse(rates == sorted(set(rates), reverse=True) and default in rates, "thresholds out of order")
    keys = {"distance", "fmr", "fmr_upper", "fnmr", "genuine_pairs", "impostor_pairs", "people_pairs"}
    refuse(all(set(one) == keys and -0.001 <= one["distance"] <= 4 and 0 < one["fmr"] < 1 for one in table), "impossible threshold")


# 4: sampling


def sample(image, matrix, height, width):
    (a, b, c), (d, e, f) = np.asarray(matrix, np.float64).tolist()
    scale = max(math.sqrt(abs(a * e - b * d)), 0.001)
    while scale < 0.5 and min(image.shape[:2]) >= 2:
        image = halve(image)
        c, f = c + 0.5 * a + 0.5 * b, f + 0.5 * d + 0.5 * e
        a, b, d, e, scale = 2 * a, 2 * b, 2 * d, 2 * e, 2 * scale
    y, x = np.mgrid[:height, :width]
    determinant = a * e - b * d
    inverse = 1 / determinant if determinant else 0.0
    u = (e * (x - c) - b * (y - f)) * inverse
    v = (-d * (x - c) + a * (y - f)) * inverse
    return np.floor(interpolate(image, u, v) + 0.5).astype(np.uint8)


def halve(image):
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    p = image[: 2 * rows, : 2 * columns].astype(np.int32)
    return ((p[::2, ::2] + p[::2, 1::2] + p[1::2, ::2] + p[1::2, 1::2] + 2) >> 2).astype(np.uint8)


def interpolate(image, u, v):
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    s, t = (u - i)[..., None], (v - j)[..., None]
    return (
        (1 - s) * (1 - t) * pixel(image, i, j)
        + s * (1 - t) * pixel(image, i + 1, j)
        + (1 - s) * t * pixel(image, i, j + 1)
        + s * t * pixel(image, i + 1, j + 1)
    )


def pixel(image, column, row):
    inside = (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
    return image[np.where(inside, row, 0), np.where(inside, column, 0)] * inside[..., None].astype(np.float64)


# 5: one look of the detector


class Model:
    """A TFLite file with one input."""

    def __init__(self, data):
        self.interpreter = Interpreter(model_content=data, num_threads=1)
        self.interpreter.allocate_tensors()
        (self.entry,) = self.interpreter.get_input_details()
        self.exits = sorted(self.interpreter.get_output_details(), key=lambda one: one["name"])
        refuse(all(one["dtype"] == np.float32 for one in (self.entry, *self.exits)), "not float32")

    def __call__(self, values):
        refuse(tuple(self.entry["shape"]) == values.shape, "another input")
        self.interpreter.set_tensor(self.entry["index"], values.astype(np.float32))
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(one["index"]) for one in self.exits]


def see(frame, view, turns):
    """What the model sees (128, 128, 3)."""
    x, y, side = view
    s = 128 / side
    pixels = sample(frame, [(s, 0, s * (0.5 - x) - 0.5), (0, s, s * (0.5 - y) - 0.5)], 128, 128)
    for _ in range(turns):
        pixels = pixels[:, ::-1].swapaxes(0, 1)
    return pixels


def anchors():
    centres = []
    for n, per_cell in ((16, 2), (8, 6)):
        for row in range(n):
            for column in range(n):
                centres += [((column + 0.5) / n, (row + 0.5) / n)] * per_cell
    return np.array(centres)


def decode(logits, regressors, min_score):
    """Boxes (n, 4), keypoints (n, 6, 2), scores (n,) in shares of the side."""
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -80, 80)))
    kept = (scores >= min_score) & (regressors[:, 2] > 0) & (regressors[:, 3] > 0)
    refuse(np.isfinite(regressors[kept]).all() and not np.isnan(logits).any(), "numbers that are none")
    centres, r = anchors()[kept], regressors[kept].astype(np.float64) / 128
    corners = centres + r[:, :2] - r[:, 2:4] / 2
    return np.hstack([corners, r[:, 2:4]]), centres[:, None] + r[:, 4:].reshape(-1, 6, 2), scores[kept]


def turn_back(boxes, keypoints, turns):
    centres, sizes = boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]
    for _ in range(turns):
        centres = np.stack([1 - centres[:, 1], centres[:, 0]], axis=-1)
        keypoints = np.stack([1 - keypoints[..., 1], keypoints[..., 0]], axis=-1)
        sizes = sizes[:, ::-1]
    return np.hstack([centres - sizes / 2, sizes]), keypoints


def overlap(one, other):
    shared = [max(0.0, min(one[i] + one[i + 2], other[i] + other[i + 2]) - max(one[i], other[i])) for i in (0, 1)]
    area = shared[0] * shared[1]
    return area / max(one[2] * one[3] + other[2] * other[3] - area, 1e-9)


def faces_of(logits, regressors, min_score, view, turns):
    """Faces (box, keypoints, score) in pixels of the frame."""
    boxes, keypoints, scores = decode(logits, regressors, min_score)
    boxes, keypoints = turn_back(boxes, keypoints, turns)
    (x, y, side), faces = view, []
    left = sorted(range(len(scores)), key=lambda i: -scores[i])
    while left:
        first = left[0]
        group = [i for i in left if i == first or overlap(boxes[first], boxes[i]) > 0.3]
        left = [i for i in left if i not in group]
        weights = scores[group] / scores[group].sum()
        box, points = np.tensordot(weights, boxes[group], 1), np.tensordot(weights, keypoints[group], 1)
        origin = np.array([x - 0.5, y - 0.5])
        faces.append((np.concatenate([box[:2] * side + origin, box[2:] * side]), points * side + origin, float(scores[first])))
    return faces


# 6: the faces of a frame


def size_of(face):
    return max(face[0][2], face[0][3])


def around(face):
    (x, y, width, height), size = face[0], size_of(face)
    return x + width / 2 + 0.5 - size, y + height / 2 + 0.5 - size, 2 * size


def passes(height, width):
    """(side, views) of each pass; the second one is the border."""
    longer, shorter = max(height, width), min(height, width)
    for side in (float(longer), 1.6 * longer):
        yield side, [((width - side) / 2, (height - side) / 2, side)]
    for share in (1.0, 0.5, 0.25):
        side = share * shorter
        if side >= 128 and not (share == 1.0 and longer < 1.2 * shorter):
            yield side, [(x, y, side) for y in places(height, side) for x in places(width, side)]


def places(extent, side):
    n = 1 + math.ceil((extent - side) / (side / 2))
    return [0.0] if n == 1 else [i * (extent - side) / (n - 1) for i in range(n)]


def suppress(faces):
    kept = []
    for face in sorted(faces, key=lambda face: -face[2]):
        if all(overlap(face[0], other[0]) <= 0.3 for other in kept):
            kept.append(face)
    return kept


class Detector:
    """``looks`` are the (view, turns) that were looked at."""

    def __init__(self, data):
        self.model, self.looks = Model(data), []

    def look(self, frame, view, min_score, turns):
        self.looks.append((view, turns))
        logits, regressors = self.model(detector_input(see(frame, view, turns)))
        return faces_of(logits[0], regressors[0], min_score, view, turns)

    def detect(self, frame):
        faces = []
        for number, (side, views) in enumerate(passes(*frame.shape[:2])):
            if number == 1 and faces:
                continue
            found = suppress([face for view in views for face in self.look(frame, view, 0.5, 0)])
            second = [self.look_again(frame, face, side, number) for face in found]
            faces = suppress(faces + [face for face in second if face])
            sizes, large = [size_of(face) for face in faces], max(frame.shape[:2]) >= 1.2 * min(frame.shape[:2])
            if faces and min(sizes) >= 0.12 * side and (number > 1 or not large or 0.5 * max(sizes) >= 0.12 * side):
                break
        return faces

    def look_again(self, frame, face, side, number):
        sure = number <= 1 and size_of(face) >= 0.35 * side and face[2] >= 0.65
        if sure and size_of(face) <= 0.65 * side:
            return face
        again = self.look(frame, around(face), 0.55 if number <= 1 else 0.7, 0)
        same = max(again, key=lambda one: overlap(one[0], face[0]), default=None)
        if same is None or overlap(same[0], face[0]) < 0.3:
            return face if sure else None
        return same[0], same[1], max(same[2], face[2])

    def upright(self, frame, face):
        if face[2] >= 0.85:
            return face
        found = [one for k in (1, 2, 3) for one in self.look(frame, around(face), face[2] + 0.05, k)]
        return max((one for one in found if overlap(one[0], face[0]) >= 0.3), key=lambda one: one[2], default=face)


def detector_input(pixels):
    return (pixels.astype(np.float32) / 127.5 - 1)[None]


# 7, 8, 9: the face that is meant, its crop, its quality


def choose(boxes, rule, height, width):
    """The index of the face, None for several."""
    if rule == "only":
        return 0 if len(boxes) == 1 else None
    if rule == "largest":
        return max(range(len(boxes)), key=lambda i: max(boxes[i][2:]))
    return min(
        range(len(boxes)), key=lambda i: math.hypot(boxes[i][0] + boxes[i][2] / 2 - (width - 1) / 2, boxes[i][1] + boxes[i][3] / 2 - (height - 1) / 2)
    )


TEMPLATE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (56.1396, 92.2848)])


def template(height, width):
    s = height / 112
    return s * TEMPLATE + [(width - 1) / 2 - 55.5 * s, (height - 1) / 2 - 55.5 * s]


def similarity(landmarks, points):
    p, q = np.asarray(landmarks, np.float64), points
    (px, py), (qx, qy) = p.mean(0), q.mean(0)
    p, q = p - (px, py), q - (qx, qy)
    n = (p**2).sum()
    refuse(n >= 1e-9, "one point")
    a = (p * q).sum() / n
    b = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / n
    return np.array([(a, -b, qx - a * px + b * py), (b, a, qy - b * px - a * py)])


def luma(pixels):
    r, g, b = (pixels[..., i].astype(np.int64) for i in range(3))
    return (9798 * r + 19235 * g + 3735 * b + 16384) >> 15


def seen_pixels(matrix, shape, width, height):
    """Which pixels of the crop lie three of them or more inside the frame."""
    (a, b, c), (d, e, f) = matrix
    y, x = np.indices(shape)
    u, v = (e * (x - c) - b * (y - f)) / (a * e - b * d), (-d * (x - c) + a * (y - f)) / (a * e - b * d)
    edge = 3 / math.sqrt(a * e - b * d)
    return (edge <= u) & (u <= width - 1 - edge) & (edge <= v) & (v <= height - 1 - edge)


def quality(width, height, box, landmarks, length, limits, pixels):
    """None for a face that is good enough; ``length`` is that of the embedder's output."""
    if max(box[2], box[3]) < limits["size"]:
        return "too small"
    seen = [max(0, min(at + side, end - 0.5) - max(at, -0.5)) for at, side, end in ((box[0], box[2], width), (box[1], box[3], height))]
    if seen[0] * seen[1] < limits["inside"] * box[2] * box[3]:
        return "cut off"
    grey, points = luma(pixels), template(*pixels.shape[:2])
    matrix = similarity(landmarks, points)
    counted = seen_pixels(matrix, grey.shape, width, height)
    light = grey[counted].mean() if counted.any() else 0
    if not limits["dark"] <= light <= limits["bright"]:
        return "too dark" if light < limits["dark"] else "too bright"
    framed = np.pad(grey, 1, mode="reflect")
    laplacian = framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:] - 4 * grey
    if (laplacian[counted].std() if counted.any() else 0) < limits["sharpness"]:
        return "blurred"
    apart = np.asarray(landmarks) @ matrix[:, :2].T + matrix[:, 2] - points
    if math.sqrt((apart**2).sum() / 4) > limits["turn"] * pixels.shape[0]:
        return "turned away"
    return "unclear" if length < limits["clarity"] else None


LIMITS = {"size": 24.0, "inside": 0.75, "dark": 20.0, "bright": 200.0, "sharpness": 3.0, "turn": 0.068, "clarity": 0.0}


# 10, 11, 12: embedding and distance


def network_input(pixels, mean, std, colours):
    ordered = pixels if colours == "RGB" else pixels[..., ::-1]
    return ((ordered.astype(np.float32) - np.float32(mean)) / np.float32(std))[None]


def unit(values):
    length = float(np.linalg.norm(np.asarray(values, np.float64)))
    refuse(math.isfinite(length) and length >= 1e-6, "no direction")
    return (np.asarray(values) / length).astype(np.float32)


def check_head(head, size):
    weights = np.asarray(head["weights"], np.float64)
    refuse(head["form"] in ("absolute", "chi-square") and weights.shape == (size,), "another head")
    refuse(weights.max() > 0 and np.linalg.norm(weights) <= 2 * (1 + 1e-6), "impossible head")


def distance(head, a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if head is None:
        return float(((a - b) ** 2).sum())
    f = np.abs(a - b) if head["form"] == "absolute" else (a - b) ** 2 / (np.abs(a) + np.abs(b) + 1e-6)
    return max(0.0, float(f @ np.asarray(head["weights"])))


# 13, 14: threshold and decision


def fuse(measured, templates):
    """What probes are compared with of one subject, and the kind of each."""
    most = max([1, *measured])
    groups = math.ceil(len(templates) / most)
    least, larger = divmod(len(templates), groups)
    vectors, kinds, at = [], [], 0
    for i in range(groups):
        size = least + (i < larger)
        vectors.append(unit(np.mean(templates[at : at + size], axis=0)))
        kinds.append(f"fused {min(one for one in measured if one >= size)}" if size > 1 else "")
        at += size
    return vectors, kinds


def threshold(manifest, question="pictures", rate=None, templates=1, kinds=()):
    """The threshold, a table as in the manifest."""
    if question == "gallery":
        return strictest(manifest, max(templates, 1), 0.01 if rate is None else rate, kinds)
    wanted = manifest["fmr"] if rate is None else rate
    same = [one for one in manifest["thresholds"] if abs(one["fmr"] - wanted) <= 1e-9 + 1e-6 * wanted]
    refuse(same, "a rate that was not measured")
    return same[0] if question == "pictures" else strictest(manifest, templates, same[0]["fmr"], kinds)


def strictest(manifest, templates, rate, kinds):
    refuse(0 < rate < 1, "no rate")
    wanted = 1 - (1 - rate) ** (1 / templates)
    tables = [manifest["template_thresholds"].get(one, manifest["thresholds"]) for one in kinds] or [manifest["thresholds"]]
    fitting = [next((one for one in table if one["fmr"] <= wanted * (1 + 1e-6)), None) for table in tables]
    refuse(all(fitting), "no FMR as small was measured")
    return min(fitting, key=lambda one: one["distance"])


def plan(manifest, artefact, gallery, subject, rate):
    """What a probe is compared with, (subject, vector) each, and the distance up to which that is accepted."""
    rows = [row for row in gallery if subject in (None, row[0])]
    refuse(rows, "nobody of that name")
    artefacts = makers_of(manifest, artefact, gallery)
    measured = [number for number in (2, 3, 5, 8) if f"fused {number}" in manifest["template_thresholds"]]
    question = "gallery" if subject is None else "subject"
    while measured and artefacts == {artefact}:
        parts = [(name, fuse(measured, [row[1] for row in rows if row[0] == name])) for name in dict.fromkeys(row[0] for row in rows)]
        compared = [(name, vector) for name, (vectors, _) in parts for vector in vectors]
        try:
            return compared, threshold(manifest, question, rate, len(compared), {kind for _, (_, kinds) in parts for kind in kinds})["distance"]
        except Refused:
            measured = measured[:-1]  # smaller groups, which may have been measured at smaller rates
    return [row[:2] for row in rows], threshold(manifest, question, rate, len(rows), artefacts)["distance"]


def makers_of(manifest, artefact, gallery):
    """The embedders that made the templates, all of them with thresholds."""
    artefacts = {row[2] for row in gallery}
    refuse(artefacts <= {artefact, *(kind for kind in manifest["template_thresholds"] if len(kind) == 64)}, "templates of another embedder")
    return artefacts


def nearest(head, vector, compared):
    """(subject, distance) of the first of the nearest."""
    distances = [distance(head, vector, other) for _, other in compared]
    best = min(range(len(compared)), key=distances.__getitem__)
    return compared[best][0], distances[best]


FPIR = 0.01  # at which a newcomer may be taken for somebody else


def outliers(manifest, artefacts, head, gallery, subject, pictures):
    """Of each picture of ``subject`` that is in no right group, by its place: kind, nobody, distance, limit."""
    limit, own = max(one["distance"] for one in manifest["thresholds"]), [*pictures, *(row[1] for row in gallery if row[0] == subject)]
    group = list(range(len(own)))
    for i, one in enumerate(own):
        for j in range(i):
            if distance(head, one, own[j]) <= limit:
                group = [group[i] if number == group[j] else number for number in group]
    sizes = {number: group.count(number) for number in group}
    most = [number for number, size in sizes.items() if size == max(sizes.values())]
    right = set(group[len(pictures) :]) or set(most if len(most) == 1 else ())
    return {
        place: ("outlier", None, min(distance(head, vector, other) for i, other in enumerate(own) if group[i] != group[place]), limit)
        for place, vector in enumerate(pictures)
        if group[place] not in right
    }


def doubles(manifest, artefacts, head, gallery, subject, pictures):
    """Of each picture that is like somebody else's template, by its place: kind, whose, distance, limit."""
    others = [row[:2] for row in gallery if row[0] != subject]
    if not others:
        return {}
    limit = limit_of_doubles(manifest, len(others), artefacts)
    found = {place: nearest(head, vector, others) for place, vector in enumerate(pictures)}
    return {place: ("double", name, measured, limit) for place, (name, measured) in found.items() if measured <= limit}


def limit_of_doubles(manifest, templates, artefacts):
    try:
        return threshold(manifest, "gallery", FPIR, templates, artefacts)["distance"]
    except Refused:
        return min(one["distance"] for one in manifest["thresholds"])


def enrol(manifest, artefact, head, gallery, subject, pictures, anyway=False):
    """The doubts by place, and the vectors that become templates: none where there are doubts."""
    given = manifest, makers_of(manifest, artefact, gallery), head, gallery, subject, pictures
    doubts = {} if anyway else {**outliers(*given), **doubles(*given)}
    known, new = [row[1] for row in gallery if row[0] == subject], []
    for vector in () if doubts else pictures:
        if all(((vector - other) ** 2).sum() >= 1e-4 for other in [*known, *new]):
            new.append(vector)
    return doubts, new


def decide(first, second, measured, limit):
    """The outcome of two looks, each None where it gave an embedding."""
    return first or second or ("accepted" if measured <= limit else "rejected")


class Port:
    """A bundle that decides."""

    def __init__(self, data):
        self.manifest, files = open_bundle(data)
        self.size = self.manifest["preprocessing"]
        self.limits = LIMITS | self.manifest.get("limits", {})
        self.artefact = self.manifest["files"]["embedder.tflite"]
        self.detector, self.embedder = Detector(files["detector.tflite"]), Model(files["embedder.tflite"])
        self.head = None
        if self.manifest["decide"] == "siamese":
            self.head = json.loads(files.get("head.json", b"null"))
            refuse(self.head, "no head")
            check_head(self.head, self.manifest["embedding"])
        self.self_test(json.loads(files["golden.json"]))

    def crop(self, frame, landmarks):
        height, width = self.size["height"], self.size["width"]
        return sample(frame, similarity(landmarks, template(height, width)), height, width)

    def embed(self, pixels):
        return unit(self.output(pixels))

    def output(self, pixels):
        values = self.embedder(network_input(pixels, self.size["mean"], self.size["std"], self.size["colours"]))[0].ravel()
        refuse(len(values) == self.manifest["embedding"], "another output")
        return values

    def look(self, frame, rule="only"):
        """(outcome or None, embedding or None)"""
        faces = self.detector.detect(frame)
        if not faces:
            return "no face", None
        index = choose([face[0] for face in faces], rule, *frame.shape[:2])
        if index is None:
            return "several faces", None
        face = self.detector.upright(frame, faces[index])
        pixels = self.crop(frame, face[1][:4])
        values = self.output(pixels)
        outcome = quality(*frame.shape[1::-1], face[0], face[1][:4], np.linalg.norm(values), self.limits, pixels)
        return outcome, None if outcome else unit(values)

    def verify(self, first, second, rule="only", rate=None):
        """(outcome, distance or None) of two frames."""
        limit = threshold(self.manifest, rate=rate)["distance"]
        (one, a), (other, b) = self.look(first, rule), self.look(second, rule)
        measured = None if one or other else distance(self.head, a, b)
        return decide(one, other, measured, limit), measured

    def identify(self, frame, gallery, rule="only", rate=None, subject=None):
        """(outcome, subject or None, distance or None) of a frame against the templates of ``subject``, of everybody where that is None."""
        compared, limit = plan(self.manifest, self.artefact, gallery, subject, rate)
        outcome, vector = self.look(frame, rule)
        if outcome:
            return outcome, None, None
        name, measured = nearest(self.head, vector, compared)
        return decide(None, None, measured, limit), name, measured

    def self_test(self, goldens):
        """15"""
        refuse(len(goldens) >= 2, "too few golden vectors")
        for golden in goldens:
            frame, crop = read_png(base64.b64decode(golden["frame"])), read_png(base64.b64decode(golden["crop"]))
            landmarks = np.array(golden["landmarks"])
            side = np.linalg.norm(landmarks[3] - landmarks[:2].mean(0))
            errors = [np.abs(face[1][:4] - landmarks).max() / side for face in self.detector.detect(frame)]
            refuse(min(errors, default=1) <= 0.02, "the detector")
            ours = self.crop(frame, landmarks).astype(float)
            refuse(ours.shape == crop.shape and np.abs(ours - crop).mean() <= 2.0, "the crop")
            refuse(((self.embed(crop) - np.array(golden["embedding"])) ** 2).sum() <= 0.02, "the embedding")


def read_png(data):
    """8-bit RGB, not interlaced: what a device's own decoder does."""
    at, packed = 8, b""
    while at < len(data):
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, *form = struct.unpack(">IIBBBBB", content)
            refuse(form == [8, 2, 0, 0, 0], "another PNG")
        packed += content if kind == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 3 * width)
    out = np.zeros((height + 1, 3 * width + 3), np.int64)  # a black row above, a black pixel at the left
    for y, line in enumerate(lines.astype(np.int64), start=1):
        for x, value in enumerate(line[1:], start=3):
            left, above, corner = out[y, x - 3], out[y - 1, x], out[y - 1, x - 3]
            nearest = min((left, above, corner), key=lambda one: abs(left + above - corner - one))
            out[y, x] = (value + (0, left, above, (left + above) // 2, nearest)[line[0]]) % 256
    return out[1:, 3:].reshape(height, width, 3).astype(np.uint8)


# 18: the gallery


def read_gallery(path, manifest, keyring):
    """(subject, vector, artefact) of each template."""
    refuse(Path(path).exists(), "no gallery")
    key, (known, gallery, sealed) = bytes.fromhex((Path(keyring) / "key").read_text()), gallery_rows(path, keyring)
    form, space, identity, proof, generation, following, templates, mac = gallery
    refuse(form == 2 and space == manifest["space"], "another format or space")
    secret, keys, block = hmac.digest(identity, key, "sha256"), b"", b""
    for i in (1, 2, 3):
        block = hmac.digest(secret, block + b"facelite gallery" + bytes([i]), "sha256")
        keys += block
    refuse(keys[64:80] == proof, "another key")
    about = b"facelite gallery 2\0" + space.encode() + b"\0"
    listed, rows = about + struct.pack("<3Q", generation, following, len(sealed)), []
    for number, data in sealed:
        try:
            plain = AESGCM(keys[:32]).decrypt(data[:12], data[12:], about + struct.pack("<Q", number))
        except InvalidTag:
            raise Refused(f"template {number} was edited") from None
        listed += struct.pack("<Q", number) + data[:12] + data[-16:]
        end = 4 + struct.unpack("<I", plain[:4])[0]
        subject, artefact, _ = json.loads(plain[4:end])
        rows.append((subject, np.frombuffer(plain[end:], "<f4"), artefact))
    refuse(templates == len(sealed) and hmac.digest(keys[32:64], listed, "sha256") == mac, "templates were removed, put back or exchanged")
    last, noted = {one: rest for one, *rest in known}.get(identity, (0, b""))
    refuse((generation, mac) == (last, noted) or generation == last + 1, "not the latest gallery")
    refuse(all(len(vector) == manifest["embedding"] for _, vector, _ in rows), "vectors of another length")
    return [(subject, unit(vector), artefact) for subject, vector, artefact in rows]


def gallery_rows(path, keyring):
    """The keyring's generations, the gallery's row, and its sealed templates."""
    with closing(sqlite3.connect(Path(keyring) / "generations.db")) as notes, closing(sqlite3.connect(path)) as db:
        known = notes.execute("SELECT gallery, number, mac FROM generation").fetchall()
        refuse(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'gallery'").fetchone(), "no gallery")
        (row,) = db.execute("SELECT format, space, identity, proof, generation, next, templates, mac FROM gallery").fetchall()
        return known, row, db.execute("SELECT id, sealed FROM template ORDER BY id").fetchall()


# 17: a case of each stage


def read_vectors(folder):
    """The table of vectors.json with arrays and frames in their places."""
    table, binary = json.loads((Path(folder) / "vectors.json").read_text()), (Path(folder) / "vectors.bin").read_bytes()
    refuse(table["format"] == 1 and hashlib.sha256(binary).hexdigest() == table["binary"]["sha256"], "other vectors")
    return filled(table, binary)


def filled(value, binary):
    """``value`` with the arrays of ``binary`` and frames in their places."""
    if isinstance(value, list):
        return [filled(one, binary) for one in value]
    if not isinstance(value, dict):
        return value
    value = {name: filled(one, binary) for name, one in value.items()}
    if set(value) == {"dtype", "shape", "at"}:
        kind = {"uint8": "u1", "float32": "<f4"}[value["dtype"]]
        return np.frombuffer(binary, kind, math.prod(value["shape"]), value["at"]).reshape(value["shape"])
    if set(value) == {"height", "width", "colour", "pictures"}:
        frame = np.empty((value["height"], value["width"], 3), np.uint8)
        frame[:] = value["colour"]
        for one in value["pictures"]:
            x, y, pixels = one["x"], one["y"], one["pixels"]
            frame[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
        return frame
    return value


MEASURES = {
    "largest": lambda difference: np.abs(difference).max(initial=0),
    "mean": lambda difference: np.abs(difference).mean() if difference.size else 0,
    "squared_l2": lambda difference: (difference**2).sum(),
}


def meets(case, got):
    """Whether ``got`` is what the case expects."""
    expected = case["expected"]
    if got is None or expected is None:
        return got is None and expected is None
    return set(got) == set(expected) and all(near(got[name], expected[name], case["tolerance"].get(name)) for name in expected)


def near(got, expected, tolerance):
    if got is None or expected is None or tolerance is None:
        return got is expected or (got is not None and expected is not None and np.array_equal(got, expected))
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if got.size == expected.size == 0:
        return True
    return got.shape == expected.shape and all(MEASURES[name](got - expected) <= limit for name, limit in tolerance.items())


def answer(port, stage, given):
    """What ``port`` makes of a case's input: the fields of its ``expected``, None where it refuses."""
    try:
        return STAGES[stage](port, **given)
    except Refused:
        return None


def table_of(faces, looks=None):
    found = dict(zip(("boxes", "keypoints", "scores"), ([face[i] for face in faces] for i in range(3)), strict=True))
    return found if looks is None else {**found, "views": [view for view, _ in looks], "turns": [turns for _, turns in looks]}


def detect_stage(port, frame):
    port.detector.looks.clear()
    return table_of(port.detector.detect(frame), port.detector.looks)


def upright_stage(port, frame, boxes, keypoints, scores):
    port.detector.looks.clear()
    face = np.array(boxes[0]), np.array(keypoints[0]), scores[0]
    return table_of([port.detector.upright(frame, face)], port.detector.looks)


def matrix_stage(port, landmarks, height, width):
    points = template(height, width)
    matrix = similarity(landmarks, points)
    return {"template": points, "matrix": matrix, "aligned": np.array(landmarks) @ matrix[:, :2].T + matrix[:, 2]}


def fuse_stage(port, measured, templates):
    vectors, kinds = fuse(measured, templates)
    return {"vectors": np.array(vectors), "kinds": kinds}


def threshold_stage(port, question, rate, templates, kinds, **manifest):
    found = threshold(manifest, question, rate, templates, kinds)
    return {"fmr": found["fmr"], "distance": found["distance"]}


def gallery_stage(port, embedder, subjects, artefacts, vectors, head, vector, subject, rate, **manifest):
    rows = list(zip(subjects, vectors, artefacts, strict=True))
    compared, limit = plan(manifest, embedder, rows, subject, rate)
    name, measured = nearest(head, vector, compared)
    outcome = decide(None, None, measured, limit)
    return {"outcome": outcome, "subject": name if outcome == "accepted" else None, "distance": measured, "threshold": limit}


def enrolment_stage(port, embedder, subjects, artefacts, vectors, head, subject, embeddings, anyway, **manifest):
    rows = list(zip(subjects, vectors, artefacts, strict=True))
    doubts, new = enrol(manifest, embedder, head, rows, subject, list(embeddings), anyway)
    places = sorted(doubts)
    kinds, others, distances, limits = ([doubts[place][i] for place in places] for i in range(4))
    return {"places": places, "kinds": kinds, "others": others, "distances": distances, "limits": limits, "added": len(new)}


STAGES = {
    "view": lambda port, frame, view, turns: {"pixels": see(frame, view, turns)},
    "decode": lambda port, **given: dict(zip(("boxes", "keypoints", "scores"), decode(**given), strict=True)),
    "faces": lambda port, **given: table_of(faces_of(**given)),
    "detect": detect_stage,
    "upright": upright_stage,
    "choose": lambda port, **given: {"face": choose(**given)},
    "matrix": matrix_stage,
    "crop": lambda port, frame, matrix, height, width: {"pixels": sample(frame, matrix, height, width)},
    "quality": lambda port, **given: {"outcome": quality(**given)},
    "input": lambda port, **given: {"tensor": network_input(**given)},
    "embedding": lambda port, pixels: {"vector": port.embed(pixels)},
    "unit": lambda port, values: {"vector": unit(values)},
    "distance": lambda port, **given: {"distance": distance(**given)},
    "fuse": fuse_stage,
    "threshold": threshold_stage,
    "gallery": gallery_stage,
    "enrolment": enrolment_stage,
    "decision": lambda port, first, second, distance, threshold: {"outcome": decide(first, second, distance, threshold)},
    "verify": lambda port, **given: dict(zip(("outcome", "distance"), port.verify(**given), strict=True)),
}
