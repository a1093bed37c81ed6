"""Atheris: what libFuzzer makes of the readers of pictures and bundles, led on by each line of theirs that an input is the first to reach."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

INSTALLED = HERE.parents[1] / "build/fuzz/.installed"

RUNS = [
    pytest.param("image", 4_000, id="some"),
    pytest.param("image", 500_000, id="image", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    pytest.param("bundle", 15_000, id="bundle", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
]


@pytest.mark.parametrize("kind, runs", RUNS)
def test_no_input_that_coverage_leads_to_is_a_defect(kind, runs, bundle_file, tmp_path, capsys):
    if not INSTALLED.exists():
        pytest.skip("expected atheris in build/fuzz, found none; where there is a wheel this installs it: make build/fuzz/.installed")
    flags = [
        f"-runs={runs}",
        "-seed=1",
        "-timeout=60",
        "-rss_limit_mb=1000",
        "-max_len=8192",
        "-print_final_stats=1",
        f"-artifact_prefix={tmp_path}/",
    ]
    fresh = ["sh", "-c", '"$@"; exit $?', "sh"]  # a child begins with the largest memory that its parent had: pytest's would break the limit
    command = [*fresh, INSTALLED.parent / "bin/python", HERE / "guided.py", kind, bundle_file, tmp_path, *flags]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    assert result.returncode == 0, f"the input is kept in {tmp_path}\n{result.stderr[-5000:]}"
    done, seconds = (int(number) for number in re.search(r"Done (\d+) runs in (\d+) second", result.stderr).groups())
    found = re.search(r"new_units_added: +(\d+)", result.stderr)[1]
    assert done == runs
    with capsys.disabled():
        sys.stdout.write(f"\natheris, {kind}: {done:,} inputs in {seconds} s, {found} of them new paths\n")
