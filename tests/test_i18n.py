"""What is said in other languages, and which of them is spoken."""

from __future__ import annotations

import ast
import re
import shutil
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from poetvae import Poet, i18n, read_poems
from poetvae.config import configure
from poetvae.data.corpus import CorpusSpec, read_corpus
from poetvae.data.report import CorpusReport
from poetvae.errors import PoetVAEError
from poetvae.i18n import _, closest, of_environment, of_header, speaking
from poetvae.text.form import Form
from poetvae.text.prosody.languages import check_all
from poetvae.training.log import read_history

PO = i18n.LOCALES / "zh_TW" / "LC_MESSAGES" / "poetvae.po"


def test_a_text_without_a_translation_stays_english() -> None:
    with speaking("zh_TW"):
        assert _("No such text: {x}.", x="{y}") == "No such text: {y}."
        assert _("{braces}") == "{braces}"


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh-Hant-HK", "zh_TW"),
        ("zh_TW.UTF-8", "zh_TW"),
        ("zh", "zh_CN"),
        ("zh-SG", "zh_CN"),
        ("en_GB", "en"),
        ("C.UTF-8", "en"),
        ("fr", None),
        ("", None),
    ],
)
def test_the_language_nearest_to_a_tag(tag: str, language: str | None) -> None:
    assert closest(tag) == language


def test_the_environment_names_a_language_as_gettext_reads_it() -> None:
    assert of_environment({}) == "en"
    assert of_environment({"LANG": "zh_TW.UTF-8"}) == "zh_TW"
    assert of_environment({"LANG": "zh_TW.UTF-8", "LC_ALL": "C"}) == "en"
    assert of_environment({"LANG": "C", "LANGUAGE": "fr:zh_CN:en"}) == "zh_CN"


def test_a_browser_names_languages_by_weight() -> None:
    assert of_header("fr, en;q=0.5, zh-TW;q=0.8") == "zh_TW"
    assert of_header("zh-CN;q=0, en") == "en"
    assert of_header("zh;q=x,,;q=") == "en"
    assert of_header("") == "en"


def _fields(text: str) -> Iterator[str]:
    return (name for _, name, *_ in string.Formatter().parse(text) if name is not None)


def test_translations_take_the_values_that_their_texts_have() -> None:
    with PO.open("rb") as file:
        messages = [message for message in read_po(file) if message.id and message.string]
    for message in messages:
        try:
            expected = set(_fields(str(message.id)))
        except ValueError:  # braces that stand for themselves
            continue
        found = set(_fields(str(message.string)))
        # Texts in two numbers name a value once in each, under names that may differ.
        assert found <= expected if message.pluralizable else found == expected, message.id


PACKAGE = i18n.LOCALES.parent
NAMES = re.compile(
    r"'[^']*'"  # what came, quoted
    r"|--[a-z][\w-]*(=\S+)?|\S*/[\w./-]+|[\w-]+\.(jsonl?|txt|csv|ndjson|tsv|parquet|model)\b"
    r"|poetvae|train\b|sha256|JSON|UTF-8|manifest|beta_warmup"
)
"""What stays as it is in any language: quotations, flags, files, settings, standards."""


def english_words(text: str) -> list[str]:
    return re.findall("[A-Za-z]{3,}", NAMES.sub("", text))


def impossible(poet: Poet, run: Path, folder: Path) -> None:
    poet.generate(1, form="5x2", first_line="山水風月雲", acrostic="水", seed=1)


def without_room(poet: Poet, run: Path, folder: Path) -> None:
    poet.generate(1, first_line="山水風月雲雨花鳥江", tones="strict", seed=1)


def without_repeats(poet: Poet, run: Path, folder: Path) -> None:
    poet.generate(1, form="5x2", template="山____，山____", no_repeat=True, seed=1)


def unknown_form(poet: Poet, run: Path, folder: Path) -> None:
    Form.parse("七言長詩")


def form_of_no_poem(poet: Poet, run: Path, folder: Path) -> None:
    poet.generate(1, form="7x8", seed=1)


def broken_corpus(poet: Poet, run: Path, folder: Path) -> None:
    (folder / "a.jsonl").write_text("{\n{\n")
    list(read_poems(folder / "a.jsonl"))


def broken_entry(poet: Poet, run: Path, folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"a": 1}\n')
    list(read_poems(folder / "a.jsonl", strict=True))


def corpus_of_another_form(poet: Poet, run: Path, folder: Path) -> None:
    (folder / "a.txt").write_text("秦川雄帝宅，函谷壯皇居。\n", encoding="utf-8")
    read_corpus(CorpusSpec([folder / "a.txt"], forms=[Form(7, 4)]))


