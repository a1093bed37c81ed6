"""devices/android as an app: the library's Android half and the sample compiled against stubs of Android, and the assets in a signed APK.

No part of Android runs here. What runs of the Android half, on the stubs: assets, models, frames of both cameras, and vaults by keys in memory.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import struct
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facelite.image import read_image

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ANDROID = HERE.parent.parent / "devices/android"
README = ANDROID / "README.md"

OF_ANDROID_6 = re.compile(r"java\.(io|lang|lang\.invoke|nio|nio\.charset|security|security\.spec|text|util)\.\w+|javax\.crypto(\.spec)?\.\w+")
"""Packages that Android 6 has as Java 7 has them; lambdas, of java.lang.invoke, are compiled away."""

AFTER_ANDROID_6 = ("java.util.Base64", "java.util.HexFormat", "java.util.Optional", "java.util.StringJoiner")

IN_ANDROID = "{http://schemas.android.com/apk/res/android}"


def load(name):
    """tests/ports/kotlin/NAME.py"""
    spec = importlib.util.spec_from_file_location(name, HERE / f"kotlin/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compiler():
    return load("compiler")


@pytest.fixture(scope="module")
def skipping(compiler):
    """A function that calls another one, and skips where that misses a tool."""

    def call(function, *arguments):
        try:
            return function(*arguments)
        except compiler.Missing as missing:
            pytest.skip(str(missing))

    return call


@pytest.fixture(scope="module")
def run(compiler, skipping):
    """Runs the Android half on the stubs; gives its standard output."""
    classes = [skipping(made) for made in (compiler.library, compiler.glue, compiler.driver, compiler.glue_driver, compiler.stubs)]

    def ask(*words):
        ended = compiler.java("glue.GlueKt", *words, classes=classes)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout.decode()

    return ask


def test_assets_and_models_of_an_app_decide_as_facelite_does(run, vectors, assets, judge, tmp_path):
    shutil.copytree(assets, tmp_path / "facelite")
    run("verify", vectors, tmp_path, tmp_path / "out")
    assert judge(tmp_path / "out", ["verify"]) == []


def test_images_of_both_cameras_become_upright_frames(run, tmp_path):
    expected = load("camera").write_cases(tmp_path)
    run("frames", tmp_path)
    found = {int(path.stem): np.fromfile(path, np.uint8) for path in tmp_path.glob("*.rgb")}
    assert len(found) > len(expected) / 2  # all but those of bitmaps
    for number, pixels in found.items():
        assert np.abs(pixels.astype(int) - expected[number].ravel()).max() <= 1, number  # 1: halves


@pytest.fixture(scope="module")
def linked(compiler, skipping, assets, tmp_path_factory):
    """The sample's resources and a bundle's assets as an APK that is neither aligned nor signed; gives its folder."""
    folder = tmp_path_factory.mktemp("apk")
    if not compiler.FRAMEWORK.exists():
        pytest.skip(f"expected {compiler.FRAMEWORK}, got none; install it: apt-get install android-framework-res")
    main = ANDROID / "sample/src/main"
    skipping(compile_resources, compiler, main / "res", folder / "resources.zip")
    # Gradle writes the package and the versions into the manifest
    manifest = (main / "AndroidManifest.xml").read_text().replace("<manifest ", '<manifest package="org.facelite.sample" ')
    (folder / "AndroidManifest.xml").write_text(manifest)
    shutil.copytree(assets, folder / "assets/facelite")
    (folder / "generated").mkdir()
    words = ("aapt2", "link", "-o", folder / "linked.apk", "-I", compiler.FRAMEWORK, "--manifest", folder / "AndroidManifest.xml")
    versions = ("--min-sdk-version", "23", "--target-sdk-version", "29")  # of the framework at hand
    stored = ("-A", folder / "assets", "-0", ".tflite")  # what noCompress += "tflite" does
    compiler.tool(*words, *versions, "--java", folder / "generated", *stored, folder / "resources.zip", package="aapt")
    return folder


def compile_resources(compiler, resources, out):
    compiler.tool("aapt2", "compile", "--dir", resources, "-o", out, package="aapt")


def test_the_sample_compiles_against_its_resources(compiler, skipping, linked):
    classes = skipping(compiler.sample, linked / "generated")
    assert (classes / "org/facelite/sample/MainActivity.class").exists()


def test_the_assets_of_a_signed_apk_are_what_was_packed(compiler, skipping, assets, linked):
    aligned, signed, keys = linked / "aligned.apk", linked / "signed.apk", linked / "keys.jks"
    skipping(sign, compiler, linked / "linked.apk", aligned, signed, keys)
    said = compiler.tool("apksigner", "verify", "--verbose", "--min-sdk-version", "23", signed, package="apksigner")
    for scheme in ("v1", "v2"):
        assert re.search(rf"Verified using {scheme} scheme .*: true", said), said
    compiler.tool("zipalign", "-c", "-p", "4", signed, package="zipalign")
    with zipfile.ZipFile(signed) as apk:
        for file in assets.iterdir():
            assert apk.read(f"assets/facelite/{file.name}") == file.read_bytes(), file.name
            if file.suffix == ".tflite":
                info = apk.getinfo(f"assets/facelite/{file.name}")
                assert (info.compress_type, content_at(signed, info) % 4) == (zipfile.ZIP_STORED, 0)


def sign(compiler, apk, aligned, signed, keys):
    compiler.tool("zipalign", "-f", "-p", "4", apk, aligned, package="zipalign")
    word, owner = "for this test", "CN=facelite"
    made = ("-genkeypair", "-keystore", keys, "-storepass", word, "-alias", "test", "-keyalg", "RSA", "-keysize", "2048", "-dname", owner)
    compiler.tool("keytool", *made, package="default-jdk-headless")
    given = ("--ks", keys, "--ks-pass", f"pass:{word}", "--min-sdk-version", "23", "--out", signed)
    compiler.tool("apksigner", "sign", *given, aligned, package="apksigner")


def content_at(apk, info):
    """Where in the file the content begins."""
    with apk.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return info.header_offset + 30 + name + extra


STORE = """
import java.io.File
import org.facelite.*
import org.facelite.android.*

