"""devices/README.md is enough: a port that follows it alone meets every conformance vector, as facelite itself does; one with a fault does not."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
import unicodedata
import zipfile
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facelite.bundle import pack_bundle
from facelite.distance import SQUARED_L2, Siamese, pack_head, scaled
from facelite.errors import FaceliteError
from facelite.export.conformance import write_vectors
from facelite.export.conformance.decision import APART
from facelite.export.conformance.enrolment import QUESTIONS as ENROLMENTS
from facelite.export.conformance.gallery import QUESTIONS, gallery_cases
from facelite.face import Detection, Embedding, FaceCrop, Outcome, Threshold, fuse_groups
from facelite.gallery import Gallery, Keyring
from facelite.preprocess import TEMPLATE_112, Preprocessing, sample, similarity, template, to_input
from facelite.quality import Limits, judge_quality, measure_quality
from facelite.runtime.choice import choose
from facelite.runtime.detector import SIDE, Detector, anchors, decode
from facelite.runtime.look import Look
from facelite.runtime.verifier import Verifier

HERE = Path(__file__).parent
SPECIFICATION = (HERE.parent / "devices/README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def written(bundle, tmp_path_factory):
    """The folder of the vectors, and what was said of them."""
    folder = tmp_path_factory.mktemp("vectors")
    return folder, write_vectors(bundle, folder)


@pytest.fixture(scope="session")
def stages(written, port):
    return port.read_vectors(written[0])["stages"]


@pytest.fixture(scope="session")
def verifier(bundle):
    return Verifier(bundle)


@pytest.fixture(scope="session")
def device(port, bundle_file):
    """The port with the released bundle, self-tested."""
    return port.Port(bundle_file.read_bytes())


@pytest.fixture(scope="session")
def failures(port):
    """failures(cases, answer): the names of the cases in which ``answer`` of the input is not what is expected."""
    return lambda cases, answer: [case["name"] for case in cases if not port.meets(case, answer(case["input"]))]


# the vectors


NAMES = ("view", "decode", "faces", "detect", "upright", "choose", "matrix", "crop",
         "quality", "input", "embedding", "unit", "distance", "fuse", "threshold", "gallery", "enrolment", "decision", "verify")  # fmt: skip


def test_the_files_are_small_whole_and_say_what_is_in_them(written, bundle, stages):
    folder, said = written
    table = json.loads((folder / "vectors.json").read_text())
    assert said.bytes == sum(path.stat().st_size for path in folder.iterdir()) < 2e6
    assert (said.digest, table["bundle"]) == (bundle.digest, {"name": bundle.manifest.name, "digest": bundle.digest})
    assert said.cases == {name: len(cases) for name, cases in stages.items()}
    assert tuple(stages) == NAMES
    assert sorted(path.name for path in folder.iterdir()) == ["vectors.bin", "vectors.json"]
    for cases in stages.values():
        names = [case["name"] for case in cases]
        assert len(set(names)) == len(names) >= 2
    offsets = [int(place) for place in re.findall(r'"at": (\d+)', (folder / "vectors.json").read_text())]
    assert offsets and not any(offset % 8 for offset in offsets)


def test_the_same_bundle_gives_the_same_bytes(written, bundle, tmp_path):
    write_vectors(bundle, tmp_path)
    for name in ("vectors.json", "vectors.bin"):
        assert (tmp_path / name).read_bytes() == (written[0] / name).read_bytes()


def test_the_specification_names_each_field_of_each_stage(stages):
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| [\w, ]+ \|$", SPECIFICATION, re.MULTILINE)}
    assert tuple(name for name in rows if name in NAMES) == NAMES
    for name, cases in stages.items():
        given = rows[name][0].replace("as `decode`", rows["decode"][0])
        expected = rows[name][1]
        for case in cases:
            assert {field for field in case["input"] if f"`{field}`" not in given.replace("as in a manifest", "")} == set(), name
            assert {field for field in case["expected"] or () if f"`{field}`" not in expected} == set(), name


def test_the_cases_tell_every_outcome_apart(stages):
    outcomes = {case["expected"]["outcome"] for name in ("quality", "decision", "verify") for case in stages[name]} - {None}
    assert outcomes == {outcome.value for outcome in Outcome} - {"timed out"}  # which is of attempts, not of pictures
    assert [len(case["expected"]["scores"]) for case in stages["detect"]] == [1, 0, 2, 2, 1, 1, 1, 1, 3, 1, 1]
    for name in ("matrix", "unit", "threshold"):
        assert any(case["expected"] is None for case in stages[name])
    assert [case["name"] for case in stages["gallery"]] == [question.name for question in QUESTIONS]  # none is left out for its threshold
    assert [case["name"] for case in stages["gallery"] if case["expected"] is None] == [
        "somebody who is not enrolled",
        "an empty gallery",
        "nobody is enrolled",
        "a rate that nothing was measured at",
        "a rate between two that were measured",
        "a rate of nothing",
        "a rate of all",
        "templates of another embedder",
    ]
    assert [case["name"] for case in stages["enrolment"]] == [question.name for question in ENROLMENTS]
    assert [case["name"] for case in stages["enrolment"] if case["expected"] is None] == ["templates of another embedder"]


# the port


def test_the_port_imports_neither_facelite_nor_opencv():
    tree = ast.parse((HERE / "port.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - {"tflite_runtime.interpreter"} == {
        "__future__",
        "ai_edge_litert.interpreter",
        "base64",
        "contextlib",
        "cryptography.exceptions",
        "cryptography.hazmat.primitives.ciphers.aead",
        "hashlib",
        "hmac",
        "json",
        "math",
        "numpy",
        "pathlib",
        "sqlite3",
        "struct",
        "zlib",
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_port_meets_the_vectors(port, device, stages, failures, name):
    assert failures(stages[name], lambda given: port.answer(device, name, given)) == []


@pytest.mark.skipif(int(cv2.__version__.partition(".")[0]) < 5, reason="OpenCV 4 rounds places to 1/32 of a pixel")
@pytest.mark.parametrize("name", ["view", "crop"])
def test_a_plain_loop_samples_to_one_grey_level(port, stages, name):
    for case in stages[name]:
        got = port.answer(None, name, case["input"])["pixels"]
        difference = np.abs(got.astype(int) - case["expected"]["pixels"])
        assert difference.max() <= 1, case["name"]
        assert difference.mean() <= 0.13, case["name"]


def test_the_port_decides_about_photographs_as_facelite_does(device, verifier, astronaut, hopper):
    small, turned = hopper[::2, ::2], np.rot90(astronaut)
    for first, second in ((astronaut, astronaut[20:, 30:]), (astronaut, hopper), (turned, astronaut), (small, hopper), (hopper // 16, hopper)):
        decision = verifier.verify(first, second)
        outcome, distance = device.verify(first, second)
        assert outcome == decision.outcome.value
        assert distance == decision.distance or abs(distance - decision.distance) < 1.5 * APART  # one of them is turned: 0.107


def test_the_port_reads_a_gallery(port, device, verifier, astronaut, hopper, keyring, tmp_path):
    path = tmp_path / "people.db"
    with Gallery(path, space=verifier.manifest.space, create=True) as gallery:
        verifier.enrol("Eileen", [astronaut, astronaut[20:, 30:]], gallery)
        verifier.enrol("Grace", [hopper], gallery)
        rows = port.read_gallery(path, device.manifest, keyring)
        assert [(name, artefact) for name, _, artefact in rows] == [(one.subject, one.artefact) for one in gallery.templates]
        for picture in (astronaut[:, ::-1], hopper[::2, ::2]):
            decision = verifier.identify(picture, gallery)
            outcome, subject, distance = device.identify(picture, rows)
            assert (outcome, subject) == (decision.outcome.value, decision.subject)
            assert distance == pytest.approx(decision.distance, abs=APART)
        decision = verifier.verify_subject(hopper, "Eileen", gallery)
        outcome, _, distance = device.identify(hopper, rows, subject="Eileen")
        assert outcome == decision.outcome.value == "rejected"
        assert distance == pytest.approx(decision.distance, abs=APART)
    early = path.read_bytes()
    with Gallery(path) as gallery:
        gallery.remove("Grace")
    path.write_bytes(early)
    with pytest.raises(port.Refused, match="not the latest"):
        port.read_gallery(path, device.manifest, keyring)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM template WHERE id = 2")
    with pytest.raises(port.Refused, match="were removed"):
        port.read_gallery(path, device.manifest, keyring)
    with pytest.raises(port.Refused, match="another format or space"):
        port.read_gallery(path, device.manifest | {"space": "elsewhere"}, keyring)


def test_the_port_decides_by_a_head_where_the_bundle_does(port, bundle, astronaut, hopper):
    head = scaled(np.random.default_rng(0).random(bundle.manifest.embedding), form="chi-square")
    data = pack_bundle(replace(bundle.manifest, decide="siamese"), {**bundle.files, "head.json": pack_head(head)})
    device = port.Port(data)
    vectors = [device.look(picture)[1] for picture in (astronaut, hopper)]
    assert device.verify(astronaut, hopper)[1] == pytest.approx(float(head.pairs(*vectors)), abs=1e-5)


@pytest.mark.parametrize("form", ["absolute", "chi-square"])
def test_galleries_are_asked_by_a_head_where_the_bundle_decides_by_one(port, bundle, failures, form):
    head = scaled(np.random.default_rng(0).random(bundle.manifest.embedding), form=form)
    cases = gallery_cases(Verifier(replace(bundle, distance=head)))
    assert len(cases) >= len(QUESTIONS) - 2 and {case["input"]["head"]["form"] for case in cases} == {form}
    assert failures(cases, lambda given: port.answer(None, "gallery", given)) == []


@pytest.mark.parametrize("damage", [
    pytest.param(lambda data: data[:5000], id="truncated"),
    pytest.param(lambda data: data[:900_000] + bytes([data[900_000] ^ 1]) + data[900_001:], id="one bit"),
    pytest.param(lambda data: b"PK\5\6" + bytes(18), id="empty"),
])  # fmt: skip
def test_the_port_refuses_a_damaged_bundle(port, bundle_file, damage):
    with pytest.raises(port.Refused):
        port.Port(damage(bundle_file.read_bytes()))


@pytest.mark.parametrize("changes, why", [
    ({"format": [1, 9], "newer": True}, None),
    ({"format": [3, 0]}, "another format"),
    ({"format": [2, 0]}, "another format"),
    ({"decide": "siamese"}, "another format"),
    ({"decide": "siamese", "format": [2, 0]}, "no head"),
    ({"decide": "otherwise"}, "no manifest"),
    ({"fmr": 0.5}, "thresholds out of order"),
    ({"preprocessing": {"height": 112, "width": 96, "crop": 1}}, "unknown preprocessing"),
    ({"preprocessing": {"height": 112, "width": 96, "mean": 0, "std": 255}}, "the embedding"),
    ({"preprocessing": {"height": 112, "width": 96, "colours": "BGR"}}, "the embedding"),
    ({"preprocessing": {"height": 96, "width": 96}}, "the crop"),
    ({"files": {}}, "files missing or too many"),
])  # fmt: skip
def test_the_port_heeds_the_manifest(port, bundle_file, tmp_path, changes, why):
    """The bundle written anew with another manifest, by a ZIP library."""
    path = tmp_path / "changed.facelite"
    with zipfile.ZipFile(bundle_file) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, json.dumps(json.loads(content) | changes) if name == "manifest.json" else content)
    with pytest.raises(port.Refused, match=why) if why else nullcontext():
        port.Port(path.read_bytes())


# facelite itself


class Stub:
    """In the place of the detector's interpreter: keeps what it is given, gives ``outputs``."""

    def __init__(self, outputs):
        self.outputs = outputs

    def run(self, values):
        self.values = values
        return self.outputs