def torn_model(poet: Poet, run: Path, folder: Path) -> None:
    shutil.copytree(run, folder / "torn", ignore=shutil.ignore_patterns("checkpoints", "data"))
    (folder / "torn" / "tokenizer.model").write_bytes(b"")
    Poet.from_pretrained(folder / "torn")


def no_model(poet: Poet, run: Path, folder: Path) -> None:
    Poet.from_pretrained(folder / "none")


def no_run(poet: Poet, run: Path, folder: Path) -> None:
    read_history(folder)


def setting_out_of_bounds(poet: Poet, run: Path, folder: Path) -> None:
    configure(settings={"beta_warmup": "2"})


@pytest.mark.parametrize(
    "fail",
    [
        impossible,
        without_room,
        without_repeats,
        unknown_form,
        form_of_no_poem,
        broken_corpus,
        broken_entry,
        corpus_of_another_form,
        torn_model,
        no_model,
        no_run,
        setting_out_of_bounds,
    ],
)
def test_who_reads_no_english_understands_errors(
    fail: Callable[[Poet, Path, Path], None], poet: Poet, run: Path, tmp_path: Path
) -> None:
    with speaking("zh_TW"), pytest.raises(PoetVAEError) as caught:
        fail(poet, run, tmp_path)
    assert re.search("[一-鿿]", str(caught.value))
    assert not english_words(str(caught.value)), caught.value


POEMS = {
    "regulated": "渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。",
    "faulty": "白日依山盡，黃河入海流，欲窮千里目，更上一層天。",
    "old": "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。",
    "tune": "如夢令\n昨夜雨疏風驟，濃睡不消殘酒。"
    "試問捲簾人，卻道海棠依舊。知否，知否，應是綠肥紅瘦。",
    "kana": "ふるいけや\nかわずとびこむ\nみずのおおと",
}


@pytest.mark.parametrize("poem", POEMS.values(), ids=POEMS)
def test_what_a_check_says_is_chinese_and_its_names_are_not_changed(poem: str) -> None:
    (english,) = check_all(poem)
    with speaking("zh_TW"):
        (chinese,) = check_all(poem)
        assert not english_words(str(chinese)), chinese
    for one, other in zip(english.notes, chinese.notes, strict=True):
        assert (one.name, one.line, one.position) == (other.name, other.line, other.position)
    assert (english.kind, english.rhyme) == (chinese.kind, chinese.rhyme)


def test_simplified_chinese_is_made_of_traditional() -> None:
    with speaking("zh_CN"), pytest.raises(PoetVAEError, match="体裁 '七言長詩'：应为"):
        Form.parse("七言長詩")


def test_english_verse_is_called_by_its_chinese_name() -> None:
    gray = "The curfew tolls the knell of parting day,\n"
    (report,) = check_all(f"{gray}The lowing herd wind slowly o'er the lea")
    with speaking("zh_TW"):
        assert report.head.startswith("抑揚格五音步雙行體")
    assert report.head.startswith("iambic pentameter couplet")


def test_the_account_of_a_corpus_is_chinese_and_its_counters_are_not(tmp_path: Path) -> None:
    lines = ["秦川雄帝宅，函谷壯皇居。", "秦川雄帝宅，函谷壯皇居。", "（", "a\x00b 春", "春(眠)曉"]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    report = CorpusReport()
    with speaking("zh_TW"):
        list(read_poems(tmp_path, report=report))
        assert not [words for line in report.lines() if (words := english_words(line))]
    assert report.dropped == {"duplicate": 1, "empty": 1}
    assert "free" in report.forms


def _errors(trees: dict[Path, ast.Module]) -> set[str]:
    """The names of the classes that are a `PoetVAEError`."""
    found, classes = (
        {"PoetVAEError"},
        [
            node
            for tree in trees.values()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
        ],
    )
    for _again in classes:  # a class may stand before its base
        found |= {
            node.name
            for node in classes
            if any(isinstance(base, ast.Name) and base.id in found for base in node.bases)
        }
    return found


def _untranslated(node: ast.AST) -> Iterator[ast.expr]:
    """The texts in an expression that do not go through the catalogue."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "N_"):
        return
    if isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    ):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _untranslated(child)


def test_no_text_lacks_its_translation() -> None:
    with PO.open("rb") as file:
        known = {message.id for message in read_po(file) if message.id and message.string}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "N_"):
                text = node.args[0]
                assert not isinstance(text, ast.Constant) or text.value in known, text.value


def test_every_error_speaks_through_the_catalogue() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
    errors, raised = _errors(trees), 0
    for path, tree in trees.items():
        place = path.relative_to(PACKAGE)
        if place.parts[0] == "nn":  # for programs, as torch itself
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in errors:
                raised += 1
                found = [ast.unparse(text) for text in node.args for text in _untranslated(text)]
                assert not found, f"{place}:{node.lineno}: {found}"
    assert raised > 200
