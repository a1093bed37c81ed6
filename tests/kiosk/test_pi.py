"""The installer, and the kiosk that it installs, on an emulated Pi 4 with the Debian under Raspberry Pi OS; and the unit, by systemd's own tools."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DEVICE = ROOT / "devices/raspberry_pi"

CORE = (
    "Features\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
    "CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
)
"""Of a Pi 4 in /proc/cpuinfo."""


@dataclass(frozen=True, slots=True)
class Pi:
    root: Path

    def run(self, *words, **environment):
        """A program in the root, as root: its standard output; it has to end with 0."""
        own = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "QEMU_CPU": "cortex-a72", "GPIOZERO_PIN_FACTORY": "mock"}
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PIP_ROOT_USER_ACTION": "ignore"}
        command = ["chroot", self.root, *words]
        ended = subprocess.run(command, env={**own, **pip, **environment}, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{words}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout


@pytest.fixture(scope="module", params=["bookworm 3.11", "trixie 3.13"])
def pi(request):
    """A root with a checkout in /checkout, in which nothing of facelite is installed."""
    debian, python = request.param.split()
    if platform.machine() != "x86_64":
        pytest.skip(f"expected an x86-64 to emulate on, got {platform.machine()}")
    root = ROOT / f"build/runtimes/pi-{debian}"
    made = subprocess.run(
        [HERE / "pi_root.sh", debian, python, root], env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"pi_root.sh {debian}: {made.stdout}{made.stderr}")
    (root / "checkout").mkdir()
    for name in ("facelite", "export", "devices", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / "checkout" / name)
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text("".join(f"processor\t: {number}\nBogoMIPS\t: 108.00\n{CORE}" for number in range(4)))
    processors = root / "sys/devices/system/cpu"
    processors.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present", "online"):
        (processors / name).write_text("0-3\n")
    return Pi(root)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_it_is_installed_and_opens_the_door_to_the_right_person(pi, film, rng, astronaut, hopper):
    said = pi.run("/checkout/devices/raspberry_pi/install.sh")
    assert "install: done" in said and "no systemd runs here" in said
    assert (pi.root / "var/lib/facelite").stat().st_mode & 0o777 == 0o700
    visits = [film.nobody(rng, 5) + film.walk(rng, person, stay=20) for person in (astronaut, hopper)]
    film.write(pi.root / "srv/film.avi", visits[0] + visits[1], rate=2)  # an emulated processor is slow
    cv2.imwrite(str(pi.root / "srv/eileen.png"), cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))
    config = pi.root / "etc/facelite/kiosk.toml"
    text = config.read_text()
    assert 'gallery = "/var/lib/facelite/gallery.db"' in text and "nns1-int8.facelite" in text
    text = text.replace('source = "picamera2"', 'source = "/srv/film.avi"').replace("# [door]\n# pin = 17", "[door]\npin = 17")
    config.write_text(text)
    assert "enrolled from 1 picture" in pi.run("facelite-door", "enrol", "--gallery", "/var/lib/facelite/gallery.db", "Eileen", "/srv/eileen.png")
    checks = {one["name"]: one for one in json.loads(pi.run("facelite-door", "kiosk", "/etc/facelite/kiosk.toml", "--check", "--json"))["checks"]}
    assert {checks[name]["state"] for name in ("gallery", "camera", "door", "screen", "log")} == {"ok"}
    ended = json.loads(pi.run("facelite-door", "kiosk", "/etc/facelite/kiosk.toml", "--json"))
    assert ended["frames"] > 5 and ended["fault"] == ""
    entries = json.loads(pi.run("facelite-door", "kiosk", "/etc/facelite/kiosk.toml", "--log", "--json"))["entries"]
    assert ("accepted", "Eileen") in {(one["kind"], one["subject"]) for one in entries}
    assert {one["subject"] for one in entries} <= {"Eileen", None}
    before = config.read_bytes(), (pi.root / "var/lib/facelite/gallery.db").read_bytes()
    pi.run("/checkout/devices/raspberry_pi/install.sh")  # again: nothing of the user's is changed
    assert before == (config.read_bytes(), (pi.root / "var/lib/facelite/gallery.db").read_bytes())


def test_the_unit_is_right_and_shut_in(tmp_path):
    """systemd's own checks; an exposure of 0 is the least, 10 the most."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze: apt-get install systemd")
    unit = tmp_path / "facelite-kiosk.service"
    unit.write_text((DEVICE / "facelite-kiosk.service").read_text().replace("/opt/facelite/bin/facelite", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert verified.returncode == 0 and not verified.stderr, verified.stderr
    judged = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=30", unit], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout


def test_the_script_beside_the_config_is_the_command(film, rng, config, tmp_path):
    path = config()
    film.write(tmp_path / "film.avi", film.nobody(rng, 4))
    path.write_text(path.read_text().replace("[camera]\n", '[camera]\nsource = "film.avi"\n'))
    ended = subprocess.run([sys.executable, DEVICE / "kiosk.py", path, "--json"], capture_output=True, text=True, check=False)
    assert json.loads(ended.stdout)["frames"] > 0, ended.stderr


@pytest.mark.parametrize("machine", ["armv7l", "riscv64"])
def test_the_installer_says_what_a_machine_cannot_do(tmp_path, machine):
    (tmp_path / "uname").write_text(f"#!/bin/sh\necho {machine}\n")
    (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
    for name in ("uname", "id"):
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ended = subprocess.run([DEVICE / "install.sh"], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and machine in ended.stderr
    assert ("64-bit system" in ended.stderr) == (machine == "armv7l")
