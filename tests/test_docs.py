"""The documentation: what its page shows exists and runs, and what Sphinx makes of it opens in a browser with every picture and no dead link."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from facelite.export.assemble import export_bundle

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGE = (DOCS / "explained.md").read_text(encoding="utf-8")
EXAMPLES = sorted((DOCS / "examples").glob("[0-9]*.py"))
WITH_TENSORFLOW = {"05_blocks", "06_shortcuts", "08_units", "11_learning", "14_quantisation"}


@pytest.fixture(scope="session")
def workplace(tmp_path_factory, detector_file):
    """A folder in which the examples find the weights, the recipe and the bundle that they name."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "export").symlink_to(ROOT / "export")
    export_bundle(ROOT / "export/nns2/int8.toml", folder / "build")
    return folder


def run(example, folder):
    """What ``example`` prints, and its picture."""
    (made := folder / "made").mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, str(example), str(made)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made / f"{example.stem}.txt").write_text(done.stdout)
    return done.stdout, made / f"{example.stem}.png"


def test_the_page_shows_every_example_with_what_it_printed_and_drew():
    shown = [
        re.findall(pattern, PAGE)
        for pattern in (r"\{literalinclude\} examples/(\w+)\.py", r"\} made/(\w+)\.txt", r"!\[[^\]]{20,}\]\(made/(\w+)\.png\)")
    ]
    assert shown == [[example.stem for example in EXAMPLES]] * 3


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_of_the_pages_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:|made/)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).is_file()] == []


def test_the_index_lists_every_page():
    blocks = re.findall(r"\{toctree\}\n.*?\n\n(.*?)```", (DOCS / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    listed = [re.sub(r".*<(.+)>", r"\1", line) for block in blocks for line in block.splitlines()]
    pages = {f"docs/{page.stem}" for page in DOCS.glob("*.md")} - {"docs/index"}
    assert pages <= set(listed)
    assert [name for name in listed if name != "api/index" and not (ROOT / f"{name}.md").is_file()] == []


@pytest.mark.parametrize("example", [pytest.param(one, marks=[pytest.mark.slow] * (one.stem in WITH_TENSORFLOW), id=one.stem) for one in EXAMPLES])
def test_an_example_prints_a_few_lines_and_draws_a_small_picture(example, workplace):
    printed, picture = run(example, workplace)
    lines = printed.splitlines()
    assert 1 <= len(lines) <= 20
    assert max(map(len, lines)) <= 170
    height, width = cv2.imread(str(picture)).shape[:2]
    assert min(height, width) >= 200
    assert picture.stat().st_size < 180_000


@pytest.fixture(scope="session")
def site(workplace, tmp_path_factory):
    """The documentation, built with warnings as errors. About three minutes."""
    pytest.importorskip("furo", reason="no Sphinx: make .venv/.docs")
    out = tmp_path_factory.mktemp("site")
    for example in EXAMPLES:
        if not (workplace / "made" / f"{example.stem}.png").exists():
            run(example, workplace)
    for command in (
        ["docs/stage.py", out / "source", workplace / "made"],
        ["-m", "sphinx", "-qW", "--keep-going", "-c", "docs", out / "source", out / "html"],
    ):
        done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    return out / "html"


@pytest.fixture(scope="session")
def browser():
    selenium = pytest.importorskip("selenium.webdriver")
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_in_a_browser_shows_every_picture_and_is_no_wider_than_the_screen(site, browser, width):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    browser.get((site / "docs/explained.html").as_uri())
    pictures = browser.execute_script("return [...document.querySelectorAll('article img')].map(one => [one.src, one.naturalWidth])")
    assert len(pictures) == len(EXAMPLES)
    assert all(found for _, found in pictures), pictures
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []
    if folder := os.environ.get("FACELITE_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"docs-{width}.png"))


@pytest.mark.slow
def test_no_page_has_a_dead_link(site):
    dead = []
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text(encoding="utf-8")):
            if not re.match(r"\w+:|//", link) and not (page.parent / link).exists():
                dead.append((page.name, link))
    assert dead == []


@pytest.mark.slow
def test_the_reference_has_every_public_module(site):
    text = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "facelite").rglob("*.py") if "__" not in path.name}
    assert [module for module in modules if f'id="module-{module}"' not in text] == []
