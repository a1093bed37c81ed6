"""The kiosk in Home Assistant and other listeners of MQTT: its state, what happens, and its last will (paho-mqtt, extra ``kiosk``)."""

from __future__ import annotations

import json
import logging
import ssl
from importlib import import_module
from pathlib import Path
from typing import Any

from facelite import __version__
from facelite.errors import FaceliteError, InputError
from facelite.kiosk.config import MqttConfig

log = logging.getLogger(__name__)


class Mqtt:
    """A client that connects in its own thread, and again whenever the broker comes back.

    Under the topic: ``status`` (online, offline; retained, offline by the last will), ``state`` (what the screen says; retained), ``event`` (JSON).
    It listens to nothing: no message opens the door.
    """

    def __init__(self, config: MqttConfig, /) -> None:
        """Raises FaceliteError where paho-mqtt is not installed, InputError where the password cannot be read."""
        self._config = config
        try:
            library: Any = import_module("paho.mqtt.client")
        except ModuleNotFoundError:
            raise FaceliteError("expected the package paho-mqtt, found none; install it: pip install 'facelite[kiosk]'") from None
        name = "facelite-" + config.topic.replace("/", "-")
        self._client = library.Client(library.CallbackAPIVersion.VERSION2, client_id=name)
        if config.user:
            self._client.username_pw_set(config.user, read_password(config))
        if config.tls:
            self._client.tls_set_context(ssl.create_default_context())
        self._client.will_set(f"{config.topic}/status", "offline", qos=1, retain=True)
        self._client.max_queued_messages_set(100)
        self._client.reconnect_delay_set(1, 30)
        self._client.on_connect = lambda client, userdata, flags, reason, properties: self._connected(client, reason)
        self._client.on_disconnect = lambda *_: log.warning("mqtt: no connection to %s:%d", config.host, config.port)
        self._state = ""
        self._client.connect_async(config.host, config.port, keepalive=30)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected())

    def state(self, state: str, /) -> None:
        """Tell what the screen says, where that is new."""
        changed, self._state = state != self._state, state
        if changed and self.connected:  # who connects later is told what then is so
            self._client.publish(f"{self._config.topic}/state", state, qos=1, retain=True)

    def event(self, event: dict[str, Any], /) -> None:
        told = event if self._config.names else event | {"subject": None}
        if self.connected:  # now or never: what happened while nobody listened is in the log, and a welcome an hour late might open something
            self._client.publish(f"{self._config.topic}/event", json.dumps(told), qos=0)

    def close(self) -> None:
        self._client.publish(f"{self._config.topic}/status", "offline", qos=1, retain=True)
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Any, reason: Any) -> None:
        if reason.is_failure:
            log.warning("mqtt: %s:%d refuses: %s", self._config.host, self._config.port, reason)
            return
        for topic, message in discovery(self._config).items():
            client.publish(topic, json.dumps(message), qos=1, retain=True)
        client.publish(f"{self._config.topic}/status", "online", qos=1, retain=True)
        if self._state:
            client.publish(f"{self._config.topic}/state", self._state, qos=1, retain=True)


def discovery(config: MqttConfig, /) -> dict[str, dict[str, Any]]:
    """By topic, what tells Home Assistant of the kiosk: a sensor of its state, one of the last event; none where discovery is off."""
    if not config.discovery:
        return {}
    node = config.topic.replace("/", "_")
    device = {"identifiers": [node], "name": f"Face door {config.topic}", "manufacturer": "facelite", "sw_version": __version__}
    both = {"availability_topic": f"{config.topic}/status", "device": device}
    state = {"name": "State", "unique_id": f"{node}_state", "state_topic": f"{config.topic}/state", "icon": "mdi:face-recognition"}
    event = {
        "name": "Last event",
        "unique_id": f"{node}_event",
        "state_topic": f"{config.topic}/event",
        "value_template": "{{ value_json.kind }}",
        "json_attributes_topic": f"{config.topic}/event",
        "icon": "mdi:door",
    }
    return {f"{config.discovery}/sensor/{node}/{name}/config": values | both for name, values in (("state", state), ("event", event))}


def read_password(config: MqttConfig, /) -> str | None:
    """The first line of the password file. Raises InputError where it cannot be read."""
    if not config.password_file:
        return None
    try:
        return Path(config.password_file).read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise InputError(f"{config.password_file}: expected the broker's password, got {error}; write it there, with mode 0600") from None
