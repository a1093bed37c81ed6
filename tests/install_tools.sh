#!/bin/sh
# The Debian packages that slow tests need: installed where we may, else one line says what is missing. Never fails: without them tests skip.
set -u
missing=
while read -r package found; do
    command -v "$found" >/dev/null || [ -e "$found" ] || missing="$missing $package"
done <<END
default-jdk-headless javac
libjna-java /usr/share/java/jna.jar
chromium chromium
chromium-driver chromedriver
mosquitto mosquitto
python3-gi /usr/share/doc/python3-gi
gir1.2-gst-rtsp-server-1.0 /usr/share/doc/gir1.2-gst-rtsp-server-1.0
gstreamer1.0-plugins-base /usr/share/doc/gstreamer1.0-plugins-base
gstreamer1.0-plugins-good /usr/share/doc/gstreamer1.0-plugins-good
qemu-user-static qemu-aarch64-static
binfmt-support update-binfmts
mmdebstrap mmdebstrap
arch-test arch-test
libandroid-json-org-java /usr/share/java/json-android.jar
aapt aapt2
android-framework-res /usr/share/android-framework-res/framework-res.apk
zipalign zipalign
apksigner apksigner
END
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086 - several words; fonts: a page without any shows no text
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing fonts-dejavu-core fonts-noto-cjk >/dev/null && exit 0
fi
echo "tests/install_tools.sh:$missing not found and not installed here; the tests that need it will skip"
