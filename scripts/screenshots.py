"""Pictures of the page in use: every tab in every language, light and dark, wide and narrow.

    python scripts/screenshots.py --model my-poet --out shots

Needs a chromium and playwright.
"""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click
import uvicorn
from playwright.sync_api import Page, sync_playwright

from poetvae.i18n import LANGUAGES, _, speaking, tag
from poetvae.poet import Poet
from poetvae.web.server import page as page_of

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@contextmanager
def serving(poet: Poet) -> Iterator[str]:
    """The address of the page of a poet, on a free port."""
    app = page_of({"model": poet}).guarded()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


def use(page: Page) -> Iterator[str]:
    """Use each tab once; yields its name when there is something to see."""
    page.locator("#write-button").click()
    page.wait_for_url("**seed=**")
    yield "write"
    page.locator("[data-picture]:visible").click()
    yield "picture"
    page.keyboard.press("Escape")
    page.locator("#written button", has_text=_("Revise")).first.click()
    page.locator("#opened button").nth(3).click()
    page.locator("#offers .choices").wait_for()
    yield "revise"
    page.get_by_role("tab", name=_("Couplet"), exact=True).click()
    page.get_by_role("button", name=_("Answer"), exact=True).click()
    page.locator("#answers .scrolls").first.wait_for()
    yield "couplet"
    page.get_by_role("tab", name=_("Walk"), exact=True).click()
    page.get_by_role("button", name=_("Walk"), exact=True).click()
    page.locator("#way .step").last.wait_for()
    yield "walk"
    page.get_by_role("tab", name=_("Map"), exact=True).click()
    page.locator("#picture .regions button").first.click()
    page.locator("#there .poem").wait_for()
    yield "map"
    page.get_by_role("tab", name=_("Score"), exact=True).click()
    page.get_by_role("button", name=_("Score"), exact=True).click()
    page.locator("#table table").wait_for()
    yield "score"
    page.get_by_role("tab", name=_("Check"), exact=True).click()
    page.get_by_role("button", name=_("Check"), exact=True).locator("visible=true").click()
    page.locator("#report .report").wait_for()
    yield "check"


@click.command()
@click.option("--model", help="Run or model folder; absent: the packaged one.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(model: str | None, out: Path) -> None:
    """Take them all."""
    out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with serving(Poet.from_pretrained(model)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for language, width, scheme in itertools.product(LANGUAGES, (1280, 390), SCHEMES):
            page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
            page.set_default_timeout(60_000)
            page.on("console", lambda message: print(message.type, message.text))
            page.on("pageerror", lambda error: print("error", error))
            page.goto(f"{address}{tag(language)}/model/")
            with speaking(language):
                for name in use(page):
                    page.wait_for_timeout(500)
                    path = out / f"{name}-{tag(language)}-{width}-{scheme}.png"
                    page.screenshot(path=path, full_page=name != "picture")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
