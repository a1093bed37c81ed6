"""The demo: its decisions are those of facelite, nothing leaves its origin, and every state fits on its screen and can be read.

FACELITE_SCREENSHOTS names a folder for pictures of the states.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.runtime.verifier import Verifier

pytestmark = pytest.mark.slow

DECIDED = ("accepted", "rejected", "undecided")


@pytest.fixture
def demo(browser, site, until):
    """The demo's page in a window of 1180 x 820."""
    return Demo(browser, until, f"{site.address}/web/demo/")


class Demo:
    """A page that a person uses."""

    def __init__(self, browser, until, address):
        self.browser, self.until, self.address = browser, until, address

    def open(self, width=1180, height=820, *, dark=False, ends=("ready",)):
        self.resize(width, height, dark=dark)
        self.browser.get(self.address)
        self.until(lambda: self.state in ends, lambda: self.browser.get_log("browser"))
        return self

    def resize(self, width, height, *, dark):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def text(self, selector):
        return self.all(selector)[0].text

    @property
    def state(self):
        return self.all("body")[0].get_attribute("data-state")

    def choose(self, which, picture):
        """Gives a picture's file and waits until it was looked at."""
        said = f".picture:nth-of-type({which + 1}) .said"
        self.browser.execute_script("document.querySelector(arguments[0]).replaceChildren()", said)
        self.all(".picture input")[which].send_keys(str(picture))
        self.until(lambda: self.text(said) and self.state not in ("looking", "loading"), lambda: self.browser.get_log("browser"))

    def keep(self, name):
        if folder := os.environ.get("FACELITE_SCREENSHOTS"):
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_the_decision_is_that_of_facelite(demo, released, photographs, tell):
    verifier, said = Verifier(released), []
    demo.open()
    for first, second in [("obama/1", "obama/2"), ("obama/1", "obama/3"), ("obama/1", "biden/1"), ("hopper/1", "collins/1")]:
        demo.open()
        demo.choose(0, photographs[first])
        assert demo.state == "ready" and demo.text("#detail") == "One more picture."
        demo.choose(1, photographs[second])
        expected = verifier.verify(photographs[first], photographs[second])
        assert demo.state == expected.outcome.value
        assert demo.text("#word") == expected.outcome.value.capitalize()
        assert float(demo.text("#distance")) == pytest.approx(expected.distance, abs=0.05)  # JPEG by another library; section 16 allows 0.1
        assert float(demo.text("#threshold")) == pytest.approx(expected.threshold.distance, abs=1e-3)
        said.append(f"{first}, {second}: {demo.state} {demo.text('#distance')} ({expected.distance:.3f}), {demo.text('#time')}")
    tell("\n".join(said))


def test_another_rate_is_another_threshold(demo, released, photographs):
    demo.open()
    for which in (0, 1):
        demo.choose(which, photographs["obama/1"])
    choices = {option.text: option for option in demo.all("#fmr option")}
    assert list(choices) == [f"1 in {round(1 / one.fmr):,}" for one in released.manifest.thresholds]
    strictest = released.manifest.thresholds[-1]
    choices[f"1 in {round(1 / strictest.fmr):,}"].click()
    demo.until(lambda: float(demo.text("#threshold")) == pytest.approx(strictest.distance, abs=1e-3), lambda: demo.text("#threshold"))
    assert demo.state == "accepted"


@pytest.fixture(scope="module")
def poor(astronaut, tmp_path_factory):
    """Pictures that give no embedding, by their outcome."""
    folder = tmp_path_factory.mktemp("poor")
    near = astronaut[20:220, 120:320]
    pictures = {
        "no face": np.full((300, 400, 3), 120, np.uint8),
        "several faces": np.hstack([near, near]),
        "too dark": (near * 0.06).astype(np.uint8),
        "unclear": cv2.GaussianBlur(near, (0, 0), 3.5),
    }
    for name, picture in pictures.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])
    return {name: folder / f"{name}.png" for name in pictures}


SCREENS = [(1180, 820), (390, 844), (844, 390), (320, 640)]


