"""Compiles the Kotlin library, what tests it, and the Android app: each once for the same sources, into build/ports/kotlin."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from importlib import metadata, util
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
ANDROID = ROOT / "devices/android"
SOURCES = ANDROID / "facelite/src/main/kotlin/org/facelite"
BUILD = ROOT / "build/ports/kotlin"
KOTLIN = BUILD / "node_modules/kotlin-compiler"

JNA = Path("/usr/share/java/jna.jar")
"""Where Debian's libjna-java puts it."""

JSON = Path("/usr/share/java/json-android.jar")
"""Android's org.json, where Debian's libandroid-json-org-java puts it."""

FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
"""Android's own resources, where Debian's android-framework-res puts them."""

LITERT = "2.3.0"
"""The release whose C interface tests/runtimes/java/LiteRt.java declares."""

BROKEN_LOCK = ("EINTEGRITY", "EUSAGE")
"""npm's words for a package of another hash and for a lock that does not fit package.json: no reason to skip."""

MAIN = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
OLD_JAVA = ("-jvm-target", "1.8", "-Xjdk-release=8")
"""For what runs on Android 6: it has nothing of Java 9, as the overloads of ByteBuffer's functions."""


class Missing(Exception):
    """A tool that is not here; the message says which one, and how to install it."""


def library() -> Path:
    """The classes of the library without its Android half: no class of Android is on the class path."""

    def build(out: Path) -> None:
        kotlinc(out, [JSON], sorted(SOURCES.glob("*.kt")), *OLD_JAVA, "-Xexplicit-api=strict")

    return made("library", SOURCES.glob("*.kt"), build)


def driver() -> Path:
    """The classes of driver/: the library's inner functions by Kotlin, its public ones by Java, on LiteRT."""
    runtime = [HERE.parent.parent / "runtimes/java" / f"{name}.java" for name in ("LiteRt", "Model", "ModelException")]
    models, public, inner = HERE / "driver/JnaModels.java", HERE / "driver/Desk.java", sorted(HERE.glob("driver/*.kt"))

    def build(out: Path) -> None:
        javac(out, [library(), *needed()], [*runtime, models], "--release", "17", "-Xlint:all")
        kotlinc(out, [library(), out, *needed()], inner, "-jvm-target", "17", f"-Xfriend-paths={library()}")
        javac(out, [library(), out, *needed()], [public], "--release", "17", "-Xlint:all")

    return made("driver", [*runtime, models, public, *inner], build, library())


def stubs() -> Path:
    """Signatures of Android, AndroidX and LiteRT."""
    files = sorted(HERE.glob("stubs/**/*.java"))
    return made("stubs", files, lambda out: javac(out, [], files, "--release", "8", "-Xlint:all,-options"))


def glue() -> Path:
    """The classes of the library's Android half."""
    files = sorted(SOURCES.glob("android/*.kt"))

    def build(out: Path) -> None:
        # one module with the library, as in the app
        kotlinc(out, [library(), stubs(), JSON], files, *OLD_JAVA, "-Xexplicit-api=strict", f"-Xfriend-paths={library()}")

    return made("glue", files, build, library(), stubs())


def glue_driver() -> Path:
    """The classes of glue/, which run the Android half on the stubs."""
    files = sorted(HERE.glob("glue/*.kt"))

    def build(out: Path) -> None:
        kotlinc(out, [library(), glue(), driver(), stubs(), *needed()], files, "-jvm-target", "17")

    return made("glue-driver", files, build, glue(), driver())


def page(folder: Path) -> Path:
    """The classes of page/, with the Kotlin and the Java that the page of the library shows; they lie in ``folder``."""
    files, shown, java_files = sorted(HERE.glob("page/*.kt")), sorted(folder.glob("*.kt")), sorted(folder.glob("*.java"))

    def build(out: Path) -> None:
        path = [library(), glue(), glue_driver(), driver(), stubs(), *needed()]
        javac(out, path, java_files, "--release", "8", "-Xlint:all,-options")
        kotlinc(out, path, shown, *OLD_JAVA)
        kotlinc(out, [out, *path], files, "-jvm-target", "17")

    return made("page", [*files, *shown, *java_files], build, glue_driver(), driver())


