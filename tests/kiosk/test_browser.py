"""The page in a real Chromium: what it says in each state, at the sizes of small screens, and what it does when the kiosk is gone."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facelite.kiosk.config import ScreenConfig
from facelite.kiosk.screen import Said, Screen
from facelite.kiosk.strangers import Stranger
from facelite.kiosk.texts import TEXTS
from facelite.kiosk.visits import State, View

pytestmark = pytest.mark.slow

NAME = "Maximiliane Oberhuber-Schmidtbauer"


@pytest.fixture(scope="module")
def browser():
    selenium = pytest.importorskip("selenium.webdriver")
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def screen():
    with closing(Screen(ScreenConfig(port=0, languages=tuple(TEXTS)))) as screen:
        yield screen


@pytest.fixture
def page(browser, screen):
    """page(width, height, dark): the kiosk's page in a window of this size."""

    def opened(width=800, height=480, *, dark=False):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get(f"http://127.0.0.1:{screen.port}/")
        return browser

    return opened


def text(browser):
    return browser.find_element("id", "text").text


def until(wanted, what, seconds=15):
    began = time.monotonic()
    while not wanted():
        assert time.monotonic() - began < seconds, what()
        time.sleep(0.02)


def keep(browser, name):
    """The picture of the page, where somebody wants to look: FACELITE_SCREENSHOTS names a folder."""
    if folder := os.environ.get("FACELITE_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def luminance(colour):
    """WCAG's relative luminance of "rgb(r, g, b)"."""
    parts = np.array([float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]])
    return float(np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("size", [(800, 480), (1024, 600), (480, 800)])
@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("dark", [False, True])
def test_every_state_fits_and_can_be_read(page, screen, film, rng, astronaut, size, language, dark):
    browser = page(*size, dark=dark)
    frame = film.frame(rng, (astronaut, 320, 220))
    person = SimpleNamespace(track=SimpleNamespace(face=SimpleNamespace(box=np.array([265.0, 105.0, 110.0, 120.0]))))
    until(lambda: browser.find_elements("css selector", "nav button"), lambda: browser.page_source)
    browser.find_elements("css selector", "nav button")[list(TEXTS).index(language)].click()
    for state in State:
        view = View(state, NAME if state in (State.WELCOME, State.CODE, State.ENROLLED) else None, 17.0)
        expected = TEXTS[language][state].replace("NAME", NAME).replace("SECONDS", "17").replace("\xa0", " ")
        screen.show(view, [person], frame)
        until(lambda: text(browser) == expected, lambda: f"{state}: {text(browser)}")  # noqa: B023
        keep(browser, f"{size[0]}x{size[1]}-{language}-{'dark' if dark else 'light'}-{state}")
        broken = browser.execute_script(
            "return [...document.querySelectorAll('section, section *')].filter(one => { const box = one.getBoundingClientRect();"
            "return box.width && (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1); })"
            ".map(one => one.id || one.tagName)"
        )
        assert broken == [], state
        assert browser.execute_script("return parseFloat(getComputedStyle(document.getElementById('text')).fontSize)") >= 22
        ground, ink = browser.execute_script(
            "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.getElementById('text')).color]"
        )
        light, deep = sorted((luminance(ground), luminance(ink)), reverse=True)
        assert (light + 0.05) / (deep + 0.05) >= 4.5, state  # WCAG AA; large type would do with 3
    small = browser.execute_script("return [...document.querySelectorAll('button')].filter(one => one.offsetWidth && one.offsetHeight < 48).length")
    assert small == 0


def test_the_live_picture_and_the_box_lie_on_each_other(page, screen, film, rng, astronaut):
    browser = page()
    frame = film.frame(rng, (astronaut, 320, 220))
    person = SimpleNamespace(track=SimpleNamespace(face=SimpleNamespace(box=np.array([160.0, 90.0, 320.0, 180.0]))))
    for _ in range(20):
        screen.show(View(State.LOOKING), [person], frame)
        time.sleep(0.05)
    assert browser.execute_script("return document.getElementById('live').naturalWidth") == 640
    box, shown = browser.execute_script(
        "return ['#boxes rect', '#picture'].map(name => { const b = document.querySelector(name).getBoundingClientRect();"
        "return [b.left, b.top, b.width, b.height]; })"
    )
    scale = max(shown[2] / 640, shown[3] / 360)  # as object-fit: cover has it
    assert box[2:] == pytest.approx([320 * scale, 180 * scale], rel=0.03)
    assert [box[0] + box[2] / 2, box[1] + box[3] / 2] == pytest.approx([shown[0] + shown[2] / 2, shown[1] + shown[3] / 2], abs=3)


def test_a_code_is_typed_on_the_screen_or_read_by_a_card_reader(page, screen):
    browser = page()
    screen.show(View(State.CODE, "Eileen", 20.0), [], None)
    until(lambda: browser.find_element("id", "code").is_displayed(), lambda: text(browser))
    for key in "27189":
        next(button for button in browser.find_elements("css selector", "#keys button") if button.text == key).click()
    browser.find_elements("css selector", "#keys button")[9].click()  # one back
    assert browser.find_element("id", "typed").text == "••••"
    browser.find_elements("css selector", "#keys button")[11].click()
    until(lambda: screen._said == [Said("code", "2718")], lambda: screen._said)
    browser.find_element("tag name", "body").send_keys("00A7\n")  # as a reader that is a keyboard does
    until(lambda: screen._said[1:] == [Said("code", "00A7")], lambda: screen._said)


def test_an_enrolment_is_led_through(browser, page):
    """A button, a code, a name by touch alone, and a way out of each."""
    with closing(Screen(ScreenConfig(port=0), enrols=True)) as screen:
        browser.get(f"http://127.0.0.1:{screen.port}/")
        screen.show(View(State.IDLE), [], None)
        until(lambda: browser.find_element("id", "enrol").is_displayed(), lambda: text(browser))
        browser.find_element("id", "enrol").click()
        until(lambda: screen.said() == [Said("enrol")], lambda: "nothing was said")
        screen.show(View(State.ADMINISTRATOR, None, 50.0), [], None, desk=({}, None))
        until(lambda: browser.find_element("id", "code").is_displayed(), lambda: text(browser))
        assert not browser.find_element("id", "enrol").is_displayed()
        browser.find_element("id", "cancel").click()
        until(lambda: screen.said() == [Said("cancel")], lambda: "nothing was said")
        screen.show(View(State.NAME, None, 50.0), [], None, desk=({}, None))
        until(lambda: browser.find_element("id", "name").is_displayed(), lambda: text(browser))
        keys = {button.text: button for button in browser.find_elements("css selector", "#letters button")}
        for key in ["A", "D", "A", "␣", "L", "⌫", "K", "✓"]:
            keys[key].click()
        until(lambda: screen.said() == [Said("name", "Ada K")], lambda: browser.find_element("id", "name").get_attribute("value"))
        for state in (State.STRAIGHT, State.LEFT, State.ALONE, State.CLOSER):
            screen.show(View(state, "Ada K", 50.0), [], None, desk=({}, None))
            until(lambda: text(browser) == TEXTS["en"][state], lambda: text(browser))  # noqa: B023
            assert browser.find_element("id", "cancel").is_displayed() and not browser.find_element("id", "enrol").is_displayed()
        screen.show(View(State.ENROLLED, "Ada K"), [], None)
        until(lambda: text(browser) == "Enrolled: Ada K", lambda: text(browser))
        assert not browser.find_element("id", "cancel").is_displayed()


@pytest.fixture(scope="session")
def strangers(astronaut, hopper):
    """Six people, by number, as a kiosk keeps them."""
    heads = [astronaut[40:180, 150:290], hopper[140:320, 170:350]]
    jpegs = [cv2.imencode(".jpg", cv2.resize(head, (112, 112))[..., ::-1])[1].tobytes() for head in heads]
    return {9 - i: Stranger(1.8e9 - 3600 * i, picture=jpegs[i % 2]) for i in range(6)}


@pytest.mark.parametrize("size", [(800, 480), (1024, 600), (480, 800)])
def test_who_was_not_recognised_is_named_or_discarded(browser, page, size, strangers):
    """By the administrator alone: pictures to choose from, all of them on the page, each a button for a finger."""
    page(*size)
    with closing(Screen(ScreenConfig(port=0), enrols=True)) as screen:
        browser.get(f"http://127.0.0.1:{screen.port}/")
        screen.show(View(State.NAME, None, 50.0), [], None, desk=(strangers, None))
        pictures = "return [...document.querySelectorAll('#strangers img')].map(one => one.naturalWidth)"
        until(lambda: browser.execute_script(pictures) == [112] * 6, lambda: browser.execute_script(pictures))
        assert not browser.find_element("id", "discard").is_displayed()
        keep(browser, f"strangers-{size[0]}x{size[1]}")
        browser.find_elements("css selector", "#strangers button")[1].click()
        until(lambda: screen.said() == [Said("stranger", "8")], lambda: "nothing was said")
        screen.show(View(State.STRANGER, None, 50.0), [], None, desk=(strangers, 8))
        until(lambda: text(browser) == TEXTS["en"]["stranger"], lambda: text(browser))
        large = "return document.getElementById('chosen').naturalWidth"
        until(lambda: browser.execute_script(large) == 112, lambda: browser.execute_script(large))
        keep(browser, f"strangers-{size[0]}x{size[1]}-chosen")
        outside = (
            "return [...document.querySelectorAll('section *')].filter(one => { const b = one.getBoundingClientRect();"
            "return b.width && (b.left < -1 || b.top < -1 || b.right > innerWidth + 1 || b.bottom > innerHeight + 1); })"
            ".map(one => one.id || one.tagName)"
        )
        assert browser.execute_script(outside) == []
        small = "return [...document.querySelectorAll('button')].filter(one => one.offsetWidth && one.offsetHeight < 48).length"
        assert browser.execute_script(small) == 0
        pressed = browser.find_elements("css selector", "#strangers button[aria-pressed=true]")
        assert [one.get_attribute("value") for one in pressed] == ["8"]
        pressed[0].click()
        until(lambda: screen.said() == [Said("stranger", "")], lambda: "nothing was said")
        browser.find_element("id", "discard").click()
        until(lambda: screen.said() == [Said("discard")], lambda: "nothing was said")
        screen.show(View(State.IDLE), [], None)
        until(lambda: text(browser) == TEXTS["en"]["idle"], lambda: text(browser))
        assert browser.execute_script("return fetch('stranger/8').then(answer => answer.status)") == 404


def test_a_kiosk_that_is_gone_is_not_welcoming(page, screen):
    browser = page()
    screen.show(View(State.WELCOME, "Eileen"), [], None)
    until(lambda: text(browser) == "Welcome, Eileen", lambda: text(browser))
    screen.close()
    until(lambda: text(browser) == "Out of service", lambda: text(browser))


def test_a_kiosk_whose_loop_hangs_is_not_welcoming(page, screen):
    browser = page()
    screen.show(View(State.WELCOME, "Eileen"), [], None)
    until(lambda: text(browser) == "Welcome, Eileen", lambda: text(browser))
    until(lambda: text(browser) == "Out of service", lambda: text(browser))  # nothing more is shown, but the server goes on


def test_a_server_that_hangs_is_not_welcoming(page, screen, monkeypatch):
    browser = page()
    screen.show(View(State.WELCOME, "Eileen"), [], None)
    until(lambda: text(browser) == "Welcome, Eileen", lambda: text(browser))
    monkeypatch.setattr(screen, "next", lambda version: (time.sleep(60), screen._shown, None))
    until(lambda: text(browser) == "Out of service", lambda: text(browser))


def test_a_kiosk_that_was_started_anew_is_seen_again(browser, page, screen):
    page()
    screen.show(View(State.IDLE), [], np.full((90, 160, 3), 255, np.uint8))
    until(lambda: text(browser) == TEXTS["en"]["idle"], lambda: text(browser))
    port = screen.port
    screen.close()
    until(lambda: text(browser) == "Out of service", lambda: text(browser))
    with closing(Screen(ScreenConfig(port=port))) as again:
        corner = (
            "const canvas = document.createElement('canvas').getContext('2d');"
            "canvas.drawImage(document.getElementById('live'), 0, 0); return canvas.getImageData(2, 2, 1, 1).data[0]"
        )
        for value in (0, 255):
            began = time.monotonic()
            while browser.execute_script(corner) != value:
                again.show(View(State.LOOKING), [], np.full((90, 160, 3), value, np.uint8))
                assert time.monotonic() - began < 20
                time.sleep(0.05)
        assert text(browser) == TEXTS["en"]["looking"]


def test_a_foreign_page_sees_nothing(browser, screen, tmp_path):
    """A page of another origin that tries to show the camera, to read the state, and to type a code."""
    screen.show(View(State.IDLE), [], np.full((90, 160, 3), 100, np.uint8))
    address = f"http://127.0.0.1:{screen.port}"
    (tmp_path / "page.html").write_text(
        f"""<img id=live src={address}/live><iframe src={address}/></iframe><script>
        window.said = [];
        const told = (good) => [() => said.push(good), () => said.push("refused")];
        fetch("{address}/texts.json").then(...told("read"));
        fetch("{address}/say", {{method: "POST", mode: "no-cors", body: '{{"word": "code", "text": "1234"}}'}}).then(...told("sent"));
        [live.onload, live.onerror] = told("seen");
        </script>"""
    )
    browser.get(f"file://{tmp_path}/page.html")
    until(lambda: len(browser.execute_script("return said")) == 3, lambda: browser.execute_script("return said"))
    said = browser.execute_script("return said")
    assert "seen" not in said and "read" not in said
    assert screen.said() == []


def test_nothing_is_wrong_in_the_browser_s_own_log(page, screen, film, rng):
    browser = page()
    browser.get_log("browser")
    browser = page()
    screen.show(View(State.IDLE), [], film.frame(rng))
    until(lambda: text(browser) == "Come closer and look at the camera", lambda: text(browser))
    assert browser.get_log("browser") == []


def test_the_whole_kiosk_on_a_film(browser, config, film, rng, astronaut, hopper, machine_module, tmp_path):
    """Walk up, welcome, walk away; a stranger; two people; too dark; too far: a real process, a real browser, in real time."""
    parts = {
        "Come closer and look at the camera": film.nobody(rng, 30),
        "Welcome, Eileen": film.walk(rng, astronaut, stay=25) + film.nobody(rng, 10),
        "Not recognised": film.walk(rng, hopper, stay=20) + film.nobody(rng, 15),
        "One person at a time": [film.frame(rng, (astronaut, 180, 280), (hopper, 460, 220)) for _ in range(20)] + film.nobody(rng, 15),
        "More light, please": [film.frame(rng, (astronaut, 320, 220), light=0.12) for _ in range(15)] + film.nobody(rng, 15),
        "Come closer": [film.frame(rng, (astronaut, 320, 50)) for _ in range(15)] + film.nobody(rng, 10),
    }
    film.write(tmp_path / "film.avi", [frame for frames in parts.values() for frame in frames])
    port = machine_module.free_port()
    path = config(f"[screen]\nport = {port}\n[door]\npin = 17\nseconds = 1\n[visit]\nshown = 1.5\nagain = 60\n")
    path.write_text(path.read_text().replace("[camera]\n", '[camera]\nsource = "film.avi"\nsmallest = 0.04\n'))
    kiosk = machine_module.Machine(path, port)
    kiosk.start()
    machine_module.wait(lambda: kiosk.shown(), lambda: kiosk.said)
    browser.get(f"http://127.0.0.1:{port}/")
    said = []
    while kiosk.process.poll() is None:
        if (now := text(browser)) and (not said or said[-1] != now):
            said.append(now)
            time.sleep(0.4)  # the picture, too
            keep(browser, f"film-{len(said)}-{now}")
        time.sleep(0.05)
    assert kiosk.process.returncode == 0
    left = iter(said)
    assert all(words in left for words in parts), said  # in this order, with others between
    assert [energised for _, energised in kiosk.pins] == [True, False]