@Suppress("UNUSED_VARIABLE")
fun store(file: File, gallery: Gallery, facelite: Facelite) {{
    {}
}}
"""

SAID = ["Nobody is enrolled", "expected a subject's name", "expected a face", "Ada is enrolled", "Welcome, Ada", "Not recognised"]
SAID += ["expected nobody who is enrolled already, got Ada at a distance of 0.00"]
"""What a door says to Visit.kt, or how that begins."""


@pytest.fixture(scope="module")
def page(compiler, skipping, tmp_path_factory):
    """The classes of the code that devices/android/README.md shows, and of those who come to its doors."""
    folder = tmp_path_factory.mktemp("page")
    blocks = re.findall(r"```(\w+)\n(.*?)```", README.read_text(), re.DOTALL)
    assert [language for language, _ in blocks] == ["kotlin", "kotlin", "java", "kotlin"]
    (_, build), (_, door), (_, in_java), (_, store) = blocks
    assert "android {" in build  # for Gradle, which is not here
    (folder / "Door.kt").write_text(door)
    (folder / "DoorInJava.java").write_text(in_java)
    (folder / "Store.kt").write_text(STORE.format(store))
    return skipping(compiler.page, folder)


def test_the_code_of_the_page_answers_whoever_comes(compiler, skipping, page, assets, photographs, tmp_path):
    shutil.copytree(assets, tmp_path / "facelite")
    somebody, stranger = (read_image(photographs[name]) for name in ("obama/1", "collins/1"))
    height, width = (max(one.shape[axis] for one in (somebody, stranger)) for axis in (0, 1))
    for name, pixels in (("somebody", somebody), ("stranger", stranger), ("nobody", somebody[:0, :0])):
        image = np.zeros((height, width, 4), np.uint8)
        image[: pixels.shape[0], : pixels.shape[1], :3] = pixels
        (tmp_path / name).write_bytes(image.tobytes())
    classes = [page, *(skipping(made) for made in (compiler.library, compiler.glue, compiler.driver, compiler.glue_driver, compiler.stubs))]
    ended = compiler.java("VisitKt", tmp_path, width, height, *map(tmp_path.joinpath, ("somebody", "stranger", "nobody")), classes=classes)
    assert ended.returncode == 0, ended.stderr.decode()
    lines = ended.stdout.decode().splitlines()
    for line, said in zip(lines, 2 * SAID, strict=True):
        assert line.startswith(said), lines


def test_a_phone_that_litert_has_no_library_for_is_told_so(run):
    said = run("unlinked")
    assert "liblitert_jni.so" in said and "64-bit" in said
    build, page = (ANDROID / "sample/build.gradle.kts").read_text(), README.read_text()
    assert all('abiFilters += listOf("arm64-v8a", "x86_64")' in text for text in (build, page))


def test_vaults_that_are_made_at_the_same_time_have_one_key(run):
    assert run("vaults").splitlines() == ["true", "true"]


def test_the_page_names_the_versions_that_are_built_with(compiler):
    page, library, sample = README.read_text(), *((ANDROID / module / "build.gradle.kts").read_text() for module in ("facelite", "sample"))
    assert f"ai-edge-litert {compiler.LITERT} (the app's is {re.search(r'litert:litert:([0-9.]+)', library)[1]})" in page
    assert set(re.findall(r"androidx.camera:[a-z0-9-]+:[0-9.]+", page)) == set(re.findall(r"androidx.camera:[a-z0-9-]+:[0-9.]+", sample))
    gradle = re.search(r"gradle-([0-9.]+)-bin", (ANDROID / "gradle/wrapper/gradle-wrapper.properties").read_text())[1]
    plugin = re.search(r"application\"\) version \"(\d+\.\d+)", (ANDROID / "build.gradle.kts").read_text())[1]
    assert f"Gradle {gradle} or newer" in page and f"(AGP) {plugin} and" in page
    assert f"Android SDK {re.search(r'compileSdk = ([0-9]+)', sample)[1]}" in page


def test_the_sample_says_why_somebody_was_not_enrolled_or_forgotten():
    """Hidden characters in a name, a full disk: what stores is called through the function that catches."""
    code = (ANDROID / "sample/src/main/kotlin/org/facelite/sample/MainActivity.kt").read_text()
    calls = [line for line in code.splitlines() if re.search(r"desk\.(enrol|forget)\(", line)]
    assert len(calls) == 2 and all("attempt(" in line for line in calls)
    assert code.count("catch (error: Exception)") == 2  # there, and where all is opened


def test_the_sample_says_that_a_change_was_not_stored():
    code = ANDROID / "sample/src/main/kotlin/org/facelite/sample"
    assert "throw NotStored(error)" in (code / "Desk.kt").read_text()
    assert re.search(r"catch \(error: NotStored\) \{\s+getString\(R.string.not_stored, ", (code / "MainActivity.kt").read_text())


def test_manifests_and_resources_are_well_formed():
    files = sorted(ANDROID.glob("**/src/main/**/*.xml"))
    assert {file.name for file in files} >= {"AndroidManifest.xml", "main.xml", "strings.xml"}
    for file in files:
        ET.parse(file)  # noqa: S314 - ours


def test_every_outcome_has_words_in_the_sample():
    strings = {one.get("name") for one in ET.parse(ANDROID / "sample/src/main/res/values/strings.xml").iter("string")}  # noqa: S314 - ours
    outcomes = re.findall(r"^    ([A-Z_]+)\(\"", (ANDROID / "facelite/src/main/kotlin/org/facelite/Outcome.kt").read_text(), re.MULTILINE)
    assert len(outcomes) == 11 and {name.lower() for name in outcomes} <= strings


def test_the_sample_keeps_nothing_in_backups():
    application = ET.parse(ANDROID / "sample/src/main/AndroidManifest.xml").find("application")  # noqa: S314 - ours
    assert application.get(f"{IN_ANDROID}allowBackup") == "false"
    assert "noBackupFilesDir" in (ANDROID / "sample/src/main/kotlin/org/facelite/sample/Desk.kt").read_text()


def test_both_modules_store_models_uncompressed_and_run_on_android_6():
    for module in ("facelite", "sample"):
        build = (ANDROID / module / "build.gradle.kts").read_text()
        assert 'noCompress += "tflite"' in build and "minSdk = 23" in build


def test_the_inner_half_knows_nothing_of_android(compiler):
    for file in compiler.SOURCES.glob("*.kt"):
        assert not re.search(r"^import (android|androidx|com\.google|org\.tensorflow)\.", file.read_text(), re.MULTILINE), file.name


def test_nothing_of_java_is_used_that_android_6_lacks(compiler, skipping):
    for made in (compiler.library, compiler.glue):
        path = compiler.joined([skipping(compiler.library), skipping(compiler.stubs), *skipping(compiler.needed)])
        words = ("jdeps", "--multi-release", "base", "-verbose:class", "-cp", path, skipping(made))
        used = set(re.findall(r"-> (javax?\.[\w.$]+)", compiler.tool(*words, package="default-jdk-headless"))) - {"java.base"}
        assert "java.lang.String" in used
        assert not {name for name in used if not OF_ANDROID_6.fullmatch(name.partition("$")[0]) or name in AFTER_ANDROID_6}


def test_no_binary_of_others_is_kept_here():
    for folder in (ANDROID, HERE / "kotlin"):
        kept = {path.suffix for path in folder.rglob("*") if path.is_file()}
        assert not kept & {".jar", ".aar", ".so", ".apk", ".dex", ".class"}
