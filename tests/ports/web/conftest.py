"""devices/web as `facelite pack web` writes it, served below a path, and a real browser."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from facelite.bundle import save_bundle
from facelite.export.pack.write import write_pack

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
BUILD = ROOT / "build/ports/web"

BROKEN_LOCK = ("EINTEGRITY", "EUSAGE")
"""npm's words for a package of another hash and for a lock that does not fit package.json: no reason to skip."""

BELOW = "some/where"
"""The path below which everything is served: no address may begin at the root."""

INSECURE = "insecure.test"
"""A name for this machine that browsers do not trust as they do localhost."""


@pytest.fixture(scope="session")
def run():
    """run(command, ..., cwd, VARIABLE=...): what a program of Node's world ended with; skips where it is not installed."""

    def ended(*command, cwd=None, **environment):
        try:
            return subprocess.run(
                [*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=300, env=os.environ | environment, check=False
            )
        except FileNotFoundError as error:
            pytest.skip(f"{' '.join(map(str, command))}: {error}; install it: apt-get install nodejs npm")

    return ended


@pytest.fixture
def tell(capsys):
    """tell(text) for people, also where pytest keeps what is printed."""

    def told(text):
        with capsys.disabled():
            sys.stdout.write(f"\n{text}\n")

    return told


@pytest.fixture(scope="session")
def source():
    """devices/web in the repository."""
    return ROOT / "devices/web"


@pytest.fixture(scope="session")
def modules(run):
    """The packages of package-lock.json, by name and hash; installed once."""
    lock, installed = HERE / "package-lock.json", BUILD / "node_modules/installed.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        BUILD.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, BUILD)
        ended = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=BUILD)
        assert not any(word in ended.stderr for word in BROKEN_LOCK), ended.stderr
        if ended.returncode:
            pytest.skip(f"npm ci: {ended.stderr}")
        shutil.copy(lock, installed)
    return BUILD / "node_modules"


@pytest.fixture(scope="session")
def packed(released, modules, tmp_path_factory):
    """What `facelite pack web` writes, and `npm install` leaves."""
    folder, bundle = tmp_path_factory.mktemp("packed") / "web", tmp_path_factory.mktemp("bundle") / "released.facelite"
    save_bundle(bundle, released.manifest, released.files)
    write_pack("web", [bundle], folder)
    (folder / "node_modules").symlink_to(modules)
    return folder


@pytest.fixture(scope="session")
def programs(source):
    """The blocks of README.md in a language, in its order."""

    def found(language):
        return re.findall(rf"^```{language}\n(.*?)^```", (source / "README.md").read_text(), re.DOTALL | re.MULTILINE)

    return found


@pytest.fixture
def app(packed, modules, tmp_path):
    """An npm project that has the port installed."""
    (tmp_path / "node_modules/@facelite").mkdir(parents=True)
    (tmp_path / "node_modules/@facelite/web").symlink_to(packed)
    (tmp_path / "node_modules/@litertjs").symlink_to(modules / "@litertjs")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    return tmp_path


@pytest.fixture(scope="session")
def new_site():
    """Site of site.py."""
    spec = importlib.util.spec_from_file_location("site_of_a_port", HERE / "site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Site


@pytest.fixture(scope="session")
def site(new_site, packed, vectors, tmp_path_factory):
    """A server of the port, the tests' page and the vectors: ``folder`` is what it serves at ``address``, and at ``insecure``."""
    folder = tmp_path_factory.mktemp("site") / BELOW
    (folder / "tests").mkdir(parents=True)
    for file in HERE.iterdir():
        (folder / "tests" / file.name).symlink_to(file)
    (folder / "web").symlink_to(packed)
    (folder / "vectors").symlink_to(vectors)
    with new_site(folder.parent.parent) as server:
        server.folder, server.address = folder, f"{server.origin}/{BELOW}"
        server.insecure = server.address.replace("127.0.0.1", INSECURE)
        yield server


@pytest.fixture(scope="session")
def browser(astronaut, tmp_path_factory):
    """Chromium whose camera shows the astronaut."""
    selenium = pytest.importorskip("selenium.webdriver")
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    film = tmp_path_factory.mktemp("film") / "astronaut.y4m"
    film.write_bytes(b"YUV4MPEG2 W512 H512 F10:1 Ip A1:1 C420jpeg\nFRAME\n" + cv2.cvtColor(astronaut, cv2.COLOR_RGB2YUV_I420).tobytes())
    options = selenium.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"):
        options.add_argument(argument)
    for argument in ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"):
        options.add_argument(argument)
    for argument in (f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1", "--no-proxy-server"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    browser.set_script_timeout(240)
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def until():
    """until(wanted, what): waits until ``wanted`` is true; fails with ``what``."""

    def waited(wanted, what, seconds=60):
        began = time.monotonic()
        while not wanted():
            assert time.monotonic() - began < seconds, what()
            time.sleep(0.02)

    return waited


@pytest.fixture
def ask(browser, site, until):
    """ask(question, *given): what a function of questions.js answers on a page of its own. ``ask.again()``: on a new page."""

    def opened(address=site.address):
        browser.get(f"{address}/tests/page.html")
        until(lambda: browser.execute_script("return 'questions' in window"), lambda: browser.get_log("browser"))

    def asked(question, *given):
        script = "const [question, given, done] = arguments; Promise.resolve(questions[question](...given)).then(done, e => done({error: String(e)}))"
        answer = browser.execute_async_script(script, question, given)
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    opened()
    asked.again = opened
    return asked


@pytest.fixture(scope="session")
def people(photographs, tmp_path_factory):
    """The demo's photographs as PNG, which every decoder reads alike: a folder, with ``obama/1.png`` and so on."""
    folder = tmp_path_factory.mktemp("people")
    for name, file in photographs.items():
        (folder / name).parent.mkdir(exist_ok=True)
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        assert cv2.imwrite(f"{folder / name}.png", picture)
    return folder