def own_view(verifier, frame, view, turns):
    detector = Detector(verifier.bundle.files["detector.tflite"])
    detector._interpreter = Stub([np.full((1, 896, 1), -80, np.float32), np.zeros((1, 896, 16), np.float32)])
    detector._look([frame], np.array(view, np.float32), 0.5, turns=turns)
    return {"pixels": (detector._interpreter.values[0] + 1) * 127.5}


def own_decode(verifier, logits, regressors, min_score):
    boxes, keypoints, scores = decode(regressors, logits, anchors(), min_score=min_score)
    return {"boxes": boxes, "keypoints": keypoints, "scores": scores}


def own_faces(verifier, logits, regressors, min_score, view, turns):
    detector = Detector(verifier.bundle.files["detector.tflite"])
    detector._interpreter = Stub([logits[None], regressors[None]])
    return table_of(detector._look([np.zeros((SIDE, SIDE, 3), np.uint8)], np.array(view, np.float32), min_score, turns=turns))


def table_of(faces):
    return {"boxes": [face.box for face in faces], "keypoints": [face.keypoints for face in faces], "scores": [face.score for face in faces]}


class Watched(Detector):
    def __init__(self, model):
        super().__init__(model)
        self.looks = []

    def _look(self, halves, view, min_score, *, turns=0):
        self.looks.append((view, turns))
        return super()._look(halves, view, min_score, turns=turns)