def test_every_state_fits_and_can_be_read(demo, photographs, poor):
    demo.open()
    check_screens(demo, "ready")
    demo.choose(0, photographs["obama/1"])
    for picture, state in [(photographs["obama/2"], "accepted"), (photographs["biden/1"], "rejected")]:
        demo.choose(1, picture)
        assert demo.all("#numbers")[0].is_displayed()
        check_screens(demo, state)
    for outcome, picture in poor.items():
        demo.choose(1, picture)
        assert demo.text("#word") == outcome.capitalize()
        assert re.fullmatch(r"Second picture: .+\. That is no rejection\.", demo.text("#detail"))
        assert not demo.all("#numbers")[0].is_displayed()
        check_screens(demo, "undecided", outcome)


def check_screens(demo, state, name=None):
    """Nothing is wider than the screen, words have WCAG's contrast AA, what is pressed is large enough for a finger."""
    assert demo.state == state
    for (width, height), dark in itertools.product(SCREENS, (False, True)):
        demo.resize(width, height, dark=dark)
        demo.keep(f"{width}x{height}-{'dark' if dark else 'light'}-{name or state}")
        assert demo.browser.execute_script(TOO_WIDE) == [], (width, height)
        card, *inks = demo.browser.execute_script(COLOURS)
        for part, ink in inks:
            light, deep = sorted((luminance(card), luminance(ink)), reverse=True)
            assert (light + 0.05) / (deep + 0.05) >= 4.5, (part, ink, card)
        assert demo.browser.execute_script(TOO_LOW) == []


TOO_WIDE = """
return [...document.querySelectorAll("body *")].filter((one) => {
    const { width, left, right } = one.getBoundingClientRect();
    return width && (left < -1 || right > innerWidth + 1);
}).map((one) => one.outerHTML)
"""

TOO_LOW = (
    'return [...document.querySelectorAll("button, select")].filter((one) => one.offsetWidth && one.offsetHeight < 44).map((one) => one.outerHTML)'
)

COLOURS = """
const of = (name) => getComputedStyle(document.querySelector(name));
return [of("#verdict").backgroundColor, ...["#word", "#detail", "#private", ".said", "footer"].map((name) => [name, of(name).color])]
"""


