"""Temperature and throttling of a Raspberry Pi, from files as its kernel and output as its firmware's program write them."""

from __future__ import annotations

import pytest

from facelite.runtime import heat
from facelite.runtime.heat import FLAGS, Heat, read_heat, throttling


@pytest.fixture
def board(tmp_path, monkeypatch):
    """board(files, said): a root with these files, and a vcgencmd that says this; None: there is none."""

    def make(files, said):
        for name, text in files.items():
            path = tmp_path / "sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(heat, "VCGENCMD", ("no-such-program",) if said is None else ("echo", said))
        return tmp_path

    return make


CPU = {"class/thermal/thermal_zone0/type": "cpu-thermal\n", "class/thermal/thermal_zone0/temp": "48312\n"}
OTHER = {"class/thermal/thermal_zone1/type": "rp1_adc\n", "class/thermal/thermal_zone1/temp": "61000\n"}
KERNEL = {"devices/platform/soc/soc:firmware/get_throttled": "50005\n"}


@pytest.mark.parametrize(("files", "said", "expected"), [
    (CPU | OTHER | KERNEL, "throttled=0x0", Heat(48.312, (FLAGS[0], FLAGS[2], FLAGS[16], FLAGS[18]))),
    (CPU, "throttled=0x80008", Heat(48.312, (FLAGS[3], FLAGS[19]))),
    (OTHER, "throttled=0x0", Heat(61.0, ())),
    (CPU | {"class/thermal/thermal_zone0/temp": "no number"}, None, Heat(None, None)),
    ({}, "VCHI initialization failed", Heat(None, None)),
])  # fmt: skip
def test_what_a_board_tells_is_read(board, files, said, expected):
    assert read_heat(board(files, said)) == expected


def test_each_bit_has_its_words():
    assert throttling(0) == ()
    for bit, words in FLAGS.items():
        assert throttling(1 << bit) == (words,)
    assert throttling(sum(1 << bit for bit in FLAGS)) == tuple(FLAGS.values())


@pytest.mark.parametrize(("one", "line"), [
    (Heat(48.312, ()), "48.3 degrees C, not throttled"),
    (Heat(None, (FLAGS[1], FLAGS[17])), "temperature unknown, frequency capped, frequency capped since the start"),
    (Heat(None, None), "temperature unknown, throttling unknown"),
])  # fmt: skip
def test_a_reader_is_told(one, line):
    assert one.line == line
