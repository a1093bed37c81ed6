"""A kiosk with an RTSP camera, GStreamer's own server: it sees, and notices when the camera is gone or hangs."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import cv2
import pytest

pytestmark = pytest.mark.slow

SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture
def camera(film, rng, astronaut, tmp_path, machine_module):
    """camera.start(), .process, .address: Eileen before it, for ever."""
    asked = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run([SYSTEM_PYTHON, "-c", asked], capture_output=True, check=False).returncode:
        pytest.skip("no RTSP server: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good")
    (tmp_path / "frames").mkdir()
    for i in range(20):
        shown = film.frame(rng, (astronaut, 318 + i % 5, 220))
        cv2.imwrite(str(tmp_path / f"frames/{i:04d}.jpg"), cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))

    class Camera:
        port = machine_module.free_port()
        address = f"rtsp://127.0.0.1:{port}/door"
        process = None

        def start(self):
            self.process = subprocess.Popen([SYSTEM_PYTHON, Path(__file__).parent / "rtsp.py", tmp_path / "frames", str(self.port)])

    made = Camera()
    made.start()
    yield made
    made.process.kill()
    made.process.wait()


def test_a_network_camera_that_goes_and_hangs(camera, config, machine_module, recovered):
    port = machine_module.free_port()
    path = config(f"[screen]\nport = {port}\n[door]\npin = 17\nseconds = 1\n[visit]\nshown = 0.5\nagain = 1.0\n")
    path.write_text(path.read_text().replace("[camera]\n", f'[camera]\nsource = "{camera.address}"\nfrozen = 2.0\n'))
    kiosk = machine_module.Machine(path, port)
    kiosk.start()
    try:
        kiosk.until("welcome")
        kiosk.until_energised()
        camera.process.kill()
        camera.process.wait()
        recovered("an RTSP camera gone, until the kiosk says so", kiosk.until("out of service"))
        kiosk.until_energised(False)
        time.sleep(1)
        camera.start()
        recovered("an RTSP camera back, until somebody is welcome", kiosk.until("welcome"))
        camera.process.send_signal(signal.SIGSTOP)
        recovered("an RTSP camera that hangs, until the kiosk says so", kiosk.until("out of service"))
        kiosk.until_energised(False)
        camera.process.send_signal(signal.SIGCONT)
        recovered("an RTSP camera that goes on, until somebody is welcome", kiosk.until("welcome"))
        assert kiosk.end() == 0
    finally:
        if kiosk.process.poll() is None:
            kiosk.kill()
