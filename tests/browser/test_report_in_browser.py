"""The report in a real browser: the system's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import report_facts
from playwright.sync_api import Browser, Page, sync_playwright

from components.report.html.facts import Facts
from components.report.html.page import render

pytestmark = pytest.mark.runners

NASTY = [
    "<script>alert(1)</script>",
    "a name that nobody would ever read to its end, and_with_a_tail_that_cannot_be_broken" * 2,
    "<img src=x onerror=alert(2)>",
    *(f"class {i}" for i in range(7)),
]
# Of each text that is drawn: its colour and what lies behind it, as the screen has them, 0-255.
CONTRASTS = """() => {
  const paper = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const drawn = (...colours) => {
    paper.clearRect(0, 0, 1, 1);
    for (const colour of colours) { paper.fillStyle = colour; paper.fillRect(0, 0, 1, 1); }
    return [...paper.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || element.closest("title, .unseen")) continue;
    const behind = [];
    for (let at = element; at; at = at.parentElement)
      behind.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    found.push([walk.currentNode.data.trim(), drawn(...behind, ink), drawn(...behind)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium: sudo apt-get install chromium")
    # Chromium's sandbox does not start for root, as whom containers run.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that writes the report of a made-up run, alone in a folder."""

    def write(**how: object) -> Path:
        facts: Facts = report_facts.make(tmp_path_factory.mktemp("examples"), **how)
        file = tmp_path_factory.mktemp("report") / "report.html"
        file.write_text(render(facts), encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="module")
def report(written: Callable[..., Path]) -> Path:
    """A failed run with a baseline, its classes named to break the page."""
    return written(names=NASTY, skill=0.6, before=0.85, slices=tuple(f"s={n}" for n in NASTY[:3]))


class Watched:
    """A page, and what it asked for and said."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(file.as_uri())


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Watched]]:
    contexts = []

    def open_(file: Path, width: int = 1280, scheme: str = "light") -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            offline=True,
        )
        contexts.append(context)
        return Watched(context.new_page(), file)

    yield open_
    for context in contexts:
        context.close()


def test_it_asks_for_nothing_and_complains_of_nothing(report, opened):
    seen = opened(report)
    seen.page.wait_for_load_state("networkidle")
    assert [url for url in seen.asked if not url.startswith("data:")] == [report.as_uri()]
    assert seen.said == []
    assert seen.page.title().startswith("Failed · ")
    assert seen.page.locator("h1").inner_text() == "✗ Failed"


def test_images_are_decoded_and_keep_their_pixels_apart(report, opened):
    images = opened(report).page.locator("img")
    assert images.count() == 48
    sizes = images.evaluate_all("all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[28, 28]] * 48
    style = "all => all.map(i => getComputedStyle(i).imageRendering)"
    assert set(images.evaluate_all(style)) == {"pixelated"}


def test_a_class_named_script_is_text(report, opened):
    seen = opened(report)
    assert seen.page.get_by_text(NASTY[0], exact=True).count() > 3
    assert seen.page.locator("script").count() == 0
    assert seen.page.locator("img[src=x]").count() == 0
    assert seen.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("classes", [10, 100])
def test_the_page_never_scrolls_sideways(width, scheme, classes, report, written, opened):
    names = [f"class number {i}" for i in range(classes)]
    file = report if classes == 10 else written(names=names, images=2000)
    page = opened(file, width, scheme).page
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    # What is too wide scrolls in a box of its own, which the keyboard reaches.
    boxes = page.locator(".scroll").evaluate_all(
        "all => all.filter(b => b.scrollWidth > b.clientWidth).map(b => b.tabIndex)"
    )
    assert set(boxes) <= {0}
    assert boxes or width > 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(scheme, report, opened):
    found = opened(report, 1280, scheme).page.evaluate(CONTRASTS)
    assert len(found) > 500
    weak = {(text, ratio) for text, ink, paper in found if (ratio := contrast(ink, paper)) < 4.5}
    assert not weak


def contrast(one: list[int], other: list[int]) -> float:
    """Contrast ratio of WCAG 2.2, 1 to 21, of two colours in sRGB, 0-255."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: list[int]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in scaled(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def scaled(colour: list[int]) -> list[float]:
    return [channel / 255 for channel in colour]


def test_light_and_dark_differ(report, opened):
    behind = "getComputedStyle(document.body).backgroundColor"
    light, dark = (opened(report, scheme=s).page.evaluate(behind) for s in ("light", "dark"))
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(18, 22, 26)")


def test_it_prints_on_paper_light_and_whole(report, opened, tmp_path):
    page = opened(report, scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page /") >= 3


def test_the_links_lead_to_their_sections(report, opened):
    page = opened(report).page
    links = page.locator("nav a")
    for link in links.all():
        link.click()
        target = page.evaluate("location.hash")
        assert page.locator(target).is_visible()
    assert links.count() == 12
