"""The page in a browser: every tab is used in every language, by keys and on narrow screens, and
nothing goes elsewhere; axe finds no serious fault."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)
from screenshots import serving

from poetvae.poet import Poet
from poetvae.text.variants import to_simplified
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
Scheme = Literal["light", "dark"]
NAMES = {"poetvae", "English", "Tab", "Enter"}  # which a page in Chinese may have
AT = "en/model/"


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

    def __init__(self, browser: Browser, address: str, width: int, scheme: Scheme) -> None:
        height = 844 if width < 640 else 800
        self.page: Page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
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
def visiting(
    browser: Browser, address: str, width: int = 1280, scheme: Scheme = "light"
) -> Iterator[Visit]:
    """The page; afterwards: no request elsewhere, no error, nothing wider than the window."""
    expect.set_options(timeout=TIMEOUT)
    visit = Visit(browser, address, width, scheme)
    yield visit
    no_overflow(visit.page)
    visit.page.close()
    assert (visit.elsewhere, visit.errors) == ([], [])


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def visit(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Visit]:
    """The page, wide and narrow."""
    with visiting(browser, address + AT, request.param) as visit:
        yield visit


@pytest.fixture
def wide(browser: Browser, address: str) -> Iterator[Visit]:
    """The page on a wide screen alone."""
    with visiting(browser, address + AT) as visit:
        yield visit


def no_overflow(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_tab_is_used(visit: Visit) -> None:
    page = visit.page
    write(visit)
    poem = page.locator("#written .verses").first
    expect(poem).to_be_visible()
    assert len(re.findall(r"[\u4e00-\u9fff]", poem.inner_text())) in (10, 20)
    expect(page.locator("#written .seed").first).to_have_text(re.compile(r"\d+"))
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


def large(page: Page) -> Locator:
    """The verses of the poem that is large."""
    return page.locator("#written article:not([hidden]) .verses")


def write(visit: Visit) -> str:
    """The large poem of those that Write writes now."""
    at = visit.page.locator("#written .written").get_attribute("data-at") or ""
    visit.page.locator("#write-button").click()
    expect(visit.page.locator("#written .written")).not_to_have_attribute("data-at", at)
    return large(visit.page).inner_text()


def test_bad_input_is_told_and_is_no_html(wide: Visit) -> None:
    page = wide.page
    page.get_by_role("button", name="Lines").click()
    page.get_by_label("First line").fill("<img src=x onerror=document.title=1>")
    page.get_by_label("First line").press("Enter")
    told = page.get_by_text(re.compile("the first line: .*<img src=x.* expected 1 to 5"))
    expect(told).to_be_visible()
    assert page.title() == "poetvae"
    wide.tab("Score")
    page.get_by_label("Poems, one a line").fill("山月")
    wide.press("Score")
    expect(page.get_by_text(re.compile("has the form free"))).to_be_visible()


def test_the_keyboard_is_enough(wide: Visit) -> None:
    page = wide.page
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
        if page.evaluate("document.activeElement.id") == "write-button":
            break
    tabs = page.get_by_role("tab").all_inner_texts()
    assert set(tabs) <= set(seen)
    before = page.locator("#written .written").get_attribute("data-at") or ""
    page.keyboard.press("Enter")
    expect(page.locator("#written .written")).not_to_have_attribute("data-at", before)
    for name in tabs:
        tab = page.get_by_role("tab", name=name, exact=True)
        tab.focus()
        page.keyboard.press("Enter")
        expect(tab).to_have_attribute("aria-selected", "true")


def test_a_phone_shows_the_poem(browser: Browser, address: str) -> None:
    with visiting(browser, address + "zh-TW/model/", 390) as visit:
        for _ in range(2):
            box, button = large(visit.page).bounding_box(), visit.page.locator("#write-button")
            assert box
            assert 0 <= box["y"] < box["y"] + box["height"] <= 844
            expect(button).to_be_in_viewport()
            write(visit)
        visit.page.get_by_role("button", name="寫法").click()
        visit.page.mouse.wheel(0, 5000)
        write(visit)
        expect(large(visit.page)).to_be_in_viewport(ratio=1)


def test_one_poem_is_chosen_copied_and_linked(wide: Visit) -> None:
    page = wide.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opening = large(page).inner_text()
    written = write(wide)
    assert written != opening
    page.locator("[data-choose='2']").click()
    chosen = large(page).inner_text()
    assert chosen != written
    expect(page.locator("#written [aria-pressed=true]")).to_have_text(chosen, use_inner_text=True)

    page.locator("#written article:not([hidden]) [data-copy]").click()
    assert page.evaluate("navigator.clipboard.readText()") == chosen.replace("\n", "")
    page.locator("#written article:not([hidden]) [data-link]").click()
    expect(page.get_by_text("Copied")).to_have_count(2)
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert "&chosen=2" in link

    page.get_by_role("link", name="简体中文").click()  # which keeps what was written
    page.wait_for_url(link.replace("/en/", "/zh-CN/"))
    expect(large(page)).to_have_text(to_simplified(chosen).replace("\n", ""))
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_what_was_written_before_is_shown_again(wide: Visit) -> None:
    page = wide.page
    written = [large(page).inner_text(), write(wide), write(wide)]
    page.get_by_text("Written before").click()
    found = [text.replace("\n", "") for text in page.locator("#history li").all_inner_texts()]
    assert found == [text.replace("\n", "") for text in reversed(written)]
    wide.tab("Check")
    wide.tab("Write")
    page.locator("#history li button").nth(1).click()
    expect(large(page)).to_have_text(written[1], use_inner_text=True)
    write(wide)
    expect(page.locator("#history li")).to_have_count(4)


def test_the_script_is_that_of_all_tabs(wide: Visit) -> None:
    page = wide.page
    written = large(page).inner_text()
    page.get_by_role("button", name="简体", exact=True).click()
    assert large(page).inner_text() == to_simplified(written)
    expect(large(page)).to_have_attribute("lang", "zh-Hans")
    again = write(wide)
    assert again == to_simplified(again)
    wide.tab("Score")
    wide.press("Score")
    table = page.locator("#table tbody").inner_text()
    assert table == to_simplified(table)
    wide.tab("Write")
    page.get_by_role("button", name="as written", exact=True).click()
    expect(large(page)).to_have_attribute("lang", "zh-Hant")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_poem_becomes_a_picture(
    browser: Browser, address: str, width: int, scheme: Scheme
) -> None:
    with visiting(browser, address + AT, width, scheme) as visit:
        page, opener = visit.page, visit.page.locator("[data-picture]:visible")
        opener.click()
        dialog = page.get_by_role("dialog", name="Picture")
        expect(dialog).to_be_visible()
        faults(page)
        no_overflow(page)
        poem = re.sub(r"\s", "", large(page).inner_text())
        drawn = dialog.get_by_role("img").get_attribute("aria-label") or ""
        assert drawn.replace(" ", "") == poem
        ink = dialog.locator("canvas").evaluate(
            "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
            ".filter((x, i) => i % 4 === 0 && x < 60).length"
        )
        assert ink > 5000
        with page.expect_download() as download:
            dialog.get_by_role("link", name="Save").click()
        assert download.value.path().read_bytes().startswith(b"\x89PNG")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(opener).to_be_focused()


def faults(page: Page) -> None:
    """No serious fault that axe finds."""
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [(one["id"], one["nodes"][0]["html"]) for one in serious]


STRINGS = """() => {
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { parentElement: part, data } = texts.currentNode;
    if (!part.closest("script, style")) found.push(data);
  }
  for (const name of ["aria-label", "placeholder", "title", "alt"])
    for (const part of document.querySelectorAll(`[${name}]`)) found.push(part.getAttribute(name));
  for (const part of document.querySelectorAll("textarea, input:is([type=text], :not([type]))"))
    found.push(part.value);
  return found;
}"""


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [
        ("en", 1280, "dark"),
        ("en", 390, "light"),
        ("zh-TW", 1280, "light"),
        ("zh-TW", 390, "dark"),
        ("zh-CN", 390, "light"),
    ],
)
def test_every_tab_has_no_serious_fault_and_no_other_language(
    browser: Browser, address: str, language: str, width: int, scheme: Scheme
) -> None:
    with visiting(browser, f"{address}{language}/model/", width, scheme) as visit:
        page = visit.page
        assert page.evaluate("document.documentElement.lang") == language
        for name in page.get_by_role("tab").all_inner_texts():
            page.get_by_role("tab", name=name, exact=True).click()
            for fold in page.locator(".label-wrap:visible").all():
                fold.click()
            page.wait_for_timeout(300)  # folds open slowly
            faults(page)
            no_overflow(page)
        words = {
            word for text in page.evaluate(STRINGS) for word in re.findall("[A-Za-z]{3,}", text)
        }
        if language != "en":
            assert words <= NAMES