def sample(resources: Path) -> Path:
    """The classes of the sample app; its R.java lies in the folder ``resources``."""
    files, generated = sorted(ANDROID.glob("sample/src/main/kotlin/**/*.kt")), sorted(resources.glob("**/R.java"))

    def build(out: Path) -> None:
        javac(out, [], generated, "--release", "8", "-Xlint:-options")
        kotlinc(out, [library(), glue(), stubs(), out], files, *OLD_JAVA)

    return made("sample", [*files, *generated], build, glue(), stubs())


def java(main: str, *words: object, classes: Iterable[Path], stdin: bytes = b"", timeout: int = 300) -> subprocess.CompletedProcess[bytes]:
    """What a program of ``classes`` ended with."""
    (litert,) = util.find_spec("ai_edge_litert").submodule_search_locations
    path = os.pathsep.join(map(str, [*classes, *needed()]))
    command = ["java", f"-Djna.library.path={litert}", "-cp", path, main, *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=timeout)


def needed() -> list[Path]:
    """What all programs have on their class path."""
    if (version := metadata.version("ai-edge-litert")) != LITERT:
        raise Missing(f"expected ai-edge-litert {LITERT}, whose C interface is declared in tests/runtimes/java/LiteRt.java, got {version}")
    for file, package in ((JNA, "libjna-java"), (JSON, "libandroid-json-org-java")):
        if not file.exists():
            raise Missing(f"expected {file}, got none; install it: apt-get install {package}")
    return [compiler() / "lib/kotlin-stdlib.jar", JNA, JSON]


def kotlinc(out: Path, path: Iterable[Path], files: Iterable[Path], *options: str) -> None:
    lib = compiler() / "lib"
    jars = [lib / f"{name}.jar" for name in ("kotlin-compiler", "kotlin-stdlib", "kotlin-reflect", "kotlinx-coroutines-core-jvm")]
    quick = ("java", "-Xmx1200m", "-XX:TieredStopAtLevel=1", "-cp", joined(jars), MAIN)  # a short run
    given = ("-kotlin-home", compiler(), "-no-reflect", "-Werror", *options, "-cp", joined(path), "-d", out)
    tool(*quick, *given, *files, package="default-jdk-headless")


def javac(out: Path, path: Iterable[Path], files: Iterable[Path], *options: str) -> None:
    tool("javac", *options, "-Werror", "-cp", joined(path), "-d", out, *files, package="default-jdk-headless")


def compiler() -> Path:
    """Kotlin's compiler, of package-lock.json, by name and hash; installed once."""
    lock, installed = HERE / "package-lock.json", KOTLIN.parent / "installed.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        BUILD.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, BUILD)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            ended = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise Missing(f"{' '.join(command)}: {error}; install it: apt-get install npm") from None
        if any(word in ended.stderr for word in BROKEN_LOCK):
            raise AssertionError(ended.stderr)
        if ended.returncode:
            raise Missing(f"{' '.join(command)}: {ended.stderr}")
        shutil.copy(lock, installed)
    return KOTLIN


def made(name: str, files: Iterable[Path], build: Callable[[Path], None], *others: Path) -> Path:
    """The folder that ``build`` filled from ``files`` and from ``others``, which were made so too."""
    hashed = hashlib.sha256(Path(__file__).read_bytes() + (HERE / "package-lock.json").read_bytes() + repr([one.name for one in others]).encode())
    for file in sorted(files):
        hashed.update(file.read_bytes())
    folder = BUILD / f"{name}-{hashed.hexdigest()[:16]}"
    if not folder.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=BUILD))
        try:
            build(unfinished)
            for older in BUILD.glob(f"{name}-{'?' * 16}"):
                shutil.rmtree(older)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def tool(*command: object, package: str) -> str:
    """What a command printed. Raises Missing without it, AssertionError where it fails."""
    words = list(map(str, command))
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Missing(f"{words[0]}: {error}; install it: apt-get install {package}") from None
    if ended.returncode:
        raise AssertionError(f"{' '.join(words[:2])}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def joined(path: Iterable[Path]) -> str:
    return os.pathsep.join(map(str, path))
