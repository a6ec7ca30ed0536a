"""Hooks of MkDocs: the site has the pages of the whole repository, and formulas without a script.

A page stands in the site where it stands in the repository, `docs/` taken away: `README.md` is the
home page, `data/README.md` the page `data/`. Links are written as GitHub reads them.
"""

from __future__ import annotations

import html
import posixpath
import re
import unicodedata
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.arithmatex import arithmatex_fenced_format  # type: ignore[import-untyped]
from pymdownx.slugs import slugify  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent
OUTSIDE = "*.md", "data/README.md", "poetvae/pretrained/*/README.md"
LINK = re.compile(r"""(\]\(|\b(?:src|href)=")(?![a-z]+:|[/#])([^)\s"#]+)""")
LETTER = re.compile(r'<mi mathvariant="(double-struck|script)">([A-Z])</mi>')
FUNCTION = re.compile(r"(<mi>(?:arg|exp|log|max|min)</mi>)(?!<mo|</m)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Headings get the anchors that GitHub gives them; a block of ```math is a formula."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    math = {
        "name": "math",
        "class": "arithmatex",
        "format": arithmatex_fenced_format(which="generic"),
    }
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [math]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that stand outside of docs/."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A link to a file of the repository leads to where that file is in the site."""
    source = Path(str(page.file.abs_src_path)).relative_to(ROOT).parent.as_posix()
    here = posixpath.dirname(page.file.src_uri) or "."

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(source, match[2])).removeprefix("docs/")
        known = files.get_file_from_path(target) is not None
        return match[1] + (posixpath.relpath(target, here) if known else match[2])

    return LINK.sub(moved, markdown)


def letter(match: re.Match[str]) -> str:
    """A letter in another alphabet as a character of its own: browsers ignore `mathvariant`."""
    name = f"{match[1]} CAPITAL {match[2]}"
    try:
        return f"<mi>{unicodedata.lookup(f'MATHEMATICAL {name}')}</mi>"
    except KeyError:  # older than the block of mathematical letters
        return f"<mi>{unicodedata.lookup(name)}</mi>"


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Formulas as MathML, which browsers set without a script."""

    def formula(match: re.Match[str]) -> str:
        tag, text = match.groups()
        math = convert(html.unescape(text), display="block" if tag == "div" else "inline")
        math = math.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")  # a relation
        math = FUNCTION.sub(r'\1<mspace width="0.167em" />', LETTER.sub(letter, math))
        return f'<{tag} class="formula">{math}</{tag}>'

    return FORMULA.sub(formula, content)
