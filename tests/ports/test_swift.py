"""devices/ios on Linux, with LiteRT's own library behind it: vectors, units, photographs, galleries; and what only Apple compiles, against stubs.

The toolchain is Debian's, in a root of its own (swift/root.sh). The library runs the kernels that Python runs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import plistlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facelite.bundle import GOLDEN, pack_bundle
from facelite.export.pack.assets import write_assets
from facelite.export.pack.write import write_pack
from facelite.image import read_image
from facelite.runtime.golden import DISTANCE_TOLERANCE, unpack_golden
from facelite.runtime.verifier import Verifier

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
ROOT = REPOSITORY / "build/ports/swift-root"
LITERT = "2.3.0"
"""The release whose C interface tests/runtimes/c/litert.h declares."""

BUILD = "-c release -Xswiftc -enable-testing -Xswiftc -warnings-as-errors -Xlinker -L/work/lib -Xlinker -rpath=/work/lib"
CHECKED = "-parse-as-library -strict-concurrency=complete -warnings-as-errors -I /work/stubs -swift-version"

STUBS = ("Combine", "CoreVideo", "CoreMedia", "CoreGraphics", "ImageIO", "CoreML", "CryptoKit", "Security", "TensorFlowLite", "UIKit")
STUBS += ("AVFoundation", "SwiftUI")
"""Modules of stubs/, each after those that it imports."""


@dataclass(frozen=True, slots=True)
class Swift:
    """The root; /work/repo in it has the sources as the repository has them, /work/data what a test gives and takes."""

    root: Path

    def run(self, command, stdin=""):
        """A shell command in /work/repo."""
        inside = f"mount -t proc proc {self.root}/proc && exec chroot {self.root} sh -c 'cd /work/repo && {command}'"
        environment = {"PATH": "/usr/libexec/swift/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", inside], env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=1200
        )

    def give(self, name, content):
        """What the root calls a file or folder of this content or path."""
        place = self.root / "work/data" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(content, place)
        return f"/work/data/{name}"

    def give_frame(self, name, pixels):
        return f"{pixels.shape[0]}x{pixels.shape[1]}:{self.give(name, np.ascontiguousarray(pixels).tobytes())}"

    def driver(self, *words, stdin=""):
        """What the driver prints, each line an object."""
        ended = self.run(f"tests/ports/swift/.build/release/Driver {' '.join(words)}", stdin)
        assert ended.returncode == 0, ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="session")
def toolchain():
    """The root with the sources as they are now."""
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip(f"expected Linux on x86-64 for a root of this machine, got {platform.system()} on {platform.machine()}")
    made = subprocess.run([HERE / "swift/root.sh", ROOT], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"swift/root.sh: {made.stdout}{made.stderr}")
    swift = Swift(ROOT)
    for folder in ("devices/ios", "tests/ports/swift"):
        mirror(REPOSITORY / folder, ROOT / "work/repo" / folder)
    if (version := swift.run("swiftc --version")).returncode:
        pytest.skip(f"swiftc in {ROOT}: {version.stderr}; a mount namespace is needed: unshare --mount")
    return swift


@pytest.fixture(scope="session")
def swift(toolchain, bundle, tmp_path_factory):
    """The same with everything built, packed with the released bundle."""
    if (version := importlib.metadata.version("ai-edge-litert")) != LITERT:
        pytest.skip(f"expected ai-edge-litert {LITERT}, whose C interface is declared in runtimes/c/litert.h, got {version}")
    (found,) = importlib.util.find_spec("ai_edge_litert").submodule_search_locations
    mirror(Path(found), ROOT / "work/lib", "libLiteRt.so")
    packed = tmp_path_factory.mktemp("packed")
    write_assets(bundle, packed)
    for folder in ("coreml", "tflite"):  # what is in the first one is not looked at here
        mirror(packed, ROOT / "work/repo/devices/ios/Sources/Facelite/Resources" / folder)
    built = toolchain.run(f"swift build --package-path tests/ports/swift --build-tests {BUILD}")
    assert built.returncode == 0, built.stdout + built.stderr
    return toolchain


def mirror(source, target, pattern="**/*"):
    """Make the files of ``target`` those of ``source``; equal ones stay, so that they are not built again."""
    kept = {"Resources", ".build"}
    wanted = {path.relative_to(source): path for path in source.glob(pattern) if path.is_file() and not kept & set(path.relative_to(source).parts)}
    for path in [path for path in target.rglob("*") if path.is_file() and not kept & set(path.relative_to(target).parts)]:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for name, path in wanted.items():
        place = target / name
        if not place.exists() or place.read_bytes() != path.read_bytes():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


def test_every_case_of_the_vectors_holds(swift, vectors, assets, judge):
    swift.driver("conform", swift.give("assets", assets), swift.give("vectors", vectors), "/work/data/out")
    assert judge(ROOT / "work/data/out") == []


def test_the_units_hold(swift):
    ended = swift.run(f"swift test --package-path tests/ports/swift --skip-build {BUILD}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    ran = [int(number) for number in re.findall(r"Executed (\d+) tests, with 0 failures", ended.stdout + ended.stderr)]
    assert max(ran) > 20


def test_photographs_give_the_looks_of_facelite(swift, released, assets, photographs):
    verifier, images = Verifier(released), [read_image(path) for path in photographs.values()]
    frames = [swift.give_frame(f"photo-{number}", image) for number, image in enumerate(images)]
    answers = swift.driver("look", swift.give("assets", assets), "largest", *frames)
    for name, image, answer in zip(photographs, images, answers, strict=True):
        expected = verifier.look(image, rule="largest")
        assert answer["outcome"] == (expected.outcome and expected.outcome.value), name
        if expected.embedding:
            apart = float(((np.array(answer["embedding"]) - expected.embedding.vector) ** 2).sum())
            assert apart <= DISTANCE_TOLERANCE, name


@pytest.mark.parametrize("head", [None, "absolute", "chi-square"])
def test_galleries_are_asked_as_the_port_in_numpy_asks(swift, released, assets, port, astronaut, head, tmp_path):
    """Galleries drawn by lot, of one embedder and of two."""
    frame, other, rng = np.asarray(astronaut[:280, 90:370]), "0" * 64, np.random.default_rng(0)
    asked = port.Port(pack_bundle(released.manifest, released.files))
    table = json.loads((assets / "facelite.json").read_text())
    for manifest in (table, asked.manifest):
        manifest["template_thresholds"] |= {other: manifest["thresholds"][:4]}
    folder = tmp_path / "assets"
    shutil.copytree(assets, folder)
    if head:
        asked.head = {"form": head, "weights": rng.uniform(0, 2 * table["embedding"] ** -0.5, table["embedding"]).tolist()}
        (folder / "head.json").write_text(json.dumps(asked.head))
        table |= {"format": [2, 0], "decide": "siamese"}
        table["files"] |= {"head.json": hashlib.sha256((folder / "head.json").read_bytes()).hexdigest()}
    (folder / "facelite.json").write_text(json.dumps(table))
    inside, raw = swift.give("asked", folder), swift.give_frame("astronaut", frame)
    (seen,) = swift.driver("look", inside, "largest", raw)
    own = np.array(seen["embedding"])
    asked.look = lambda frame, rule: (None, own)  # both compare the same numbers
    refused = decided = 0
    for number in range(12):
        gallery = drawn(own, rng, [asked.artefact, other][: 1 + number % 2])
        questions = [(subject, rate) for subject in (None, "0", "1", "nobody") for rate in (None, 0.5, 0.01, 0.003, 1e-4, 0.0123)]
        stored = {"format": 1, "space": table["space"], "templates": [row | {"vector": row["vector"].astype(float).tolist()} for row in gallery]}
        lines = "\n".join(json.dumps({"subject": subject, "rate": rate}) for subject, rate in questions)
        answers = swift.driver("ask", inside, swift.give("gallery.json", json.dumps(stored).encode()), raw, stdin=lines)
        rows = [(row["subject"], row["vector"], row["artefact"]) for row in gallery]
        for (subject, rate), answer in zip(questions, answers, strict=True):
            try:
                outcome, nearest, distance = asked.identify(frame, rows, "largest", rate, subject)
            except port.Refused:
                assert "refused" in answer, (subject, rate, answer)
                refused += 1
                continue
            decided += 1
            assert answer["outcome"] == outcome, (subject, rate, answer, distance)
            assert answer["subject"] == ((subject or nearest) if outcome == "accepted" else None), (subject, rate, answer)
            assert answer["distance"] == pytest.approx(distance, abs=1e-6)
    assert min(refused, decided) > 50


def test_galleries_are_read_as_every_port_reads_them(swift, assets, galleries):
    files, inside = sorted(path.name for path in galleries.iterdir()), swift.give("galleries", galleries)
    answers = swift.driver("load", swift.give("assets", assets), *[f"{inside}/{name}" for name in files])
    assert [name for name, answer in zip(files, answers, strict=True) if name.startswith("good") != ("templates" in answer)] == []


def drawn(own, rng, artefacts):
    """Templates of up to four subjects, near to the vector ``own`` and far from it."""
    gallery = []
    for subject in range(rng.integers(1, 5)):
        spread = rng.choice([0.2, 0.6, 5.0]) / len(own) ** 0.5
        for _ in range(rng.integers(1, 12)):
            vector = own + spread * rng.normal(size=len(own))
            row = {"subject": str(subject), "artefact": str(rng.choice(artefacts)), "enrolled_at": "2026-01-02T03:04:05Z"}
            gallery.append(row | {"vector": (vector / np.linalg.norm(vector)).astype(np.float32)})
    return [gallery[number] for number in rng.permutation(len(gallery))]


@pytest.fixture(scope="module")
def stubs(toolchain):
    """Compiles the modules of stubs/ and, in one version of the language, the whole library against them, as Apple's platforms would."""
    made = "swiftc -emit-module -parse-as-library -I /work/stubs"
    commands = [f"{made} -module-name {name} -o /work/stubs/{name}.swiftmodule tests/ports/swift/stubs/{name}.swift" for name in STUBS]
    ended = toolchain.run(" && ".join(["mkdir -p /work/stubs", *commands]))
    assert ended.returncode == 0, ended.stderr

    def checked(version, files, module):
        given = [Swift(ROOT).give(f"checked/{module}/{number}.swift", content.encode()) for number, content in enumerate(files)]
        return toolchain.run(f"swiftc -typecheck -module-name {module} {CHECKED} {version} {' '.join(given)}")

    def library(version):
        accessor = "tests/ports/swift/stubs/resource_bundle_accessor.swift"
        command = f"swiftc -emit-module -module-name Facelite {CHECKED} {version} -D SWIFT_PACKAGE -o /work/stubs/Facelite.swiftmodule"
        ended = toolchain.run(f"{command} $(find devices/ios/Sources -name *.swift) {accessor}")
        assert ended.returncode == 0, ended.stderr
        return lambda files, module: checked(version, files, module)

    return library


