"""What every port is given, and who judges its answers: tests/port.py's rules, by the vectors of a released bundle."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from facelite.bundle import open_bundle
from facelite.export.assemble import export_bundle
from facelite.export.conformance import write_vectors
from facelite.export.pack.assets import write_assets

HERE = Path(__file__).parent
RELEASES = HERE.parent.parent / "export"


@pytest.fixture(scope="session", params=["nns2-int8", "nns1-int8"])
def released(request, tmp_path_factory, detector_file):
    """A released bundle: every test that asks for it, or for its vectors or assets, runs for each."""
    out, (network, precision) = tmp_path_factory.mktemp("released"), request.param.split("-")
    export_bundle(RELEASES / network / f"{precision}.toml", out)
    return open_bundle(out / f"{request.param}.facelite")


@pytest.fixture(scope="session")
def vectors(released, tmp_path_factory):
    """The folder of its conformance vectors."""
    folder = tmp_path_factory.mktemp("vectors")
    write_vectors(released, folder)
    return folder


@pytest.fixture(scope="session")
def assets(released, tmp_path_factory):
    """The folder of its files as an app carries them."""
    folder = tmp_path_factory.mktemp("assets")
    write_assets(released, folder)
    return folder


@pytest.fixture(scope="session")
def judge(vectors, port):
    """judge(OUT): the cases ("stage: name") that OUT/answers.json and OUT/answers.bin do not meet, or do not answer."""

    def failed(out, stages=None):
        asked = port.read_vectors(vectors)["stages"]
        binary = Path(out, "answers.bin")
        answers = port.filled(json.loads(Path(out, "answers.json").read_text()), binary.read_bytes() if binary.exists() else b"")
        missing = object()
        return [
            f"{stage}: {case['name']}"
            for stage in stages or asked
            for case in asked[stage]
            if (got := answers.get(stage, {}).get(case["name"], missing)) is missing or not port.meets(case, got)
        ]

    return failed


@pytest.fixture(scope="session")
def photographs():
    """The demo's photographs by person and number, "obama/1" and so on, as files. Skips where their packages cannot be had."""
    spec = importlib.util.spec_from_file_location("demo", HERE.parent.parent / "devices/demo.py")
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    try:
        folder = demo.fetch_photos(demo.BUILD / "photos")
    except SystemExit as error:
        pytest.skip(str(error))
    return {f"{person}/{name.partition('.')[0]}": folder / person / name for person, name, *_ in demo.PHOTOS}


@pytest.fixture(scope="session")
def galleries(released, tmp_path_factory):
    """A folder of galleries as section 19 has them, before they are sealed: good-*.json are read by every port, bad-*.json by none."""
    folder, manifest = tmp_path_factory.mktemp("galleries"), released.manifest
    vector = [0.0] * manifest.embedding
    vector[0] = 1.0

    def template(**changes):
        return {"subject": "Ada", "artefact": released.artefact, "enrolled_at": "2026-11-29T08:52:20Z", "vector": vector, **changes}

    def gallery(*templates, **changes):
        return json.dumps({"format": 1, "space": manifest.space, "templates": list(templates), **changes}, ensure_ascii=False)

    # Persian with a joiner of no width, Japanese with its wide space, both spellings of José, and an emoji of Unicode 14
    joined = ["\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u5c71\u7530\u3000\u592a\u90ce", "Jos\u00e9", "Jose\u0301", "\U0001fae8"]
    content = {
        "good-empty": gallery(),
        "good-names": gallery(*[template(subject=name) for name in joined]),
        "good-fractions": gallery(template(enrolled_at="2026-11-29T08:52:20.210Z"), template(enrolled_at="2026-11-29T08:52:20.5+00:00")),
        "good-twice": gallery(template(), template()),  # nothing is removed in reading
        "bad-zeros": gallery(template(vector=[0.0] * manifest.embedding)),
        "bad-length": gallery(template(vector=[0.35, *vector[1:]])),
        "bad-short": gallery(template(vector=vector[1:])),
        "bad-words": gallery(template(vector=[str(one) for one in vector])),
        "bad-blank": gallery(template(subject=" ")),
        "bad-control": gallery(template(subject="A\nda")),
        "bad-day": gallery(template(enrolled_at="2026-11-29")),
        "bad-zone": gallery(template(enrolled_at="2026-11-29T08:52:20+02:00")),
        "bad-tail": gallery(template(enrolled_at="2026-11-29T08:52:20Zxyz")),
        "bad-embedder": gallery(template(artefact="0" * 64)),
        "bad-kind": gallery(template(artefact="fused 2")),
        "bad-space": gallery(template(), space="another"),
        "bad-format": gallery(template(), format=2),
        "bad-rest": gallery(template()) + " {}",
    }
    for name, text in content.items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder
