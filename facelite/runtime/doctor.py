"""What is installed here, what works and what does not, and what to type: a list that may be pasted into an issue.

Nothing of it is secret: no name of a subject, no key, and the home folder is written as "~". What may be broken is imported where it is looked at.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

from facelite.bundle import find_bundle, open_bundle
from facelite.errors import FaceliteError
from facelite.runtime.detector import find_detector
from facelite.runtime.device import fingerprint
from facelite.runtime.interpreter import RUNTIMES, runtime_name

NEEDED = ("numpy", "click", "cryptography")
"""Packages of the device half beside OpenCV and a TFLite runtime."""

EXTRA = ("tensorflow", "keras", "tf_keras", "tensorflow-model-optimization", "matplotlib", "jax")
"""Packages of the workstation; a device needs none of them."""

CHOICES = {"faiss-cpu": "index", "gpiozero": "kiosk", "paho-mqtt": "kiosk"}
"""Packages that a device may use, and the extra that brings each."""


class State(StrEnum):
    """``NOTE``: not as it should be, but facelite works; ``FAIL``: something does not."""

    OK = "ok"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and, where it is not ``OK``, what to do."""

    name: str
    state: State
    found: str
    remedy: str = ""


def examine(*, bundle: str | Path | None = None, gallery: str | Path | None = None, keyring: str | Path | None = None) -> Iterator[Check]:
    """Look at this machine, the ``bundle`` that commands would use, the ``keyring``, and the ``gallery``, if any is named. Nothing is changed."""
    looks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("machine", lambda: iter([Check("machine", State.OK, fingerprint().line)])),
        ("packages", lambda: iter([_packages()])),
        ("runtime", lambda: iter([_runtime()])),
        ("detector file", lambda: _opened("detector file", lambda: f"{len(find_detector()):,} bytes", harmless=True)),
        ("bundle", lambda: _bundle(bundle)),
        ("keyring", lambda: _keyring(keyring)),
        ("gallery", lambda: _gallery(Path(gallery), keyring) if gallery else iter(())),
        ("cameras", lambda: iter([_cameras()])),
        ("temporary files", lambda: iter([_temporary()])),
    ]
    for name, look in looks:
        try:
            for check in look():
                yield replace(check, found=one_line(check.found), remedy=one_line(check.remedy))
        except Exception as error:  # noqa: BLE001 - what is broken here is what is to be told
            yield Check(name, State.FAIL, one_line(f"{type(error).__name__}: {error}"), "see to what it names, or report it with this list")