def on_the_main_actor(source):
    """What a project of Xcode 26 makes of a file by default: each declaration that says nothing of actors is on the main one."""
    declared = r"^(?<!@MainActor\n)(?=((public|private|fileprivate|final) )*(class|struct|enum|protocol|extension|func|let|var) )"
    return re.sub(declared, "@MainActor ", source, flags=re.MULTILINE)


@pytest.mark.parametrize("by_default", [str, on_the_main_actor], ids=["nonisolated", "main actor"])
@pytest.mark.parametrize("version", [5, 6])
def test_what_only_apple_compiles_is_type_checked(stubs, version, by_default, capsys):
    check = stubs(version)
    for module, files in sources_of_apps():
        ended = check(map(by_default, files), module)
        assert ended.returncode == 0, (module, ended.stderr)
        if by_default is on_the_main_actor:  # would it be seen?
            ended = check([by_default(re.sub(r"nonisolated(\(unsafe\))? ", "", content)) for content in files], f"{module}Without")
            assert "main actor-isolated" in ended.stderr, module
    with capsys.disabled():
        sys.stdout.write("\nchecked against stubs, never run: Sources/Facelite/Apple, TFLite, Sample, README; nothing is only parsed\n")


def sources_of_apps():
    """Modules that an app has in its own target, and their files' texts."""
    ios = REPOSITORY / "devices/ios"
    readme = (ios / "README.md").read_text()
    for folder in ("Sample", "TFLite"):
        yield f"App{folder}", [path.read_text() for path in sorted((ios / folder).glob("*.swift"))]
    for number, block in enumerate(re.findall(r"```swift\n(.*?)```", readme, re.DOTALL)):
        yield f"Block{number}", [block]