def own_detect(verifier, frame, **face):
    detector = Watched(verifier.bundle.files["detector.tflite"])
    found = [detector.upright(frame, Detection(*(values[0] for values in face.values())))] if face else detector.detect(frame)
    return {**table_of(found), "views": [view for view, _ in detector.looks], "turns": [turns for _, turns in detector.looks]}


def own_matrix(verifier, landmarks, height, width):
    points = template(height, width)
    matrix = similarity(np.array(landmarks, np.float32), points)
    return {"template": points, "matrix": matrix, "aligned": np.array(landmarks) @ matrix[:, :2].T + matrix[:, 2]}


def own_choose(verifier, boxes, rule, height, width):
    faces = [Detection(np.array(box), np.zeros((6, 2)), 1.0) for box in boxes]
    chosen = choose(faces, (height, width, 3), rule=rule)
    return {"face": None if chosen is None else faces.index(chosen)}


def own_quality(verifier, width, height, box, landmarks, length, limits, pixels):
    face = Detection(np.array(box), np.array([*landmarks, (0, 0), (0, 0)]), 1.0)
    quality = measure_quality(face, FaceCrop(pixels, template(*pixels.shape[:2])), (width, height))
    poor = judge_quality(quality, Limits(**limits)) or judge_quality(quality.embedded(np.array([length])), Limits(**limits))
    return {"outcome": poor and poor[0].value}


