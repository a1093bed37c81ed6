"""Commands of the device: what they answer, on which stream, with which exit status."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from facelite.bundle import save_bundle
from facelite.cli import device
from facelite.face import Embedding
from facelite.gallery import Gallery, Template
from facelite.image import read_image
from facelite.runtime.verifier import open_verifier

# verify


def test_one_person_is_accepted_and_another_rejected(facelite, photos):
    accepted = facelite("verify", photos / "astronaut.png", photos / "flipped.jpg")
    assert (accepted.status, accepted.err) == (0, "")
    assert accepted.out.startswith("accepted: distance 0.")
    assert "threshold" in accepted.out
    rejected = facelite("verify", photos / "astronaut.png", photos / "hopper.jpg")
    assert (rejected.status, rejected.err) == (1, "")
    assert rejected.out.startswith("rejected: distance ")


def test_the_answer_as_json_has_its_evidence(facelite, photos, bundle):
    answer = facelite("verify", photos / "astronaut.png", photos / "hopper.jpg", "--fmr", "0.01", "--json")
    assert answer.status == 1
    values = answer.json
    assert values["model"] == bundle.manifest.name
    assert values["verified"] is False
    assert values["outcome"] == "rejected"
    assert values["distance"] > values["threshold"]["distance"]
    assert values["threshold"]["fmr"] == 0.01
    assert values["threshold"]["distance"] == bundle.manifest.threshold(0.01).distance


@pytest.mark.parametrize(("name", "outcome"), [("none.png", "no face"), ("two.png", "several faces"), ("dark.png", "too dark")])
def test_what_cannot_be_decided_is_said_on_standard_error_with_3(facelite, photos, name, outcome):
    for pictures, which in (((name, "astronaut.png"), "first"), (("astronaut.png", name), "second")):
        words = ["verify", *(photos / picture for picture in pictures)]
        plain = facelite(*words)
        assert (plain.status, plain.out) == (3, "")
        assert plain.err.startswith(f"facelite: {outcome}: {which} picture: expected ")
        assert plain.err.count("\n") == 1
        values = facelite(*words, "--json").json
        assert (values["verified"], values["outcome"], values["distance"]) == (False, outcome, None)


@pytest.mark.parametrize("rule", ["centre", "largest"])
def test_a_rule_decides_between_two_faces(facelite, photos, rule):
    assert facelite("verify", photos / "two.png", photos / "astronaut.png", "--face", rule).status == 0


def test_an_enrolled_subject_is_verified(facelite, photos, gallery):
    words = ["verify", "--gallery", gallery, "--subject", "Eileen"]
    accepted = facelite(*words, photos / "flipped.jpg")
    assert accepted.status == 0
    assert accepted.out.startswith("accepted as Eileen: ")
    assert facelite(*words, photos / "hopper.jpg").status == 1
    assert facelite(*words, photos / "none.png").status == 3


def test_threads_do_not_change_the_answer(facelite, photos):
    distances = [facelite("verify", photos / "astronaut.png", photos / "hopper.jpg", "--threads", n, "--json").json["distance"] for n in (1, 2)]
    assert distances[0] == pytest.approx(distances[1], abs=1e-3)


# enrol, identify, gallery


def test_from_enrolment_to_removal(facelite, photos, tmp_path):
    gallery = tmp_path / "gallery.db"
    enrolled = facelite("enrol", "--gallery", gallery, "Eileen", photos / "astronaut.png", photos / "flipped.jpg")
    assert (enrolled.status, enrolled.out.split(";")[0]) == (0, "Eileen: enrolled from 2 picture(s), now 2 template(s)")
    assert facelite("enroll", "--gallery", gallery, "Grace", photos / "hopper.jpg").status == 0
    listed = facelite("gallery", "list", "--gallery", gallery)
    assert [line.split(", since 20")[0] for line in listed.out.splitlines()] == ["Eileen: 2 template(s)", "Grace: 1 template(s)"]
    assert facelite("gallery", "list", "--gallery", gallery, "--json").json["subjects"] == {"Eileen": 2, "Grace": 1}
    both = facelite("identify", "--gallery", gallery, photos / "astronaut.png", photos / "hopper.jpg")
    assert both.status == 0
    assert f"{photos / 'astronaut.png'}: accepted as Eileen: " in both.out
    assert f"{photos / 'hopper.jpg'}: accepted as Grace: " in both.out
    assert facelite("gallery", "remove", "--gallery", gallery, "Grace").out == "Grace: removed 1 template(s)\n"
    assert facelite("identify", "--gallery", gallery, photos / "hopper.jpg").status == 1
    assert facelite("gallery", "remove", "--gallery", gallery, "Eileen", "--json").json == {"subject": "Eileen", "removed": 2}
    assert facelite("gallery", "list", "--gallery", gallery).out == "nobody is enrolled\n"


@pytest.mark.parametrize(("names", "status"), [
    (["astronaut.png"], 0),
    (["astronaut.png", "hopper.jpg"], 1),
    (["none.png", "hopper.jpg", "astronaut.png"], 3),
    (["none.png", "text.jpg", "hopper.jpg", "astronaut.png"], 2),
    (["text.jpg", "missing.jpg"], 2),
])  # fmt: skip
def test_the_status_of_several_pictures_is_the_worst_and_one_that_is_unreadable_stops_no_other(facelite, photos, gallery, names, status):
    expected = {"astronaut.png": "accepted", "hopper.jpg": "rejected", "none.png": "no face", "text.jpg": "unreadable", "missing.jpg": "unreadable"}
    words = ["identify", "--gallery", gallery, *(photos / name for name in names)]
    result = facelite(*words, "--json")
    assert result.status == status
    assert {name: value["outcome"] for name, value in result.json["pictures"].items()} == {str(photos / name): expected[name] for name in names}
    answered = sum(expected[name] in ("accepted", "rejected") for name in names)
    plain = facelite(*words)
    assert plain.status == status
    assert plain.out.count("\n") == answered
    assert plain.err.count("\n") == len(names) - answered
    assert all(line.startswith(f"facelite: {photos}/") for line in plain.err.splitlines())


def test_enrolment_says_what_more_pictures_would_bring_by_the_bundles_own_rates(facelite, people, bundle, tmp_path):
    fnmrs = bundle.manifest.fnmrs()
    assert list(fnmrs) == [1, 2, 3, 5, 8] and list(fnmrs.values()) == sorted(fnmrs.values(), reverse=True)
    for number, picture in enumerate(sorted((people / "Eileen").iterdir()), 1):
        line = facelite("enrol", "--gallery", tmp_path / "gallery.db", "Eileen", picture).out
        more = f"; with 3, false rejections fall from {fnmrs[number]:.1%} to {fnmrs[3]:.1%}" if number < 3 else ""
        assert line == f"Eileen: enrolled from 1 picture(s), now {number} template(s){more}\n"


def test_a_folder_of_people_is_enrolled_each_whole_or_not_at_all(facelite, people, photos, tmp_path):
    folder = shutil.copytree(people, tmp_path / "people")
    shutil.copy(photos / "none.png", shutil.copytree(folder / "Grace", folder / "Poor") / "x.png")
    shutil.copy(photos / "text.jpg", shutil.copytree(folder / "Grace", folder / "Unreadable") / "x.jpg")
    (folder / "Empty").mkdir()
    result = facelite("enrol", "--gallery", tmp_path / "gallery.db", "--folder", folder)
    assert result.status == 2
    assert result.out == "".join(f"{name}: enrolled from 3 picture(s), now 3 template(s)\n" for name in ("Eileen", "Grace"))
    poor, unreadable = result.err.splitlines()
    assert poor.startswith(f"facelite: Poor: {folder}/Poor/x.png: no face: expected")
    assert unreadable.startswith(f"facelite: Unreadable: {folder}/Unreadable/x.jpg: expected a JPEG")
    assert facelite("gallery", "list", "--gallery", tmp_path / "gallery.db", "--json").json["subjects"] == {"Eileen": 3, "Grace": 3}


def test_the_answer_tightens_with_the_gallery(facelite, photos, gallery, bundle):
    with Gallery(gallery, space=bundle.manifest.space) as opened:
        strangers = [Embedding(vector, bundle.manifest.space) for vector in np.random.default_rng(0).normal(size=(200, 128))]
        for i, stranger in enumerate(strangers):
            opened.enrol(f"stranger {i}", [stranger], artefact=bundle.artefact)
    values = facelite("identify", "--gallery", gallery, photos / "flipped.jpg", "--json").json["pictures"][str(photos / "flipped.jpg")]
    assert 1 - (1 - values["threshold"]["fmr"]) ** 201 <= 0.01 * (1 + 1e-6)
    assert values["threshold"]["distance"] < bundle.manifest.threshold(0.001).distance


def test_a_picture_that_is_already_enrolled_is_said_and_not_added(facelite, people, photos, tmp_path):
    words = ["enrol", "--gallery", tmp_path / "gallery.db"]
    assert facelite(*words, "--folder", people).status == 0
    again = facelite(*words, "--folder", people)
    assert (again.status, again.err) == (0, "")
    assert again.out == "".join(f"{name}: 3 picture(s) already enrolled, now 3 template(s)\n" for name in ("Eileen", "Grace"))
    one_new = [*words, "Eileen", people / "Eileen/Eileen_0001.jpg", photos / "astronaut.png"]
    assert facelite(*one_new).out == "Eileen: enrolled from 1 picture(s), 1 picture(s) already enrolled, now 4 template(s)\n"
    values = facelite(*one_new, "--json").json["people"]["Eileen"]
    assert (values["enrolled"], values["already_enrolled"], values["templates"]) == (0, 2, 4)


@pytest.fixture
def modest(bundle, tmp_path, monkeypatch):
    """From now on the bundle is one whose default rate, 0.01, is the smallest that was measured."""
    largest = bundle.manifest.threshold(0.01)
    thresholds = tuple(replace(largest, fmr=fmr, distance=largest.distance + fmr) for fmr in (0.1, 0.03, 0.01))
    save_bundle(tmp_path / "modest.facelite", replace(bundle.manifest, thresholds=thresholds, template_thresholds={}, fmr=0.01), bundle.files)
    monkeypatch.setenv("FACELITE_BUNDLE", str(tmp_path / "modest.facelite"))


def test_enrolment_warns_at_once_of_templates_that_the_rates_do_not_bear(facelite, modest, photos, people, tmp_path):
    words = ["enrol", "--gallery", tmp_path / "gallery.db", "Eileen"]
    assert facelite(*words, photos / "astronaut.png").err == ""
    second = facelite(*words, photos / "flipped.jpg")
    assert (second.status, second.out) == (0, "Eileen: enrolled from 1 picture(s), now 2 template(s)\n")
    assert second.err == (
        "facelite: Eileen: expected at most 1 template(s) of a subject for an FMR of 0.01 where 0.1, 0.03, 0.01 were measured, got 2; "
        "ask for --fmr 0.03, or enrol one photograph only\n"
    )
    verify = ["verify", photos / "astronaut.png", "--gallery", tmp_path / "gallery.db", "--subject", "Eileen"]
    refused = facelite(*verify)
    assert (refused.status, refused.err) == (4, second.err.replace("Eileen: ", ""))
    assert facelite(*verify, "--fmr", "0.03").status == 0
    third = facelite(*words, people / "Eileen/Eileen_0003.jpg", "--json")
    assert third.json["people"]["Eileen"]["warning"] == third.err.removeprefix("facelite: Eileen: ").strip()


def test_enrolment_warns_of_a_gallery_that_a_kiosk_has_no_room_for(facelite, bundle, gallery, photos):
    """Released thresholds end at an FMR of 3e-5: at an FPIR of 0.003 a hundred comparisons."""
    others = np.random.default_rng(0).normal(size=(98, bundle.manifest.embedding))
    with Gallery(gallery) as opened:
        opened.add([Template(f"{i}", Embedding(one, opened.space), bundle.artefact, 1.8e9) for i, one in enumerate(others)])
    assert facelite("enrol", "--gallery", gallery, "Grace", photos / "hopper.jpg").err == ""
    with Gallery(gallery) as opened:
        opened.add([Template("another", Embedding(others[0], opened.space), bundle.artefact, 1.8e9)])
    result = facelite("enrol", "--gallery", gallery, "Eileen", photos / "flipped.jpg", "--json")
    assert (result.status, result.err) == (0, f"facelite: {gallery}: {result.json['warning']}\n")
    assert result.json["warning"] == (
        "a kiosk would be out of service: expected no more templates than an fpir of 0.003 has room for, got 102 templates of 101 people, "
        "for whom 0.0031 is the smallest that was measured; enrol fewer templates of each person, or set a larger fpir in the kiosk's config"
    )


def test_the_rate_of_the_whole_answer_stands_beside_that_of_a_comparison(facelite, photos, people, tmp_path):
    gallery = tmp_path / "gallery.db"
    facelite("enrol", "--gallery", gallery, "--folder", people)
    for words, templates, comparisons, fpir in (
        (["identify", "--gallery", gallery, photos / "astronaut.png"], 6, 2, 0.01),
        (["verify", "--gallery", gallery, "--subject", "Eileen", photos / "astronaut.png"], 3, 1, 0.001),
    ):
        values = facelite(*words, "--json").json
        values = values["pictures"][str(photos / "astronaut.png")] if "pictures" in values else values
        assert (values["templates"], values["comparisons"], values["fpir"]) == (templates, comparisons, fpir)
        threshold = values["threshold"]
        assert 1 - (1 - threshold["fmr"]) ** comparisons <= fpir * (1 + 1e-6)
        count = f"{comparisons} comparison(s) with {templates} template(s)"
        rates = f"(false matches: {fpir:g} asked for over {count}, for each {threshold['fmr']:g}, at most {threshold['fmr_upper']:.2g})\n"
        assert facelite(*words).out.endswith(rates)
    pair = facelite("verify", photos / "astronaut.png", photos / "flipped.jpg", "--json").json
    assert (pair["templates"], pair["comparisons"], pair["fpir"]) == (1, 1, None)


# embed, inspect, bundles


def test_embed_prints_the_verifier_s_vector(facelite, photos, bundle_file, bundle):
    result = facelite("embed", photos / "astronaut.png", photos / "hopper.jpg", "--json")
    assert result.status == 0
    assert result.json["space"] == bundle.manifest.space
    for name, value in result.json["images"].items():
        expected = open_verifier(bundle_file).look(name).embedding.vector
        np.testing.assert_allclose(value["embedding"], expected, atol=1e-6)
        assert len(value["box"]) == 4
        assert value["size"] == list(read_image(name).shape[1::-1])
    line = facelite("embed", photos / "hopper.jpg").out
    assert [float(word) for word in line.removeprefix(f"{photos / 'hopper.jpg'}: ").split()] == result.json["images"][str(photos / "hopper.jpg")][
        "embedding"
    ]
    assert facelite("embed", photos / "hopper.jpg", photos / "none.png").status == 3


def test_inspect_shows_the_manifest(facelite, bundle_file, bundle):
    values = facelite("inspect", bundle_file, "--json").json
    assert values["digest"] == bundle.digest
    assert values["name"] == bundle.manifest.name
    assert values["files"] == bundle.manifest.files
    assert [one["fmr"] for one in values["thresholds"]] == [one.fmr for one in bundle.manifest.thresholds]
    text = facelite("inspect", bundle_file).out
    assert bundle.digest in text
    assert text.count("(default)") == 1
    assert bundle.manifest.makers
    for maker in bundle.manifest.makers:
        (measured,) = (one for one in bundle.manifest.template_thresholds[maker] if one.fmr == bundle.manifest.fmr)
        assert f"templates of the embedder {maker[:12]}...: {measured.distance:.4f} at FMR {measured.fmr:g}, FNMR {measured.fnmr:.4f}" in text
    for licence in bundle.manifest.licences.values():
        assert licence in text


def test_the_option_wins_over_the_environment(facelite, photos, bundle_file, monkeypatch):
    monkeypatch.setenv("FACELITE_BUNDLE", "/none")
    assert facelite("embed", photos / "hopper.jpg").status == 4
    assert facelite("embed", photos / "hopper.jpg", "--bundle", bundle_file).status == 0


# the process


@pytest.fixture
def process(bundle_file, photos):
    def run(*words, **environment):
        command = [sys.executable, "-m", "facelite", *map(str, words)]
        return subprocess.run(
            command, capture_output=True, cwd=photos, check=False, env={**os.environ, "FACELITE_BUNDLE": str(bundle_file), **environment}
        )

    return run


def test_the_process_prints_its_answer_and_nothing_of_its_libraries(process):
    result = process("verify", "astronaut.png", "flipped.jpg")
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"accepted: ")


def test_a_file_s_name_need_not_be_text(process, photos, tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    shutil.copy(photos / "hopper.jpg", name)
    result = process("embed", os.fsdecode(name))
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_stream_that_cannot_be_written_is_no_rejection(bundle_file, photos):
    for shell, status in (("> /dev/full", 4), ("2> /dev/full", 0), (">&- 2>&-", 0)):
        command = ["sh", "-c", f"{sys.executable} -m facelite verify astronaut.png flipped.jpg --bundle {bundle_file} {shell}"]
        assert subprocess.run(command, cwd=photos, check=False, stderr=subprocess.DEVNULL).returncode == status, shell


WITHOUT_OPENCV = (
    "import sys; sys.modules['cv2'] = None; sys.argv = ['facelite', 'verify', 'a.jpg', 'b.jpg']; from facelite.__main__ import run; run()"
)


def test_a_broken_installation_is_no_rejection():
    result = subprocess.run([sys.executable, "-c", WITHOUT_OPENCV], capture_output=True, text=True, check=False)
    assert result.returncode == 4
    assert result.stderr.startswith("facelite: expected the packages that it needs, got: ")
    assert result.stderr.count("\n") == 1


IMPORTS = """
import sys
class Finder:
    def find_spec(self, name, *_):
        if name == "cv2":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
