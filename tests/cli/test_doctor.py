"""doctor on machines that lack this or that: each fault is named with what to type, and nothing secret is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from facelite.runtime import doctor


@pytest.fixture
def checks(facelite):
    """checks("--gallery", ...) gives the checks by name, and the status."""

    def run(*words):
        result = facelite("doctor", *words, "--json")
        assert (result.err, result.out.count("\n")) == ("", 1)
        found = {check["name"]: check for check in result.json["checks"]}
        assert result.json["works"] == (result.status == 0) == all(check["state"] != "fail" for check in found.values())
        return found

    return run


def test_a_machine_in_order(facelite, checks, gallery, bundle):
    found = checks("--gallery", gallery)
    assert set(found) == {
        "machine",
        "packages",
        "runtime",
        "detector file",
        "bundle",
        "self-test",
        "keyring",
        "gallery",
        "cameras",
        "temporary files",
    }
    assert bundle.digest in found["bundle"]["found"] and found["self-test"]["found"].startswith("passed in ")
    assert found["gallery"]["found"].startswith("1 subject(s), 1 template(s), space ")
    lines = facelite("doctor").out.splitlines()
    assert lines[0].startswith("ok    machine: ")


def test_no_name_no_key_and_no_home_is_told(facelite, gallery, keyring, monkeypatch):
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(Path(keyring).parent))
    monkeypatch.setattr("tempfile.tempdir", None)
    told = facelite("doctor", "--gallery", gallery).out
    assert "keyring: a key, from ~/" in told and "temporary files: ~" in told
    assert "Eileen" not in told and (Path(keyring) / "key").read_text().strip() not in told
    assert str(Path(keyring).parent) not in told


def test_the_command_of_the_key_is_not_told(facelite, gallery, monkeypatch):
    monkeypatch.setenv("FACELITE_KEY_COMMAND", "false --token SECRETTOKEN")
    told = facelite("doctor", "--gallery", gallery)
    assert told.status == 4 and "got: exit status 1" in told.out and "SECRETTOKEN" not in told.out + told.err


def test_what_breaks_in_an_unforeseen_way_is_a_line_and_the_rest_is_told(checks, monkeypatch, gallery):
    monkeypatch.setitem(sys.modules, "facelite.gallery", None)
    found = checks("--gallery", gallery)
    assert found["keyring"]["state"] == found["gallery"]["state"] == "fail" and found["cameras"]["state"] != "fail"
    assert "ModuleNotFoundError" in found["gallery"]["found"]


def test_a_runtime_that_is_installed_and_cannot_be_imported_is_told_with_its_reason(checks, monkeypatch):
    monkeypatch.setattr(doctor, "runtime_name", lambda: "facelite")
    monkeypatch.setattr(doctor, "import_module", lambda name: (_ for _ in ()).throw(ImportError("GLIBC_9.9 not found")))
    assert "none works (ai_edge_litert: GLIBC_9.9 not found" in checks()["runtime"]["found"]


def test_a_bundle_that_is_named_and_damaged_fails(checks, bundle_file, tmp_path):
    (tmp_path / "damaged.facelite").write_bytes(bundle_file.read_bytes()[:-7])
    found = checks("--bundle", tmp_path / "damaged.facelite")
    assert found["bundle"]["state"] == "fail" and "export or download it again" in found["bundle"]["remedy"]
    assert "self-test" not in found


def test_no_bundle_at_all_is_a_note(checks, monkeypatch):
    monkeypatch.delenv("FACELITE_BUNDLE")
    assert checks()["bundle"]["state"] == "note"


def test_a_self_test_that_fails_is_told(checks, monkeypatch):
    monkeypatch.setattr("facelite.runtime.golden.DISTANCE_TOLERANCE", -1.0)
    found = checks()["self-test"]
    assert found["state"] == "fail" and "the embedder fails its self-test" in found["found"] and "install ai-edge-litert" in found["remedy"]


def test_a_gallery_of_another_key_and_one_that_is_none(checks, gallery, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "key").write_text("ab" * 32)
    (tmp_path / "other" / "key").chmod(0o600)
    assert checks("--gallery", gallery, "--keyring", tmp_path / "other")["gallery"]["state"] == "fail"
    found = checks("--gallery", tmp_path / "none.db")["gallery"]
    assert found["state"] == "fail" and found["remedy"]


def test_a_key_that_others_may_read_is_told(checks, gallery, keyring):
    (Path(keyring) / "key").chmod(0o644)
    found = checks()["keyring"]
    assert found["state"] == "fail" and found["remedy"].startswith("chmod 600 ")


def test_without_a_runtime_models_run_in_numpy(checks, monkeypatch):
    monkeypatch.setattr(doctor, "runtime_name", lambda: "facelite")
    found = checks()["runtime"]
    assert found["state"] == "note" and found["remedy"].endswith("ai-edge-litert") and "models run in NumPy" in found["found"]


def test_a_missing_package_fails_and_a_workstation_s_does_not(checks, monkeypatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "" if name in ("cryptography", "tensorflow") else real(name))
    found = checks()["packages"]
    assert found["state"] == "fail" and found["remedy"] == "pip install cryptography"
    assert "for the workstation only: tensorflow" in found["found"]


def test_a_package_that_some_devices_use_is_named_with_its_extra(checks, monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "" if name in ("faiss-cpu", "gpiozero") else "1.2.3")
    found = checks()["packages"]
    assert found["state"] == "ok" and "paho-mqtt 1.2.3" in found["found"]
    assert found["found"].endswith("; not installed, for devices that use them: faiss-cpu (facelite[index]), gpiozero (facelite[kiosk])")


@pytest.mark.parametrize(("least", "faiss", "state"), [(1, None, "note"), (2, None, "ok"), (1, sys, "ok")])
def test_a_gallery_that_an_index_would_make_faster_is_noted(checks, gallery, monkeypatch, least, faiss, state):
    monkeypatch.setitem(sys.modules, "faiss", faiss)
    monkeypatch.setattr("facelite.gallery.index.FROM", least)
    found = checks("--gallery", gallery)["gallery"]
    assert (found["state"], found["remedy"]) == (state, "pip install 'facelite[index]'" if state == "note" else "")
    assert ("takes faiss" in found["found"]) == (state == "note")


def test_a_camera_without_rights(checks, monkeypatch):
    monkeypatch.setattr(doctor.Path, "glob", lambda self, pattern: [Path("/dev/video0")] if str(self) == "/dev" else [])
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    found = checks()["cameras"]
    assert found["state"] == "note" and "usermod -aG video" in found["remedy"]
