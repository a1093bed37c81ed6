"""The kiosk and a real broker, mosquitto: what it tells, and what the broker tells when it is gone."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time

import pytest

from facelite.errors import InputError
from facelite.kiosk.config import MqttConfig
from facelite.kiosk.mqtt import Mqtt, discovery, read_password

mqtt = pytest.importorskip("paho.mqtt.client")

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Broker:
    """Mosquitto on a port of its own, and what a listener has heard of it."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.heard = []
        self.start()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = lambda client, data, message: self.heard.append((message.topic, message.payload.decode(), message.retain))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()

    def start(self):
        self.process = subprocess.Popen([MOSQUITTO, "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)
        raise AssertionError("mosquitto does not listen")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def wait(self, topic, wanted, seconds=60.0):
        """The first message of ``topic`` that is ``wanted``; what was heard before it is forgotten."""
        began = time.monotonic()
        while True:
            for place, (name, payload, _) in enumerate(self.heard):
                if name == topic and wanted(payload):
                    del self.heard[: place + 1]
                    return payload
            assert time.monotonic() - began < seconds, self.heard
            time.sleep(0.02)

    def close(self):
        self._client.loop_stop()
        self._client.disconnect()
        self.stop()


@pytest.fixture
def broker(tmp_path):
    if not MOSQUITTO:
        pytest.skip("no mosquitto: apt-get install mosquitto")
    broker = Broker(tmp_path)
    yield broker
    broker.close()


def test_state_and_events_and_a_farewell(broker):
    client = Mqtt(MqttConfig("127.0.0.1", broker.port, topic="house/door"))
    client.state("idle")
    broker.wait("house/door/status", "online".__eq__)
    broker.wait("house/door/state", "idle".__eq__)
    client.event({"kind": "accepted", "subject": "Eileen"})
    assert json.loads(broker.wait("house/door/event", bool)) == {"kind": "accepted", "subject": "Eileen"}
    client.close()
    broker.wait("house/door/status", "offline".__eq__)


def test_home_assistant_is_told_what_to_listen_to(broker):
    config = MqttConfig("127.0.0.1", broker.port, topic="house/door")
    client = Mqtt(config)
    for topic, message in discovery(config).items():
        assert json.loads(broker.wait(topic, bool)) == message
        assert message["availability_topic"] == "house/door/status" and message["unique_id"].startswith("house_door")
        assert message["state_topic"] in ("house/door/state", "house/door/event")
    client.close()
    assert discovery(MqttConfig("h", discovery="")) == {}


def test_the_last_will_when_the_kiosk_is_killed(broker):
    program = (
        "import time; from facelite.kiosk.mqtt import Mqtt; from facelite.kiosk.config import MqttConfig;"
        f"Mqtt(MqttConfig('127.0.0.1', {broker.port})); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    broker.wait("facelite/door/status", "online".__eq__)
    process.kill()
    process.wait()
    broker.wait("facelite/door/status", "offline".__eq__)


def test_a_broker_that_comes_back_hears_the_present_state(broker, recovered):
    client = Mqtt(MqttConfig("127.0.0.1", broker.port))
    client.state("idle")
    broker.wait("facelite/door/state", "idle".__eq__)
    broker.stop()
    client.state("welcome")
    client.event({"kind": "accepted", "subject": "Eileen"})  # nobody hears it, and nobody shall hear it later
    client.state("out of service")
    broker.heard.clear()
    broker.start()
    began = time.monotonic()
    broker.wait("facelite/door/state", "out of service".__eq__)
    recovered("the broker killed and started again", time.monotonic() - began)
    time.sleep(0.3)
    assert not [one for one in broker.heard if one[0].endswith("/event")]
    client.close()


def test_names_can_be_kept_back(broker):
    client = Mqtt(MqttConfig("127.0.0.1", broker.port, names=False))
    broker.wait("facelite/door/status", "online".__eq__)
    client.event({"kind": "accepted", "subject": "Eileen"})
    assert json.loads(broker.wait("facelite/door/event", bool)) == {"kind": "accepted", "subject": None}
    client.close()


def test_no_broker_holds_nothing_up():
    began = time.monotonic()
    client = Mqtt(MqttConfig("127.0.0.1", 9))
    client.state("idle")
    client.event({"kind": "accepted"})
    assert not client.connected
    client.close()
    assert time.monotonic() - began < 5


def test_the_password_is_the_file_s_first_line(tmp_path):
    (tmp_path / "password").write_text("open sesame\n\n")
    assert read_password(MqttConfig("h", password_file=str(tmp_path / "password"))) == "open sesame"
    with pytest.raises(InputError, match="broker's password"):
        read_password(MqttConfig("h", password_file=str(tmp_path / "nowhere")))