def test_a_pack_builds_as_it_is(swift, bundle, tmp_path):
    """On Linux, where Core ML's part of it is not compiled; its packages are as the manifest says."""
    pytest.importorskip("coremltools", reason="expected coremltools, found none; install it: pip install 'facelite[mobile]'")
    packed = write_pack("ios", [REPOSITORY / "export/nns2/int8.toml"], tmp_path / "pack")
    inside = swift.give("pack", tmp_path / "pack")
    built = swift.run(f"swift build --package-path {inside} -Xswiftc -warnings-as-errors")
    assert built.returncode == 0, built.stdout + built.stderr
    (checked,) = swift.driver("check", f"{inside}/Sources/Facelite/Resources/coreml")
    assert checked == {"artefact": packed.coreml.artefact, "goldens": len(unpack_golden(bundle.files[GOLDEN]))}


def test_the_sources_are_formatted(toolchain):
    folders = "devices/ios tests/ports/swift/Sources tests/ports/swift/Tests"
    ended = toolchain.run(f"swift-format lint --strict --recursive --configuration tests/ports/swift/.swift-format {folders}")
    assert ended.returncode == 0, ended.stderr


def test_the_readme_counts_the_samples_files():
    ios = REPOSITORY / "devices/ios"
    assert len(list((ios / "Sample").glob("*.swift"))) == 7
    assert "Add the seven Swift files" in (ios / "README.md").read_text()


