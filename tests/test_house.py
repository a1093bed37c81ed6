"""Rules of the house that no single module keeps: the device half lives without Keras, importing is cheap, every command is documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import cv2
import pytest
from click.testing import CliRunner

from facelite.cli.main import main

ROOT = Path(__file__).parent.parent

WITHOUT_KERAS = """
import sys
for name in ("tensorflow", "keras", "tf_keras", "tensorflow_model_optimization", "jax", "matplotlib", "PIL"):
    sys.modules[name] = None
from facelite.cli.main import main

def facelite(*words):
    try:
        main([*words])
    except SystemExit as end:
        return end.code

recipe, bundle = sys.argv[1], "nns2-int8.facelite"
runs = [
    (0, "export", recipe, "--out", "."),
    (0, "inspect", bundle),
    (0, "embed", "people/Eileen/Eileen_0001.jpg", "--bundle", bundle),
    (0, "verify", "people/Eileen/Eileen_0001.jpg", "people/Eileen/Eileen_0002.jpg", "--bundle", bundle),
    (1, "verify", "people/Eileen/Eileen_0001.jpg", "people/Grace/Grace_0001.jpg", "--bundle", bundle),
    (0, "enrol", "--gallery", "g.db", "Eileen", "people/Eileen/Eileen_0001.jpg", "--bundle", bundle),
    (0, "enrol", "--gallery", "h.db", "--folder", "people", "--bundle", bundle),
    (0, "verify", "--gallery", "g.db", "--subject", "Eileen", "people/Eileen/Eileen_0002.jpg", "--bundle", bundle),
    (0, "identify", "--gallery", "g.db", "people/Eileen/Eileen_0002.jpg", "--bundle", bundle),
    (0, "identify", "--gallery", "g.db", "people/Eileen/Eileen_0002.jpg", "--bundle", bundle, "--annotate", "seen"),
    (0, "test", "clip", "--gallery", "g.db", "--bundle", bundle),
    (0, "doctor", "--gallery", "g.db", "--bundle", bundle),
    (0, "benchmark", bundle, "--seconds", "0.1"),
    (0, "gallery", "list", "--gallery", "g.db", "--bundle", bundle),
    (0, "evaluate", bundle, "people", "--pairs", "people/pairs.txt"),
    (0, "evaluate", bundle, "people", "--all-pairs"),
    (0, "align", "people", "crops"),
    (4, "export", recipe.replace("int8", "float32"), "--out", "."),
    (4, "train", "--data", "crops", "--out", "run"),
]
for expected, *words in runs:
    assert facelite(*words) == expected, words
"""


@pytest.fixture
def folder(tmp_path, astronaut, hopper, detector_file):
    for name, pixels in (("Eileen", astronaut), ("Grace", hopper)):
        (tmp_path / "people" / name).mkdir(parents=True)
        for number, picture in enumerate((pixels, pixels[:, ::-1]), start=1):
            cv2.imwrite(str(tmp_path / f"people/{name}/{name}_{number:04d}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    (tmp_path / "clip").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"clip/{number}.jpg"), cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))
    (tmp_path / "people/pairs.txt").write_text("1\nEileen 1 2\nEileen 1 Grace 1\n")
    return tmp_path


def test_the_device_half_works_where_neither_tensorflow_nor_keras_can_be_imported(folder):
    command = [sys.executable, "-c", WITHOUT_KERAS, ROOT / "export/nns2/int8.toml"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("facelite: ")]
    assert len(lines) == 2  # of export and train, which need Keras
    assert all("found none; install it: pip install 'facelite[train]'" in line for line in lines)


def test_importing_facelite_imports_nothing_heavy():
    code = "import facelite, sys; print(sorted({'numpy', 'cv2', 'click', 'ai_edge_litert', 'tensorflow', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def commands(group, path=()):
    """(words, command) of every command, subcommands too; an alias is named where it is."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = list(commands(main))


@pytest.mark.parametrize("words", [(), *(words for words, _ in COMMANDS)], ids=" ".join)
def test_every_command_explains_itself(words):
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0
    assert result.stderr == ""
    text = result.stdout.split("Usage:")[1]
    assert len(text.splitlines()[2].strip()) > 20  # what it does stands below its usage
    options = text.partition("Options:")[2]
    entries = re.findall(r"^  (-.*?)(?=^  -|\Z)", options, re.MULTILINE | re.DOTALL)
    assert entries
    for entry in entries:
        assert re.search(r"(  |\n) *[A-Z]", entry), entry  # every option says what it is for


def test_the_version_is_the_package_s():
    import facelite

    assert CliRunner().invoke(main, ["--version"]).stdout == f"facelite, version {facelite.__version__}\n"


def test_every_command_is_in_the_readme():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README.md yet")
    text = readme.read_text(encoding="utf-8")
    names = {words[0] for words, command in COMMANDS if words[0] != "enroll"}
    assert not {name for name in names if f"facelite {name}" not in text}
