"""Fixtures that several test files share: the detector file and two real photographs that come with installed packages."""

import matplotlib.cbook
import pytest
import skimage.data

from facelite.errors import BundleError
from facelite.image import decode_image
from facelite.runtime.detector import Detector, find_detector


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