LISTS = (".plist", ".xcprivacy", ".entitlements")


def test_property_lists_say_what_apple_asks():
    lists = {path.name: plistlib.loads(path.read_bytes()) for path in (REPOSITORY / "devices/ios").rglob("*") if path.suffix in LISTS}
    assert set(lists) == {"Info.plist", "PrivacyInfo.xcprivacy", "Sample.entitlements"}
    assert lists["Info.plist"]["NSCameraUsageDescription"] and lists["Info.plist"]["LSRequiresIPhoneOS"] is True
    assert "UIRequiresFullScreen" not in lists["Info.plist"], "expected no key that Apple ignores"
    assert lists["PrivacyInfo.xcprivacy"] == {
        "NSPrivacyTracking": False,
        "NSPrivacyTrackingDomains": [],
        "NSPrivacyCollectedDataTypes": [],
        "NSPrivacyAccessedAPITypes": [],
    }
    assert lists["Sample.entitlements"] == {"com.apple.developer.default-data-protection": "NSFileProtectionComplete"}


def test_milliseconds_of_a_frame(swift, released, assets, astronaut, capsys):
    """For information: nothing is asserted of them."""
    frames = {"a face": np.asarray(astronaut[:480, :512]), "nobody": np.full((640, 480, 3), 110, np.uint8)}
    for what, frame in frames.items():
        (times,) = swift.driver("time", swift.give("assets", assets), swift.give_frame("timed", frame))
        with capsys.disabled():
            sys.stdout.write(f"\n{released.manifest.name}, {what}, {frame.shape[1]} x {frame.shape[0]}, milliseconds: {times}\n")
