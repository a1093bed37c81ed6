"""The README's code is run as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from facelite.export.assemble import export_bundle
from facelite.export.recipe import Recipe
from facelite.recipe import parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path, detector_file, astronaut):
    """What the README's lines expect to find."""
    export_bundle(ROOT / "export/nns1/int8.toml", tmp_path)
    for name in ("a.jpg", "b.jpg", "ada1.jpg", "ada2.jpg"):
        cv2.imwrite(str(tmp_path / name), cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))
    return tmp_path


def test_python_blocks_run(folder):
    for block in blocks("python"):
        result = subprocess.run([sys.executable, "-c", block], cwd=folder, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("accepted 0.0 ")


def test_device_commands_run(folder):
    environment = {name: value for name, value in os.environ.items() if name != "FACELITE_BUNDLE"}
    for line in blocks("sh")[0].splitlines():
        words = shlex.split(line, comments=True)
        result = subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, env=environment)
        assert result.returncode == 0, (line, result.stderr)
        assert result.stderr == ""


@pytest.mark.parametrize("block", blocks("sh")[1:])
def test_workstation_commands_and_options_exist(block):
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        options = [word for word in words if word.startswith("--")]
        command = words[: 3 if words[1] == "gallery" else 2]
        text = subprocess.run([sys.executable, "-m", *command, "--help"], capture_output=True, text=True, check=True).stdout
        assert all(option in text for option in options), line


def test_the_recipe_is_one():
    import tomllib

    recipe = parse(tomllib.loads(blocks("toml")[0]), Recipe)
    assert recipe.precision == "int8"


def test_every_file_that_the_readme_names_exists():
    for name in re.findall(r"`((?:export|devices|tests|docs)/[^`*]+)`", README):
        assert (ROOT / name).exists(), name


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