def luminance(colour):
    """WCAG's relative luminance of "rgb(r, g, b)"."""
    parts = np.array([float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]])
    return float(np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def test_a_file_that_is_no_picture_takes_the_place_of_the_one_before(demo, photographs, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    demo.open()
    for which in (0, 1):
        demo.choose(which, photographs["obama/1"])
    assert demo.state == "accepted"
    demo.choose(1, tmp_path / "notes.png")
    assert demo.text("#second .said") == "No picture: choose a JPEG or PNG file"
    assert not demo.all("#second canvas")[0].is_displayed() and demo.all("#second .hint")[0].is_displayed()
    assert demo.state == "ready" and demo.text("#detail") == "One more picture."
    assert not demo.all("#numbers")[0].is_displayed()
    demo.choose(0, tmp_path / "notes.png")
    assert demo.text("#detail") == "Give two pictures of a face."
    demo.choose(0, photographs["obama/1"])
    demo.choose(1, photographs["obama/2"])
    assert demo.state == "accepted" and demo.all("#second canvas")[0].is_displayed()


def test_a_page_whose_script_does_not_run_says_how_to_start_it(demo, packed, site):
    shutil.copytree(packed, site.folder / "not-installed", ignore=shutil.ignore_patterns("node_modules"))
    demo.address = f"{site.address}/not-installed/demo/"
    demo.open(ends=("loading",))
    assert "npm install && npm start" in demo.text("#detail")
    demo.keep("not installed")


def test_a_page_without_https_is_out_of_service(demo, site):
    demo.address = f"{site.insecure}/web/demo/"
    demo.open(ends=("broken",))
    assert demo.text("#detail").startswith("Expected https or localhost, got http://") and demo.text("#detail").endswith("; serve by https")


def test_the_camera_takes_a_picture_and_is_off_afterwards(demo, photographs):
    """By the keyboard alone."""
    demo.open(390, 844)
    demo.choose(0, photographs["collins/1"])
    button = demo.all("#second .camera")[0]
    button.send_keys("\n")
    take = demo.all("#camera .main")[0]
    demo.until(lambda: take.is_enabled(), lambda: demo.text("#camera"))
    demo.keep("camera")
    assert demo.browser.switch_to.active_element == take
    demo.browser.switch_to.active_element.send_keys("\n")
    demo.until(lambda: demo.state in DECIDED, lambda: demo.browser.get_log("browser"))
    assert demo.state == "accepted"
    assert demo.browser.execute_script("return document.querySelector('video').srcObject") is None
    button.send_keys("\n")
    demo.until(lambda: take.is_enabled(), lambda: demo.text("#camera"))
    demo.browser.switch_to.active_element.send_keys("\ue00c")  # escape
    demo.until(lambda: not demo.all("#camera")[0].is_displayed(), lambda: demo.text("#camera"))
    assert demo.state == "accepted"


def test_everything_is_reached_by_the_keyboard(demo):
    keys = pytest.importorskip("selenium.webdriver").ActionChains
    demo.open()
    reached = []
    for _ in range(5):
        keys(demo.browser).send_keys("\t").perform()
        focused = demo.browser.switch_to.active_element
        reached.append((focused.tag_name, focused.accessible_name))
    assert reached == [
        ("input", "Choose a picture or drop it here"),
        ("button", "Camera"),
        ("input", "Choose a picture or drop it here"),
        ("button", "Camera"),
        ("select", "Two people taken for one"),
    ]


def test_nothing_leaves_the_origin(demo, new_site, site, photographs, tmp_path):
    """Neither by itself nor when a script of the page tries: every request that Chromium makes is for one of the folder's files, without a body."""
    for log in ("performance", "browser"):
        demo.browser.get_log(log)
    demo.open()
    for which in (0, 1):
        demo.choose(which, photographs["obama/1"])
    told = [json.loads(entry["message"])["message"] for entry in demo.browser.get_log("performance")]
    requests = [one["params"]["request"] for one in told if one["method"] == "Network.requestWillBeSent"]
    assert {one["method"] for one in requests} == {"GET"} and len(requests) > 20
    assert [one["url"] for one in requests if not one["url"].startswith(f"{site.address}/web/")] == []
    runtime = ("/@litertjs/core/", "No available adapters")  # what LiteRT.js writes to the console
    assert [line for line in demo.browser.get_log("browser") if not any(part in line["message"] for part in runtime)] == []
    with new_site(tmp_path) as other:
        tried = demo.browser.execute_async_script(
            """
            const [address, done] = arguments, said = [];
            document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => said.push(effectiveDirective));
            const image = new Image(), script = document.createElement("script");
            image.src = script.src = `${address}/picture`;
            document.body.append(script);
            navigator.sendBeacon(address, "picture");
            fetch(address, { method: "POST", body: "picture" }).catch(() => {}).then(() => setTimeout(() => done(said.sort()), 300));
            """,
            other.origin,
        )
        assert (other.asked, other.sent) == ([], [])
    assert sorted(set(tried)) == ["connect-src", "img-src", "script-src-elem"] and site.sent == []


@pytest.mark.parametrize("change", ["a file", "a golden embedding"])
def test_what_was_changed_is_out_of_service(demo, packed, site, change):
    folder = site.folder / change.replace(" ", "-")
    shutil.copytree(packed, folder, symlinks=True)
    if change == "a file":
        embedder = folder / "assets/embedder.tflite"
        embedder.write_bytes(embedder.read_bytes()[:-1] + b"?")
        words = "Expected embedder.tflite of sha256 "
    else:
        golden, manifest = folder / "assets/golden.json", folder / "assets/facelite.json"
        table, listed = json.loads(golden.read_text()), json.loads(manifest.read_text())
        table[0]["embedding"] = table[0]["embedding"][::-1]
        golden.write_text(json.dumps(table))
        listed["files"]["golden.json"] = hashlib.sha256(golden.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(listed))
        words = "Expected the embedding's distance within 0.02 of the self-test's, got "
    demo.address = f"{site.address}/{folder.name}/demo/"
    demo.open(ends=("broken",))
    assert demo.text("#word") == "Out of service"
    assert demo.text("#detail").startswith(words)
    demo.keep(f"broken by {change}")
