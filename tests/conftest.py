"""Fixtures that several test files share: the detector file, two real photographs that come with installed packages, the released bundle."""

import importlib.util
from pathlib import Path

import matplotlib.cbook
import pytest
import skimage.data

from facelite.bundle import open_bundle
from facelite.calibration import bootstrap
from facelite.errors import BundleError
from facelite.export.assemble import export_bundle
from facelite.image import decode_image
from facelite.runtime.detector import Detector, find_detector

RELEASED = Path(__file__).parent.parent / "export/nns2"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Where a test's commands keep embeddings: no test reads or writes those of the user."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FACELITE_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def keyring(tmp_path_factory, monkeypatch):
    """The folder of a test's keyring, which its commands and processes find; nothing is in it yet."""
    folder = tmp_path_factory.mktemp("keyring") / "facelite"
    monkeypatch.setenv("FACELITE_KEYRING", str(folder))
    monkeypatch.delenv("FACELITE_KEY", raising=False)
    monkeypatch.delenv("FACELITE_KEY_COMMAND", raising=False)
    return folder


@pytest.fixture
def few_draws(monkeypatch):
    """Intervals of so many draws, which are soon made, where a test asks for rates: those do not depend on them."""
    for function in (bootstrap.intervals, bootstrap.differences):
        monkeypatch.setitem(function.__kwdefaults__, "draws", 20)


@pytest.fixture(scope="session")
def detector_file():
    """The content of the detector file; skips where its package is not installed."""
    try:
        return find_detector()
    except BundleError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def detector(detector_file):
    return Detector(detector_file)


@pytest.fixture(scope="session")
def astronaut():
    """Eileen Collins, one face of about 100 pixels in (512, 512, 3) RGB (NASA, public domain; in scikit-image's wheel)."""
    pixels = skimage.data.astronaut()
    pixels.flags.writeable = False
    return pixels


@pytest.fixture(scope="session")
def hopper():
    """Grace Hopper, one face of about 200 pixels in (600, 512, 3) RGB (US Navy, public domain; in matplotlib's wheel)."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        pixels = decode_image(file.read())
    pixels.flags.writeable = False
    return pixels


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory, detector_file):
    """The released int8 bundle, exported from the committed files. Its weights change: no test may know its distances."""
    out = tmp_path_factory.mktemp("released")
    export_bundle(RELEASED / "int8.toml", out)
    return out / "nns2-int8.facelite"


@pytest.fixture(scope="session")
def bundle(bundle_file):
    return open_bundle(bundle_file)


@pytest.fixture(scope="session")
def port():
    """tests/port.py, a port in NumPy."""
    spec = importlib.util.spec_from_file_location("port", Path(__file__).with_name("port.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
