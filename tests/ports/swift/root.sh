#!/bin/sh
# A Debian trixie of this machine's processor with its Swift toolchain: root.sh ROOT
# A root that this file made before is kept, with what was put into its /work. Ends with status 1 and the command that failed.
set -eu
root=$1

main() {
    [ "$(id -u)" = 0 ] || fail chroot "expected to be root, got $(id -un)"
    made_by=$(cat "$0" | sha256sum)
    [ "$(cat "$root/.made_by" 2>/dev/null)" = "$made_by" ] && return
    rm -rf "$root"
    mkdir -p "$(dirname "$root")"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 'Component: main' | head -n 1)
    try mmdebstrap --quiet --variant=essential --include=swiftlang,libc6-dev,libstdc++-14-dev --aptopt='APT::Install-Recommends "false"' trixie "$root" ${mirror:+"$mirror"}
    mkdir "$root/work"
    echo "$made_by" >"$root/.made_by"
}

try() {
    said=$("$@" 2>&1) || fail "$*" "$said"
}

fail() { # command, reason
    echo "$1: $2" >&2
    exit 1
}

main