def own_distance(verifier, head, a, b):
    decides = Siamese(np.array(head["weights"], np.float32), head["form"]) if head else SQUARED_L2
    table = decides.table(np.float32([a]), np.float32([b]))
    assert np.clip(table, 0, 4)[0, 0] == pytest.approx(float(decides.pairs(np.float32(a), np.float32(b))), abs=1e-5)
    return {"distance": float(decides.pairs(np.float32(a), np.float32(b)))}


def own_fuse(verifier, measured, templates):
    manifest = replace(verifier.manifest, template_thresholds={f"fused {one}": verifier.manifest.thresholds for one in measured})
    vectors, sizes = fuse_groups(np.float32(templates), max(manifest.fused))
    return {"vectors": vectors, "kinds": [manifest.kind(size) for size in sizes]}


def own_threshold(verifier, thresholds, template_thresholds, fmr, question, rate, templates, kinds):
    def measured(table):
        return tuple(Threshold(one["distance"], one["fmr"], one["fmr"], 0.1, 9, 9, 9) for one in table)

    others = {name: measured(table) for name, table in template_thresholds.items()}
    manifest = replace(verifier.manifest, thresholds=measured(thresholds), template_thresholds=others, fmr=fmr)
    asked = {
        "pictures": lambda: manifest.threshold(rate),
        "subject": lambda: manifest.threshold_for_subject(templates, rate, kinds=kinds),
        "gallery": lambda: manifest.threshold_for_gallery(templates, rate, kinds=kinds),
    }
    found = asked[question]()
    return {"fmr": found.fmr, "distance": found.distance}


def own_gallery(verifier, subjects, artefacts, vectors, vector, subject, rate, **deciding):
    """By a verifier that has seen the vector."""
    assert deciding["head"] is None
    asked = verifier_of(verifier, **deciding)
    probe = Look(embedding=Embedding(vector, asked.manifest.space))
    with gallery_of(asked, subjects, artefacts, vectors) as gallery:
        if subject is None:
            decision = asked.identify(probe, gallery, **({} if rate is None else {"fpir": rate}))
        else:
            decision = asked.verify_subject(probe, subject, gallery, fmr=rate)
    who = decision.subject if decision.outcome is Outcome.ACCEPTED else None
    return {"outcome": decision.outcome.value, "subject": who, "distance": decision.distance, "threshold": decision.threshold.distance}


def verifier_of(verifier, embedder, thresholds, template_thresholds, fmr, head):
    """Decides by these thresholds, and by a head where there is one."""
    assert embedder == verifier.bundle.artefact

    def measured(table):
        return tuple(Threshold(one["distance"], one["fmr"], one["fmr"], 0.1, 9, 9, 9) for one in table)

    others = {name: measured(table) for name, table in template_thresholds.items()}
    known = replace(verifier.manifest, thresholds=measured(thresholds), template_thresholds=others, fmr=fmr)
    distance = Siamese(np.array(head["weights"], np.float32), head["form"]) if head else SQUARED_L2
    return Verifier(replace(verifier.bundle, manifest=known, distance=distance))


@contextmanager
def gallery_of(verifier, subjects, artefacts, vectors):
    """On disk; the templates are added one by one."""
    space = verifier.manifest.space
    with TemporaryDirectory() as folder, Gallery(Path(folder) / "g", space=space, create=True, keyring=Keyring(folder)) as gallery:
        for name, artefact, one in zip(subjects, artefacts, vectors, strict=True):
            gallery.enrol(name, [Embedding(one, space)], artefact=artefact)
        assert len(gallery) == len(subjects)  # none was taken for one that is there
        yield gallery


def own_enrolment(verifier, subjects, artefacts, vectors, subject, embeddings, anyway, **deciding):
    asked = verifier_of(verifier, **deciding)
    looks = [Look(embedding=Embedding(one, asked.manifest.space)) for one in embeddings]
    with gallery_of(asked, subjects, artefacts, vectors) as gallery:
        enrolment = asked.enrol(subject, looks, gallery, anyway=anyway)
        assert len(gallery) == len(subjects) + enrolment.added
    doubts = [enrolment.doubts[place] for place in sorted(enrolment.doubts)]
    return {
        "places": sorted(enrolment.doubts),
        "kinds": [doubt.kind for doubt in doubts],
        "others": [doubt.other for doubt in doubts],
        "distances": [doubt.distance for doubt in doubts],
        "limits": [doubt.limit for doubt in doubts],
        "added": enrolment.added,
    }


class Told(Verifier):
    """A verifier that is told what its looks gave, and their distance."""

    def __init__(self, bundle, first, second, distance, threshold):
        embedding = Embedding(np.ones(1), "any")
        self.looks = [Look(outcome=Outcome(word)) if word else Look(embedding=embedding) for word in (first, second)]
        self.bundle = replace(bundle, distance=SimpleNamespace(pairs=lambda a, b: distance))
        self.manifest = replace(bundle.manifest, thresholds=(Threshold(threshold, 0.01, 0.01, 0, 9, 9, 9),), fmr=0.01)

    def look(self, picture, *, rule="only"):
        return self.looks.pop(0)


