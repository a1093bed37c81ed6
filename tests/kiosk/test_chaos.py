"""What breaks around a kiosk at work: the door stays locked or locks again, the kiosk comes back, and how long that took is said at the end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from facelite.gallery import Gallery
from facelite.kiosk.codes import ADMINISTRATOR, Codes

slow = pytest.mark.slow


def test_it_ends_as_systemd_wants_it_to(machine):
    kiosk = machine()
    kiosk.until("idle")
    kiosk.scene("Eileen")
    kiosk.until_energised()
    assert kiosk.end() == 0
    assert not kiosk.energised


def test_killed_while_the_door_is_open(machine, recovered):
    kiosk = machine()
    kiosk.until("idle")
    kiosk.scene("Eileen")
    kiosk.until_energised()
    began = time.monotonic()
    kiosk.kill()
    kiosk.until_energised(False, seconds=2.5)  # sooner than its time was over
    recovered("the kiosk killed while the door is open, until it is locked", kiosk.pins[-1][0] - began)
    kiosk.start()
    recovered("the kiosk killed, from its new start until it says who is there", kiosk.until("welcome"))
    assert kiosk.end() == 0


@slow
def test_killed_at_any_moment_of_a_visit(machine):
    kiosk = machine()
    chance = np.random.default_rng(0)
    kiosk.scene("Eileen")
    for _ in range(12):
        kiosk.until("welcome")
        time.sleep(chance.uniform(0, 2))
        kiosk.kill()
        kiosk.until_energised(False, seconds=2.5)
        kiosk.start()


@slow
@pytest.mark.parametrize("fault", ["gone", "frozen", "black"])
def test_a_broken_camera(machine, recovered, fault):
    kiosk = machine()
    kiosk.until("idle")
    if fault == "gone":
        kiosk.camera.plugged = False
    else:
        kiosk.scene(fault)
    recovered(f"the camera {fault}, until that is said", kiosk.until("out of service"))
    kiosk.camera.plugged = True
    kiosk.scene("Eileen")
    recovered(f"the camera back after it was {fault}, until somebody is welcome", kiosk.until("welcome"))
    assert kiosk.end() == 0


@slow
def test_a_full_disk(machine, tmp_path, recovered):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here: it asks for root")
    try:
        kiosk = machine(f'[log]\nfile = "{disk}/log.db"\n')
        kiosk.until("idle")
        with (disk / "filling").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1000))
            except OSError:
                pass
        kiosk.scene("Eileen")
        kiosk.until("out of service")
        assert not kiosk.pins
        (disk / "filling").unlink()
        recovered("the disk no longer full, until somebody is welcome", kiosk.until("welcome"))
        kiosk.until_energised()
        assert kiosk.end() == 0
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


@slow
def test_a_relay_that_is_stuck(machine, recovered):
    kiosk = machine()
    kiosk.until("idle")
    kiosk.stuck.touch()
    kiosk.scene("Eileen")
    kiosk.until_energised()
    recovered("the relay stuck, from its opening until that is said", kiosk.until("out of service"))
    assert "the relay is stuck" in kiosk.said
    kiosk.stuck.unlink()
    recovered("the relay mended", kiosk.until("welcome"))
    assert kiosk.end() == 0


@slow
def test_a_damaged_gallery(machine, gallery_file, recovered):
    kiosk = machine()
    kiosk.until("idle")
    whole = gallery_file.read_bytes()
    gallery_file.write_bytes(whole[: len(whole) // 2])
    kiosk.scene("Eileen")
    kiosk.until("out of service")
    time.sleep(1.0)
    assert not kiosk.pins
    gallery_file.write_bytes(whole)
    recovered("the gallery put back, until somebody is welcome", kiosk.until("welcome"))
    assert kiosk.end() == 0


@slow
def test_an_enrolment_that_is_killed(machine, gallery_file, hopper, tmp_path):
    """A command line that enrols while the kiosk runs, killed at any moment: the gallery is the old one or the new one, and the kiosk goes on."""
    import cv2

    cv2.imwrite(str(tmp_path / "grace.png"), cv2.cvtColor(hopper, cv2.COLOR_RGB2BGR))
    kiosk = machine()
    kiosk.until("idle")
    chance = np.random.default_rng(1)
    bundle = next(line.split('"')[1] for line in kiosk.config.read_text().splitlines() if line.startswith("bundle"))
    for _ in range(8):
        command = [sys.executable, "-m", "facelite", "enrol", "--bundle", bundle, "--gallery", gallery_file, "Grace", tmp_path / "grace.png"]
        enrolling = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.3, 2.0))
        enrolling.kill()
        enrolling.wait()
        with Gallery(gallery_file) as gallery:
            assert gallery.subjects in (["Eileen"], ["Eileen", "Grace"])
    kiosk.scene("Eileen")
    kiosk.until("welcome")
    assert kiosk.end() == 0


@slow
def test_an_enrolment_at_the_kiosk_that_is_killed(machine, gallery_file):
    """At any moment between the name and the end, five times: the gallery is the old one or the new one, and the kiosk comes back."""
    kiosk = machine("[enrol]\npictures = 1\n[strangers]\n[lock]\nfailures = 1000\n")
    Codes(kiosk.config.parent / "administrator.json").set(ADMINISTRATOR, "314159")
    kiosk.scene("stranger")
    chance, enrolled = np.random.default_rng(2), 0
    for _ in range(5):
        kiosk.until("not recognised")
        kiosk.say("enrol")
        kiosk.until("administrator")
        kiosk.say("code", "314159")
        kiosk.until("name")
        kiosk.say("name", "Grace")
        time.sleep(chance.uniform(1.0, 2.0))
        kiosk.kill()
        with Gallery(gallery_file) as gallery:
            assert gallery.subjects in (["Eileen"], ["Eileen", "Grace"])
            if "Grace" in gallery.subjects:
                enrolled += gallery.remove("Grace")
        kiosk.start()
    kiosk.scene("Eileen")
    kiosk.until("welcome")
    assert kiosk.end() == 0 and 0 < enrolled < 5, enrolled


@slow
def test_a_newcomer_is_known_within_a_second(machine, gallery_file, verifier, hopper, recovered):
    kiosk = machine("[lock]\nfailures = 100\n")
    kiosk.scene("stranger")
    kiosk.until("not recognised")
    with Gallery(gallery_file) as gallery:
        verifier.enrol("Grace", [hopper], gallery)
    recovered("somebody enrolled by another process, until the kiosk welcomes them", kiosk.until("welcome"))
    assert kiosk.end() == 0


@slow
def test_a_broker_that_goes(machine, tmp_path):
    broker = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not broker:
        pytest.skip("no mosquitto: apt-get install mosquitto")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([broker, "-c", tmp_path / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    kiosk = machine(f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\n')
    kiosk.until("idle")
    process.kill()
    process.wait()
    kiosk.scene("Eileen")
    kiosk.until("welcome")
    kiosk.until_energised()
    assert kiosk.end() == 0


@slow
def test_it_needs_no_memory_that_is_written_and_run(machine):
    asked = "import ctypes, sys; sys.exit(ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0)"
    if subprocess.run([sys.executable, "-c", asked], check=False).returncode:
        pytest.skip("this kernel cannot refuse memory that is written and run: it is older than Linux 6.3")
    kiosk = machine(MDWE="1")
    kiosk.scene("Eileen")
    kiosk.until_energised()
    assert kiosk.end() == 0


def test_ctrl_c(machine):
    kiosk = machine()
    kiosk.until("idle")
    kiosk.process.send_signal(signal.SIGINT)
    assert kiosk.process.wait(30) == 0
