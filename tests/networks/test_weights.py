"""Weights files: what is written is read, half precision only where it is said, anything else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelite.errors import InputError
from facelite.networks.weights import BEST, halved, pack_weights, read_weights

RELEASED = Path(__file__).parents[2] / "export/nns2"


@pytest.mark.parametrize("half", [False, True])
def test_what_is_packed_is_read_back(tmp_path, half):
    weights = {"conv": [np.float32([[1.0001, -3e-6]]), np.float32([0.1])], "conv_bn": [np.float32([i / 3]) for i in range(4)]}
    (tmp_path / "weights.npz").write_bytes(pack_weights(weights, half=half))
    read, expected = read_weights(tmp_path / "weights.npz"), halved(weights) if half else weights
    assert list(read) == list(weights)
    for name, values in expected.items():
        for value, one in zip(values, read[name], strict=True):
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, value)
    np.testing.assert_allclose(read["conv"][0], weights["conv"][0], rtol=1e-3, atol=1e-7)
    np.testing.assert_array_equal(read["conv_bn"], weights["conv_bn"])  # vectors keep their precision


@pytest.mark.parametrize("write", [
    lambda path: None,
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("text"),
    lambda path: path.write_bytes((RELEASED / "weights.npz").read_bytes()[:5000]),
    lambda path: path.write_bytes(b"PK\3\4" + bytes(100)),
    lambda path: np.save(path.open("wb"), np.zeros(3)),
    lambda path: np.savez(path.open("wb"), nonsense=np.zeros(3)),
    lambda path: np.savez(path.open("wb"), **{"a/0": np.array(["text"])}),
    lambda path: np.savez(path.open("wb"), **{"a/0": np.array([{}])}),
    lambda path: path.mkdir(),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the lambdas leave their files to the collector
def test_what_is_no_weights_file_is_refused(tmp_path, write):
    path = tmp_path / "weights.npz"
    write(path)
    with pytest.raises(InputError, match=rf"^{path}.*: expected weights as a training run leaves them, got .*; name"):
        read_weights(path)


def test_a_run_folder_stands_for_its_best_weights(tmp_path):
    np.savez(tmp_path / BEST, **{"layer/0": np.ones(2), "layer/1": np.zeros(3, np.float16)})
    read = read_weights(tmp_path)
    assert list(read) == ["layer"]
    assert [(value.dtype, value.shape) for value in read["layer"]] == [(np.float32, (2,)), (np.float32, (3,))]