sys.argv = ["facelite", "--help"]
from facelite.__main__ import run
run()
"""


def test_an_interrupt_while_packages_are_loaded_is_one_line():
    result = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "facelite: interrupted\n")


def test_a_process_without_standard_error_keeps_its_status():
    for code, status in ((IMPORTS, 130), (WITHOUT_OPENCV, 4)):
        assert subprocess.run(["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code], check=False).returncode == status


def test_both_spellings_enrol_and_the_help_shows_one(facelite):
    assert re.findall(r"^  (enrol\w*) ", facelite("--help").out, re.MULTILINE) == ["enrol"]
    usage, rest = facelite("enroll", "--help").out.split("\n", 1)
    assert (usage.replace("enroll", "enrol"), rest) == tuple(facelite("enrol", "--help").out.split("\n", 1))


@pytest.mark.parametrize(("error", "status", "line"), [
    (RuntimeError("two\nlines"), 70, "facelite: a defect of facelite: RuntimeError: two lines; set FACELITE_DEBUG=1 for its trace and report it\n"),
    (AssertionError(), 70, "facelite: a defect of facelite: AssertionError: ; set FACELITE_DEBUG=1 for its trace and report it\n"),
    (MemoryError(), 70, "facelite: a defect of facelite: MemoryError: ; set FACELITE_DEBUG=1 for its trace and report it\n"),
    (KeyboardInterrupt(), 130, "facelite: interrupted\n"),
    (OSError(28, "No space left on device", "g.db"), 4,
     "facelite: g.db: expected to read or write it, got No space left on device; check the path, its rights and the space left\n"),
    (ModuleNotFoundError("no", name="keras"), 4, "facelite: expected the package keras, found none; install it: pip install 'facelite[train]'\n"),
])  # fmt: skip
def test_a_crash_never_reads_as_rejected(facelite, photos, monkeypatch, error, status, line):
    def crash(*_, **__):
        raise error

    monkeypatch.setattr(device, "open_verifier", crash)
    words = ["verify", photos / "astronaut.png", photos / "hopper.jpg"]
    result = facelite(*words)
    assert (result.status, result.out, result.err) == (status, "", line)
    assert facelite(*words, "--json").json == {"error": line.removeprefix("facelite: ").strip(), "status": status}


def test_the_trace_of_a_defect_is_shown_when_asked(facelite, photos, monkeypatch):
    monkeypatch.setattr(device, "open_verifier", None)
    monkeypatch.setenv("FACELITE_DEBUG", "1")
    result = facelite("verify", photos / "astronaut.png", photos / "hopper.jpg")
    assert result.status == 70
    assert "Traceback" in result.err


def test_a_closed_pipe_does_not_turn_an_acceptance_into_a_rejection(photos, bundle_file):
    for words, status in ((("verify", photos / "astronaut.png", photos / "flipped.jpg", "--bundle", bundle_file), 0), (("inspect", bundle_file), 0)):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([sys.executable, "-m", "facelite", *map(str, words)], stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (result.returncode, result.stderr) == (status, b"")