def own_decision(verifier, **given):
    return {"outcome": Told(verifier.bundle, **given).verify("", "").outcome.value}


def own_verify(verifier, first, second, rule):
    decision = verifier.verify(first, second, rule=rule)
    return {"outcome": decision.outcome.value, "distance": decision.distance}


OWN = {
    "view": own_view,
    "decode": own_decode,
    "faces": own_faces,
    "detect": own_detect,
    "upright": own_detect,
    "choose": own_choose,
    "matrix": own_matrix,
    "crop": lambda _, frame, matrix, height, width: {"pixels": sample(frame, np.array(matrix), height, width)},
    "quality": own_quality,
    "input": lambda _, pixels, **how: {"tensor": to_input(pixels, Preprocessing(*pixels.shape[:2], **how))},
    "embedding": lambda verifier, pixels: {"vector": verifier.embedder.embed(FaceCrop(pixels, TEMPLATE_112)).vector},
    "unit": lambda _, values: {"vector": Embedding(np.array(values, np.float32), "any").vector},
    "distance": own_distance,
    "fuse": own_fuse,
    "threshold": own_threshold,
    "gallery": own_gallery,
    "enrolment": own_enrolment,
    "decision": own_decision,
    "verify": own_verify,
}


@pytest.mark.parametrize("name", NAMES)
def test_facelite_meets_the_vectors(verifier, stages, failures, name):
    def answer(given):
        try:
            return OWN[name](verifier, **given)
        except (ValueError, FaceliteError):
            return None

    assert failures(stages[name], answer) == []


# faults: each is caught by the cases of its own stage


def swapped(port, old):
    return lambda pixels, *rest, **named: old(pixels[..., ::-1], *rest, **named)


def nearest(port, old):
    return lambda image, u, v: port.pixel(image, np.floor(u + 0.5).astype(int), np.floor(v + 0.5).astype(int))


def the_best_of_each(port, old):
    """Anchors that overlap a better one are dropped, not averaged with it."""

    def decode(*given):
        boxes, keypoints, scores = old(*given)
        kept = []
        for i in np.argsort(-scores):
            if all(port.overlap(boxes[i], boxes[j]) <= 0.3 for j in kept):
                kept.append(i)
        return boxes[kept], keypoints[kept], scores[kept]

    return decode


def corners_of_boxes(port, old):
    return lambda boxes, rule, **shape: old([[*box[:2], 0, 0] for box in boxes] if rule == "centre" else boxes, rule, **shape)


def transposed(port, old):
    def similarity(landmarks, points):
        matrix = old(landmarks, points)
        return np.array([(matrix[0, 0], matrix[1, 0], matrix[0, 2]), (matrix[0, 1], matrix[1, 1], matrix[1, 2])])

    return similarity


def without_edge(port, old):
    """The pixels that are seen of a frame three pixels of the crop larger on every side."""

    def seen(matrix, shape, width, height):
        edge = 3 / np.hypot(matrix[0, 0], matrix[1, 0])
        moved = np.column_stack([matrix[:, :2], matrix[:, 2] - matrix[:, :2] @ (edge, edge)])
        return old(moved, shape, width + 2 * edge, height + 2 * edge)

    return seen


def never_refused(port, old):
    """The smallest rate that was measured where none is small enough."""

    def threshold(manifest, question, rate, templates, kinds):
        try:
            return old(manifest, question, rate, templates, kinds)
        except port.Refused:
            return min((manifest["template_thresholds"].get(one, manifest["thresholds"])[-1] for one in kinds), key=lambda one: one["distance"])

    return threshold


def all_by(embedder, rows):
    return [(*row[:2], embedder) for row in rows]


def normalised(given):
    manifest, own, rows, subject, rate = given
    return manifest, own, *spelled(rows, subject), rate


def spelled(rows, subject):
    same = partial(unicodedata.normalize, "NFC")
    return [(same(row[0]), *row[1:]) for row in rows], subject and same(subject)


def by_the_strictest(port, old):
    return lambda manifest, *rest: old(manifest | {"thresholds": manifest["thresholds"][-1:]}, *rest)


def as_one(port, old):
    """Somebody's templates as their mean."""

    def doubles(manifest, artefacts, head, gallery, *rest):
        people = {name: [row[1] for row in gallery if row[0] == name] for name in dict.fromkeys(row[0] for row in gallery)}
        return old(manifest, artefacts, head, [(name, *port.fuse([8], vectors)[0]) for name, vectors in people.items()], *rest)

    return doubles


def at_the_limit(port, old):
    """Somebody just at the limit is an outlier."""

    def outliers(manifest, *rest):
        lower = [one | {"distance": one["distance"] - 1e-9} for one in manifest["thresholds"]]
        return {place: (*doubt, round(limit, 6)) for place, (*doubt, limit) in old(manifest | {"thresholds": lower}, *rest).items()}

    return outliers


def beyond_the_nearest(port, old):
    """Somebody just at the limit is nobody."""

    def nearest(*given):
        name, measured = old(*given)
        return name, measured + 1e-9

    return nearest


def each_alone(port, old):
    return lambda *given: {place: doubt for place, one in enumerate(given[5]) for doubt in old(*given[:5], [one]).values()}


def with_itself(port, old):
    return lambda *given: old(*given[:3], [*given[3], *((given[4], one) for one in given[5])], *given[4:])


def makers_of_others(port, old):
    def doubles(manifest, artefacts, head, gallery, subject, pictures):
        return old(manifest, {row[2] for row in gallery if row[0] != subject}, head, gallery, subject, pictures)

    return doubles


def unmeasured(limit_of):
    """Another limit where no rate is small enough."""

    def make(port, old):
        def limit(manifest, templates, artefacts):
            try:
                return port.threshold(manifest, "gallery", port.FPIR, templates, artefacts)["distance"]
            except port.Refused:
                return limit_of([one["distance"] for table in (manifest["thresholds"], *manifest["template_thresholds"].values()) for one in table])

        return limit

    return make


SAMPLING = (
    ("half a pixel on", "interpolate", lambda port, old: lambda image, u, v: old(image, u + 0.5, v + 0.5)),
    ("the nearest pixel", "interpolate", nearest),
    ("every second pixel", "halve", lambda port, old: lambda image: image[: len(image) // 2 * 2 : 2, : image.shape[1] // 2 * 2 : 2]),
    ("the border repeated", "pixel", lambda port, old: lambda image, i, j: old(image, i.clip(0, image.shape[1] - 1), j.clip(0, len(image) - 1))),
    ("BGR", "sample", swapped),
)

GOOD_BOX = (10, 20, 80, 40)

FAULTS = (
    *(("view", *fault) for fault in SAMPLING),
    ("view", "corners for centres", "see", lambda port, old: lambda frame, view, turns: old(frame, (view[0] + 0.5, view[1] + 0.5, view[2]), turns)),
    ("view", "turned to the right", "see", lambda port, old: lambda frame, view, turns: old(frame, view, -turns % 4)),
    ("decode", "anchors by columns", "anchors", lambda port, old: lambda: old()[:, ::-1]),
    ("decode", "the small grid first", "anchors", lambda port, old: lambda: np.roll(old(), 384, axis=0)),
    ("decode", "corners of cells", "anchors", lambda port, old: lambda: old() - 1 / 32),
    ("decode", "pixels", "decode", lambda port, old: lambda **given: [128 * one for one in old(**given)]),
    ("decode", "raw logits", "decode", lambda port, old: lambda logits, **given: (*old(logits, **given)[:2], logits[:, 0])),
    ("decode", "beyond 1/2", "decode", lambda port, old: lambda logits, regressors, min_score: old(logits, regressors, min_score + 1e-6)),
    ("decode", "no size", "decode", lambda port, old: lambda logits, regressors, min_score: old(logits, np.abs(regressors) + 1e-9, min_score)),
    ("faces", "the best anchor", "decode", the_best_of_each),
    ("faces", "corners for centres", "faces_of", lambda port, old: lambda view, **given: old(view=(view[0] + 0.5, view[1] + 0.5, view[2]), **given)),
    ("faces", "turned on", "turn_back", lambda port, old: lambda boxes, keypoints, turns: old(boxes, keypoints, -turns % 4)),
    ("faces", "every anchor", "overlap", lambda port, old: lambda a, b: 0.0),
    ("detect", "no second look", "Detector.look_again", lambda port, old: lambda self, frame, face, side, number: face),
    ("detect", "the first find", "Detector.look_again", lambda port, old: lambda self, *given: old(self, *given) and given[1]),
    ("detect", "no tiles", "passes", lambda port, old: lambda *shape: list(old(*shape))[:2]),
    ("detect", "no border", "passes", lambda port, old: lambda *shape: [views for i, views in enumerate(old(*shape)) if i != 1]),
    ("detect", "the first pass with a face", "passes", lambda port, old: lambda *shape: list(old(*shape))[:1]),
    ("detect", "every tile's face", "suppress", lambda port, old: list),
    ("detect", "0 to 1", "detector_input", lambda port, old: lambda pixels: (pixels / np.float32(255))[None]),
    ("detect", "BGR", "detector_input", swapped),
    ("upright", "never", "Detector.upright", lambda port, old: lambda self, frame, face: face),
    ("upright", "turned to the right", "see", lambda port, old: lambda frame, view, turns: old(frame, view, -turns % 4)),
    ("upright", "without a lead", "Detector.upright", lambda port, old: lambda self, frame, face: old(self, frame, (*face[:2], face[2] - 0.2))),
    ("choose", "corners of boxes", "choose", corners_of_boxes),
    ("choose", "the first of several", "choose", lambda port, old: lambda *given, **named: old(*given, **named) or 0),
    ("choose", "the widest", "choose", lambda port, old: lambda boxes, **named: old([[*box[:3], 0] for box in boxes], **named)),
    ("matrix", "another template", "TEMPLATE", lambda port, old: old + np.array([0, 1])),
    ("matrix", "lips for mouth", "TEMPLATE", lambda port, old: np.vstack([old[:3], (41.5493, 92.3655)])),
    ("matrix", "stretched", "template", lambda port, old: lambda height, width: port.TEMPLATE * (width / 112, height / 112)),
    ("matrix", "cut at the left", "template", lambda port, old: lambda height, width: port.TEMPLATE * (height / 112)),
    ("matrix", "corners for centres", "template", lambda port, old: lambda height, width: old(height, width) + 0.5 - height / 224),
    ("matrix", "turned the other way", "similarity", transposed),
    *(("crop", *fault) for fault in SAMPLING),
    ("quality", "BGR", "luma", swapped),
    ("quality", "mean of the colours", "luma", lambda port, old: lambda pixels: pixels.mean(-1)),
    ("quality", "small is the last", "quality", lambda port, old: lambda box, **given: old(box=GOOD_BOX, **given) or old(box=box, **given)),
    ("quality", "at the limit", "quality", lambda port, old: lambda box, **given: old(box=[one - 1e-6 for one in box], **given)),
    ("quality", "corners for centres", "quality", lambda port, old: lambda box, **given: old(box=[box[0] + 0.5, *box[1:]], **given)),
    ("quality", "no turn", "quality", lambda port, old: lambda landmarks, **given: old(landmarks=0.6 * port.TEMPLATE + [60, 15], **given)),
    ("quality", "black is seen", "seen_pixels", lambda port, old: lambda matrix, shape, *given: np.ones(shape, bool)),
    ("quality", "black as a neighbour", "seen_pixels", without_edge),
    ("quality", "black at the right", "seen_pixels", lambda port, old: lambda matrix, shape, width, height: old(matrix, shape, 999, height)),
    ("quality", "black at the bottom", "seen_pixels", lambda port, old: lambda matrix, shape, width, height: old(matrix, shape, width, 999)),
    ("quality", "turned the other way", "seen_pixels", lambda port, old: lambda matrix, *given: old(matrix * [(1, -1, 1), (-1, 1, 1)], *given)),
    ("quality", "no length", "quality", lambda port, old: lambda length, **given: old(length=9.0, **given)),
    ("quality", "own limits", "quality", lambda port, old: lambda limits, **given: old(limits=port.LIMITS | {"clarity": 6.5}, **given)),
    ("input", "always RGB", "network_input", lambda port, old: lambda pixels, mean, std, colours: old(pixels, mean, std, "RGB")),
    ("input", "always BGR", "network_input", lambda port, old: lambda pixels, mean, std, colours: old(pixels, mean, std, "BGR")),
    ("input", "0 to 1 before", "network_input", lambda port, old: lambda pixels, *rest, **named: old(pixels / 255, *rest, **named)),
    ("input", "colours first", "network_input", lambda port, old: lambda *given, **named: old(*given, **named).transpose(0, 3, 1, 2)),
    ("embedding", "BGR", "network_input", swapped),
    ("embedding", "0 to 1 before", "network_input", lambda port, old: lambda pixels, *rest: old(pixels / 255, *rest)),
    ("embedding", "0 to 1", "network_input", lambda port, old: lambda pixels, *rest: old(pixels, 0, 255, "RGB")),
    ("embedding", "always the same", "network_input", lambda port, old: lambda pixels, *rest: old(pixels * 0 + 90, *rest)),
    ("embedding", "columns for rows", "network_input", lambda port, old: lambda pixels, *rest: old(pixels[::-1], *rest)),
    ("embedding", "any length", "unit", lambda port, old: np.asarray),
    ("unit", "any length", "unit", lambda port, old: np.asarray),
    ("unit", "L1", "unit", lambda port, old: lambda values: np.asarray(values) / max(np.abs(values).sum(), 1e-9)),
    ("distance", "Euclidean", "distance", lambda port, old: lambda head, a, b: old(head, a, b) if head else old(head, a, b) ** 0.5),
    ("distance", "1 - cosine", "distance", lambda port, old: lambda head, a, b: old(head, a, b) if head else old(head, a, b) / 2),
    ("distance", "the other form", "distance", lambda port, old: lambda head, a, b: old(head and {**head, "form": "absolute"}, a, b)),
    ("distance", "no head", "distance", lambda port, old: lambda head, a, b: old(None, a, b)),
    ("distance", "squares in a head", "distance", lambda port, old: lambda head, a, b: old(head, *(np.square([a, b]) if head else (a, b)))),
    ("fuse", "any length", "unit", lambda port, old: np.asarray),
    ("fuse", "all in one group", "fuse", lambda port, old: lambda measured, templates: old([*measured, 9], templates)),
    ("fuse", "full groups first", "divmod", lambda port, old: lambda n, groups: (-(-n // groups), 0)),
    ("threshold", "whatever the number", "strictest", lambda port, old: lambda manifest, templates, *rest: old(manifest, 1, *rest)),
    ("threshold", "own thresholds for all", "strictest", lambda port, old: lambda *given: old(*given[:3], ())),
    ("threshold", "the next rate", "threshold", lambda port, old: lambda *given: old(*given[:2], {5e-3: 1e-3}.get(given[2], given[2]), *given[3:])),
    ("gallery", "each alone", "fuse", lambda port, old: lambda measured, templates: old([], templates)),
    ("gallery", "as many as one as there are", "threshold", never_refused),
    ("gallery", "any name", "plan", lambda port, old: lambda *given: old(*given[:3], None, given[4])),
    ("gallery", "one name in two spellings", "plan", lambda port, old: lambda *given: old(*normalised(given))),
    ("gallery", "any embedder's", "plan", lambda port, old: lambda manifest, own, rows, *rest: old(manifest, own, all_by(own, rows), *rest)),
    ("gallery", "own thresholds for all", "strictest", lambda port, old: lambda *given: old(*given[:3], ())),
    ("gallery", "whatever the number", "strictest", lambda port, old: lambda manifest, templates, *rest: old(manifest, 1, *rest)),
    ("enrolment", "the strictest for an outlier", "outliers", by_the_strictest),
    ("enrolment", "no template of one's own", "outliers", lambda port, old: lambda *given: old(*given[:3], [], *given[4:])),
    ("enrolment", "each alone", "outliers", each_alone),
    ("enrolment", "compared with itself", "outliers", with_itself),
    ("enrolment", "an outlier at the limit", "outliers", at_the_limit),
    ("enrolment", "nobody at the limit", "nearest", beyond_the_nearest),
    ("enrolment", "own templates are others'", "doubles", lambda port, old: lambda *given: old(*given[:4], None, given[5])),
    ("enrolment", "others as one", "doubles", as_one),
    ("enrolment", "the outlier wins", "doubles", lambda port, old: lambda *given: {**old(*given), **port.outliers(*given)}),
    ("enrolment", "others' embedders alone", "doubles", makers_of_others),
    ("enrolment", "no head", "distance", lambda port, old: lambda head, a, b: old(None, a, b)),
    ("enrolment", "the loosest where nothing was measured", "limit_of_doubles", unmeasured(max)),
    ("enrolment", "the strictest of all kinds", "limit_of_doubles", unmeasured(min)),
    ("enrolment", "nobody where nothing was measured", "limit_of_doubles", unmeasured(lambda distances: -1)),
    ("enrolment", "whatever the number", "strictest", lambda port, old: lambda manifest, templates, *rest: old(manifest, 1, *rest)),
    ("enrolment", "own thresholds for all", "strictest", lambda port, old: lambda *given: old(*given[:3], ())),
    ("enrolment", "any embedder's", "makers_of", lambda port, old: lambda manifest, own, rows: {own}),
    ("enrolment", "one name in two spellings", "enrol", lambda port, old: lambda *given: old(*given[:3], *spelled(*given[3:5]), *given[5:])),
    ("enrolment", "never anyway", "enrol", lambda port, old: lambda *given: old(*given[:6])),
    ("enrolment", "in spite of doubts", "enrol", lambda port, old: lambda *given: (old(*given)[0], given[5])),
    ("decision", "below", "decide", lambda port, old: lambda first, second, measured, limit: old(first, second, measured, limit and limit - 1e-9)),
    ("decision", "the second counts", "decide", lambda port, old: lambda first, second, *rest: old(second, first, *rest)),
    ("decision", "poor is rejected", "decide", lambda port, old: lambda *given: "rejected" if any(given[:2]) else old(*given)),
    ("verify", "the rule passed over", "choose", lambda port, old: lambda boxes, *rest: 0),
    ("verify", "no quality", "quality", lambda port, old: lambda *given: None),
    ("verify", "Euclidean", "distance", lambda port, old: lambda head, a, b: old(head, a, b) ** 0.5),
    ("verify", "never upright", "Detector.upright", lambda port, old: lambda self, frame, face: face),
    ("verify", "BGR", "sample", swapped),
)  # fmt: skip
"""Stage, fault, what of the port is replaced, by what."""


@pytest.mark.parametrize("stage, name, make", [pytest.param(stage, name, make, id=f"{stage}: {fault}") for stage, fault, name, make in FAULTS])
def test_a_port_with_a_fault_fails_at_its_stage(port, device, stages, failures, monkeypatch, stage, name, make):
    *owner, name = name.split(".")
    owner = getattr(port, owner[0]) if owner else port
    monkeypatch.setattr(owner, name, make(port, getattr(owner, name, None)), raising=name != "divmod")
    assert failures(stages[stage], lambda given: port.answer(device, stage, given)) != []
