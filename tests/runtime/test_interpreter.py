"""One model in one interpreter: which runtime, what is refused, several threads at once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facelite.bundle import EMBEDDER
from facelite.errors import BundleError
from facelite.runtime.interpreter import MAX_THREADS, RUNTIMES, Interpreter, runtime_name

SHAPE = (1, 112, 96, 3)

unchecked_models = pytest.mark.skipif(
    runtime_name() == "tflite_runtime", reason="tflite-runtime 2.14 crashes on a damaged model; a bundle's is checked by its hash before"
)


@pytest.fixture(scope="module")
def model(bundle):
    return bundle.files[EMBEDDER]


def inputs(count):
    return np.random.default_rng(0).uniform(-1, 1, (count, *SHAPE)).astype(np.float32)


def test_shapes_are_those_of_the_file(model):
    interpreter = Interpreter(model)
    assert interpreter.input_shape == SHAPE
    assert interpreter.output_shapes == ((1, 128),)


def test_an_answer_belongs_to_the_caller(model):
    interpreter = Interpreter(model)
    first, second = inputs(2)
    answer = interpreter.run(first)[0]
    kept = answer.copy()
    assert not np.array_equal(interpreter.run(second)[0], kept)
    np.testing.assert_array_equal(answer, kept)
    answer[:] = 0
    np.testing.assert_array_equal(interpreter.run(first)[0], kept)


def test_several_threads_get_the_answers_of_one(model):
    interpreter = Interpreter(model)
    values = inputs(24)
    expected = [interpreter.run(one)[0] for one in values]
    with ThreadPoolExecutor(6) as pool:
        for answer, one in zip(pool.map(lambda one: interpreter.run(one)[0], values), expected, strict=True):
            np.testing.assert_array_equal(answer, one)


def test_more_threads_in_the_runtime_give_the_same_answer(model):
    value = inputs(1)[0]
    np.testing.assert_allclose(Interpreter(model, threads=2).run(value)[0], Interpreter(model).run(value)[0], atol=1e-4)


def test_outputs_come_in_the_order_of_their_names(stub_runtime):
    stub_runtime(lambda values: [np.float32([[1]]), np.float32([[2]])], sizes=((1, 1), (1, 1)))
    assert [float(answer[0, 0]) for answer in Interpreter(b"x").run(np.zeros(SHAPE, np.float32))] == [1, 2]


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1, 100_000])
def test_a_number_of_threads_that_would_crash_the_process_is_misuse(model, threads):
    with pytest.raises(ValueError, match="1 to 64 threads"):
        Interpreter(model, threads=threads)


@pytest.mark.parametrize("share", [0, 1e-6, 1e-5, 1e-4, 0.01, 0.5, 0.99, 0.999])
@unchecked_models
def test_a_truncated_model_is_refused(model, share):
    with pytest.raises(BundleError, match=r"expected a TFLite model that .* can load, got: .*; export it again"):
        Interpreter(model[: int(share * len(model))])


@unchecked_models
def test_what_is_no_model_is_refused_in_one_line():
    for data in (b"", b"text", b"\0" * 1000, b"    TFL3" + b"\xff" * 1000):
        with pytest.raises(BundleError, match="expected a TFLite model") as caught:
            Interpreter(data)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"kinds": (np.float64, np.float32)}, {"kinds": (np.float32, np.uint8)}, {"inputs": 2}])
def test_a_model_of_other_numbers_or_two_inputs_is_refused(stub_runtime, changes):
    stub_runtime(None, **changes)
    with pytest.raises(BundleError, match="one input, float32 or int8 in and out"):
        Interpreter(b"x")


def test_int8_without_a_scale_is_refused(stub_runtime):
    stub_runtime(None, kinds=(np.int8, np.int8))
    with pytest.raises(BundleError, match="int8 input and output have a scale, got one without"):
        Interpreter(b"x")


def test_the_second_runtime_is_taken_where_the_first_is_missing_and_our_own_where_both_are(monkeypatch):
    *installed, ours = RUNTIMES
    for name in installed:
        package = name.partition(".")[0]
        monkeypatch.setitem(sys.modules, package, type(sys)(package))
        monkeypatch.setitem(sys.modules, name, type(sys)(name))
    for name in installed:
        assert runtime_name() == name.partition(".")[0]
        monkeypatch.setitem(sys.modules, name, None)
    assert (runtime_name(), ours) == ("facelite", "facelite.runtime.reference")
