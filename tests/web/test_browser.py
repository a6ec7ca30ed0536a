"""The page in a browser: every tab is used, nothing goes elsewhere, keys and narrow screens do."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from screenshots import serving

from poetvae.poet import Poet
from poetvae.training import trainer

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome is installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:uvicorn"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets"),
    # What Gradio asks of pandas when it counts its own requests.
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
TIMEOUT = 20_000  # milliseconds


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of a small model of two forms is served."""
    trainer.train(
        out=(folder := tmp_path_factory.mktemp("runs") / "page"),
        preset="tiny",
        settings={"d_model": 16, "embed_dim": 16, "latent_dim": 4, "encoder_layers": 1},
        forms=["5x2", "5x4"],
        steps=10,
        quiet=True,
    )
    with serving(Poet.from_pretrained(folder)) as page:
        yield page


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    """A chromium, started when the page is served: Playwright's own loop runs from then on."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Visit:
    """A page that was opened, and what must not have happened in it."""

    def __init__(self, browser: Browser, address: str, width: int) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 800})
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        self.page.set_default_timeout(TIMEOUT)
        self.page.on("request", lambda request: self._request(request.url))
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.page.locator("#write-button").wait_for()

    def _request(self, url: str) -> None:
        if not re.match(r"(http|ws)://127\.0\.0\.1[:/]|data:|blob:", url):
            self.elsewhere.append(url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def tab(self, name: str) -> None:
        """Go to a tab."""
        self.page.get_by_role("tab", name=name).click()

    def press(self, name: str) -> None:
        """Press the button of this name that can be seen."""
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").first.click()


@contextlib.contextmanager
def visiting(browser: Browser, address: str, width: int) -> Iterator[Visit]:
    """The page; afterwards: no request elsewhere, no error, nothing wider than the window."""
    expect.set_options(timeout=TIMEOUT)
    visit = Visit(browser, address, width)
    yield visit
    no_overflow(visit.page)
    visit.page.close()
    assert (visit.elsewhere, visit.errors) == ([], [])


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def visit(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Visit]:
    """The page, wide and narrow."""
    with visiting(browser, address, request.param) as visit:
        yield visit


@pytest.fixture
def wide(browser: Browser, address: str) -> Iterator[Visit]:
    """The page on a wide screen alone."""
    with visiting(browser, address, 1280) as visit:
        yield visit


def no_overflow(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_tab_is_used(visit: Visit) -> None:
    page = visit.page
    visit.press("Write")
    poem = page.locator("#written .verses").first
    expect(poem).to_be_visible()
    assert len(re.findall(r"[\u4e00-\u9fff]", poem.inner_text())) in (10, 20)
    expect(page.locator("#written .seed")).to_have_text(re.compile(r"\d+"))
    no_overflow(page)

    written = page.locator("#written button[data-ask=revise]").first.get_attribute("data-text")
    page.locator("#written button[data-ask=revise]").first.click()
    expect(page.locator("#opened button[data-ask]").first).to_be_visible()
    expect(page.locator("#poem textarea")).to_have_value(written or "")
    page.locator("#opened button[data-ask]").nth(2).click()
    choice = page.locator("#offers .choices button").first
    expect(choice.locator("mark")).to_be_visible()
    chosen = choice.get_attribute("data-text") or ""
    no_overflow(page)
    choice.click()
    expect(page.locator("#poem textarea")).to_have_value(chosen)
    visit.press("Undo")
    expect(page.locator("#poem textarea")).to_have_value(written or "")


def test_every_tab_that_reads_or_answers_is_used(visit: Visit) -> None:
    page = visit.page
    visit.tab("Couplet")
    visit.press("Answer")
    expect(page.locator("#answers .scrolls")).to_have_count(4)
    upper, lower = (page.locator("#answers .scroll").nth(i).bounding_box() for i in (0, 1))
    assert upper
    assert lower
    assert upper["x"] > lower["x"] + lower["width"]
    assert upper["height"] > 3 * upper["width"]
    no_overflow(page)

    visit.tab("Walk")
    visit.press("Walk")
    expect(page.locator("#way li.own")).to_have_count(2)
    assert page.locator("#way .step").count() == 9
    assert page.locator("#way .step mark").count() > 0
    no_overflow(page)

    visit.tab("Map")
    picture = page.locator("#picture svg[data-map]")
    picture.click(position={"x": 40, "y": 40})
    expect(page.locator("#there .verses")).to_be_visible()
    before = page.locator("#there .near").inner_text()
    for _ in range(12):
        picture.press("Shift+ArrowRight")
    picture.press("Enter")
    expect(page.locator("#there .near")).not_to_have_text(before)
    picture.press("Tab")  # on to the regions
    region = page.locator("#picture .regions button").first
    expect(region).to_be_focused()
    assert page.locator("#picture circle.faded").count() > 0
    name = region.locator("span").inner_text()
    region.press("Enter")
    expect(page.locator("#there .told").first).to_contain_text(name)
    boxes = [one.bounding_box() for one in page.locator("#picture .labels text").all()]
    halo = 8  # the outline of letters, and what is empty above them, may meet
    for a, b in itertools.combinations(filter(None, boxes), 2):
        across = max(a["x"], b["x"]) - min(a["x"] + a["width"], b["x"] + b["width"])
        up = max(a["y"], b["y"]) - min(a["y"] + a["height"], b["y"] + b["height"])
        assert max(across, up) >= -halo
    no_overflow(page)

    visit.tab("Score")
    visit.press("Score")
    expect(page.locator("#table ruby").first).to_have_attribute("title", re.compile(r"[\d.]+ nats"))
    assert page.locator("#table tbody tr").count() == 6

    visit.tab("Check")
    visit.press("Check")
    expect(page.locator("#report .cell.wrong")).to_have_text(re.compile("君"))
    no_overflow(page)


def test_bad_input_is_told_and_is_no_html(wide: Visit) -> None:
    page = wide.page
    page.get_by_label("First line").fill("<img src=x onerror=document.title=1>")
    page.get_by_label("First line").press("Enter")
    told = page.get_by_text(re.compile("the first line: .*<img src=x.* expected 1 to 5"))
    expect(told).to_be_visible()
    assert page.title() == "poetvae"
    wide.tab("Score")
    page.get_by_label("Poems, one a line").fill("山月")
    wide.press("Score")
    expect(page.get_by_text(re.compile("has the form free"))).to_be_visible()


def test_the_keyboard_is_enough_to_write(wide: Visit) -> None:
    page = wide.page
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "write-button":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#written .verses").first).to_be_visible()


def test_a_copied_poem_is_in_the_clipboard(wide: Visit) -> None:
    page = wide.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    wide.press("Write")
    copy = page.locator("#written button[data-copy]").first
    poem = copy.get_attribute("data-copy")
    copy.click()
    expect(copy).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == poem


def test_the_seed_that_is_shown_writes_the_same(wide: Visit) -> None:
    page = wide.page
    wide.press("Write")
    seed = page.locator("#written .seed").inner_text()
    poems = page.locator("#written .poems").inner_text()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_label("Seed")).to_have_value("")
    page.get_by_label("Seed").fill(seed)
    page.get_by_label("simplified").check()
    expect(page.locator("#written .poems")).not_to_have_text(poems)
    page.get_by_label("as written").check()
    expect(page.locator("#written .poems")).to_have_text(poems, use_inner_text=True)
    page.get_by_label("First line").press("Enter")
    page.wait_for_timeout(500)
    expect(page.locator("#written .poems")).to_have_text(poems, use_inner_text=True)