def _packages() -> Check:
    versions = {name: _version(name) for name in (*NEEDED, *CHOICES, *EXTRA)}
    missing = [name for name in NEEDED if not versions[name]]
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    choices = ", ".join(f"{name} (facelite[{extra}])" for name, extra in CHOICES.items() if not versions[name])
    absent = ", ".join(name for name in EXTRA if not versions[name])
    said = found + (f"; not installed, for devices that use them: {choices}" if choices else "")
    said += f"; not installed, for the workstation only: {absent}" if absent else ""
    if missing:
        return Check("packages", State.FAIL, f"{said}; missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    return Check("packages", State.OK, said)


def _runtime() -> Check:
    name = runtime_name()
    if name == RUNTIMES[-1].partition(".")[0]:
        broken = "; ".join(f"{one}: {reason}" for one, reason in map(_why_not, RUNTIMES[:-1]) if reason)
        found = f"none works ({broken})" if broken else "none is installed"
        return Check("runtime", State.NOTE, f"{found}: models run in NumPy, 20 times slower", "pip install --force-reinstall ai-edge-litert")
    return Check("runtime", State.OK, f"{name} {_version(name.replace('_', '-'))}")


def _why_not(module: str) -> tuple[str, str]:
    """A runtime's package, and why it cannot be imported although it is installed; empty where it is not."""
    package = module.partition(".")[0]
    try:
        import_module(module)
    except (ImportError, OSError) as error:
        return package, str(error) if find_spec(package) else ""
    return package, ""


def _bundle(path: str | Path | None) -> Iterator[Check]:
    try:
        bundle = open_bundle(find_bundle(path))
    except FaceliteError as error:
        yield Check("bundle", State.FAIL if path or os.environ.get("FACELITE_BUNDLE") else State.NOTE, *_told(error))
        return
    manifest = bundle.manifest
    yield Check("bundle", State.OK, f"{manifest.name} ({manifest.network}, {manifest.precision}, space {manifest.space}), sha256 {bundle.digest}")

    def tested() -> str:
        from facelite.runtime.verifier import Verifier

        began = time.perf_counter()
        Verifier(bundle)
        return f"passed in {time.perf_counter() - began:.2f} s"

    yield from _opened("self-test", tested)


def _keyring(folder: str | Path | None) -> Iterator[Check]:
    """Whether there is a key, and nobody else may read it; the key itself is not told."""
    from facelite.gallery import Keyring

    keyring = Keyring(folder)

    def kept() -> str:
        keyring.key()
        source = next((name for name in ("FACELITE_KEY", "FACELITE_KEY_COMMAND") if os.environ.get(name)), str(keyring.folder))
        return f"a key, from {source}"

    if not (keyring.folder / "key").exists() and not any(os.environ.get(name) for name in ("FACELITE_KEY", "FACELITE_KEY_COMMAND")):
        yield Check("keyring", State.OK, f"no key yet in {keyring.folder}: the first enrolment makes one")
    else:
        yield from _opened("keyring", kept)


def _gallery(path: Path, keyring: str | Path | None) -> Iterator[Check]:
    from facelite.gallery import Gallery, Keyring
    from facelite.gallery.index import FROM, usable

    try:
        with Gallery(path, keyring=Keyring(keyring)) as gallery:
            many, found = len(gallery), f"{len(gallery.subjects)} subject(s), {len(gallery)} template(s), space {gallery.space}"
    except FaceliteError as error:
        yield Check("gallery", State.FAIL, *_told(error))
        return
    if many < FROM or usable():
        yield Check("gallery", State.OK, found)
    else:
        found += f": from {FROM:,} on test and kiosk would ask an index, which takes faiss; without it each question takes longer"
        yield Check("gallery", State.NOTE, found, "pip install 'facelite[index]'")


def _cameras() -> Check:
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    closed = [path for path in found if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        return Check(
            "cameras", State.NOTE, f"{', '.join(found)}; no right to use {', '.join(closed)}", "sudo usermod -aG video $USER, then log in again"
        )
    return Check("cameras", State.OK, ", ".join(found) or "none that this system names as /dev/video*")


def _temporary() -> Check:
    folder = tempfile.gettempdir() if _works(tempfile.gettempdir) else ""
    if not folder:
        return Check("temporary files", State.NOTE, "no folder can be written", "set TMPDIR to one that can")
    return Check("temporary files", State.OK, folder)


def _opened(name: str, look: Callable[[], str], *, harmless: bool = False) -> Iterator[Check]:
    """What ``look`` tells, or what it failed with; that is a note where it is ``harmless``: a bundle has a detector of its own."""
    try:
        yield Check(name, State.OK, look())
    except FaceliteError as error:
        yield Check(name, State.NOTE if harmless else State.FAIL, *_told(error))


def _told(error: FaceliteError) -> tuple[str, str]:
    """An error's message, and what it says to do."""
    found, _, remedy = str(error).rpartition("; ")
    return (found, remedy) if found else (remedy, "")


def one_line(text: str) -> str:
    """One line, without the name of the user's home."""
    home = str(Path.home()) if _works(Path.home) else ""
    return " ".join((text.replace(home, "~") if len(home) > 1 else text).split())


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except (OSError, RuntimeError):
        return False
    return True


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
