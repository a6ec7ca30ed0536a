"""The checker of poems accepts what fits and names what does not; what is written passes it."""

from __future__ import annotations

import json
import random
from typing import Any

import check_poems
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poetvae.errors import ConstraintError
from poetvae.poet import Poet
from poetvae.text.form import forms_of_tune
from poetvae.text.prosody import STRICTNESS, regulated, rhyme_ok

# 王之渙, 登鸛雀樓: regulated, with 流 and 樓 in the rhyme 尤.
ENDS, SLANT = ["--acrostic-at", "ends"], ["--acrostic-at", "diagonal"]
LINES = ["白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓"]
OTHER = [*LINES[:3], "更上一層山"]


def line_of(lines: list[str]) -> str:
    text = "\n".join("，".join(lines[i : i + 2]) + "。" for i in range(0, len(lines), 2))
    return json.dumps({"text": text, "lines": lines}, ensure_ascii=False)


def check(poems: list[list[str]], *flags: str) -> Result:
    text = "\n".join(map(line_of, poems))
    return CliRunner().invoke(check_poems.main, flags, input=text)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (["--form", "5x4"], ["--form", "5x2"], "is not 5x2"),
        (["--form", "5x4"], ["--form", "7x4"], "is not 7x4"),
        (["--first-line", "白日依山盡"], ["--first-line", "白日依山流"], "line 1 is not"),
        (["--first-line", "白日依山盡，"], ["--first-line", "白日"], "line 1 is not"),
        (["--line", "2=黃河入海流"], ["--line", "3=黃河入海流"], "line 3 is not"),
        (["--line", "4=更上一層樓"], ["--line", "5=更上一層樓"], "line 5 is not"),
        (["--template", "白日__盡，黃_"], ["--template", "白日__山"], "does not fit"),
        (["--template", "白日依山盡"], ["--template", "_" * 20 + "山"], "does not fit"),
        (["--acrostic", "白黃欲更"], ["--acrostic", "白黃欲上"], "line 4 lacks 上"),
        (["--acrostic", "白黃"], ["--acrostic", "白黃欲更上"], "line 5 lacks 上"),
        ([*ENDS, "--acrostic", "盡流"], ["--acrostic", "盡流"], "line 1 lacks 盡"),
        ([*SLANT, "--acrostic", "白河千層"], [*SLANT, "--acrostic", "白河千樓"], "line 4 lacks 樓"),
        (["--contains", "入海"], ["--contains", "入海", "--contains", "海山"], "no line has 海山"),
        (["--contains", "流"], ["--contains", "流欲"], "no line has 流欲"),
        (["--rhyme", "尤"], ["--rhyme", "東"], "does not rhyme in 東"),
        (["--rhyme", "秋"], ["--rhyme", "春"], "does not rhyme in 春"),
        (["--no-repeat"], ["--no-repeat", "--without", "龍樓"], "has one of 龍樓"),
        (["--only", "".join(LINES)], ["--only", "白日依山盡"], "has another than"),
        (["--without", "龍"], ["--without", "樓"], "has one of 樓"),
    ],
)
def test_a_poem_and_what_it_is_and_is_not(right: list[str], wrong: list[str], says: str) -> None:
    good = check([LINES], *right)
    assert (good.exit_code, good.stdout) == (0, "")
    bad = check([LINES], *wrong)
    assert bad.exit_code == 1
    assert f"poem 1 {says}" in bad.stderr
    assert "白日依山盡" in bad.stderr


def test_tones() -> None:
    swapped = [LINES[0], LINES[2], LINES[1], LINES[3]]  # the second line ends oblique
    for tones in ("lenient", "strict"):
        assert check([LINES], "--tones", tones).exit_code == 0
        bad = check([swapped], "--tones", tones)
        assert f"does not keep {tones} tones" in bad.stderr
    double = ["白日依山盡", "黃河入海長"]  # 長 is read in a level and in an oblique tone
    assert check([double], "--tones", "lenient").exit_code == 0
    assert check([double], "--tones", "strict").exit_code == 1


# 蘇軾, and 溫庭筠: each verse with the tones and the rhymes of its tune.
WASHING = ["山下蘭芽短浸溪", "松間沙路淨無泥", "蕭蕭暮雨子規啼", "誰道人生無再少", "門前流水尚能西"]
WASHING += ["休將白髮唱黃雞"]
DANCERS = ["小山重疊金明滅", "鬢雲欲度香腮雪", "懶起畫蛾眉", "弄妝梳洗遲", "照花前後鏡"]
DANCERS += ["花面交相映", "新帖繡羅襦", "雙雙金鷓鴣"]


@pytest.mark.parametrize(
    ("form", "verses", "n", "wrong", "says"),
    [
        ("浣溪沙", WASHING, 5, "門月流水尚能西", "does not keep the lenient tones"),
        ("浣溪沙", WASHING, 5, "門前流水尚能山", "does not rhyme in any"),
        ("浣溪沙", WASHING, 5, "門前流水尚能泥", "has a rhyme twice"),
        ("浣溪沙", WASHING, 4, "誰道人生再少", "is not 浣溪沙"),
        ("菩薩蠻", DANCERS, 2, "鬢月欲度香腮雪", "does not keep"),
        ("菩薩蠻", DANCERS, 8, "雙雙金鷓鴣", ""),
        ("重叠金", DANCERS, 8, "雙雙金縷衣", "does not rhyme in any"),
    ],
)
def test_a_tune(form: str, verses: list[str], n: int, wrong: str, says: str) -> None:
    flags = ["--form", form, "--tones", "lenient", "--rhyme", "any"]
    assert check([verses], *flags).exit_code == 0
    changed = [*verses]
    changed[n - 1] = wrong
    result = check([changed], *flags)
    if says:
        assert f"poem 1 {says}" in result.stderr
    else:
        assert result.exit_code == 0


def test_tunes_and_regulated_verse_are_judged_as_by_the_package() -> None:
    form, dice = forms_of_tune("菩薩蠻")[0], random.Random(0)
    chars = "".join(DANCERS + WASHING + LINES) + "看重長㐂"
    known = {name: check_poems.tune(name) for name in ("菩薩蠻", "浣溪沙", "念奴嬌")}
    assert [one and len(one[0]) for one in known.values()] == [8, 6, 20]
    for _ in range(200):
        poem, sung = [*LINES], [*DANCERS]
        for lines in (poem, sung):
            i = dice.randrange(len(lines))
            j = dice.randrange(len(lines[i]))
            lines[i] = lines[i][:j] + dice.choice(chars) + lines[i][j + 1 :]
        for strictness in STRICTNESS:
            kept = check_poems.regulated(poem, strictness)
            assert kept == regulated(poem, strictness=strictness)
            fault = check_poems.Wanted("菩薩蠻", tones=strictness).fault(sung)
            assert (fault is None) == regulated(sung, strictness=strictness, form=form)
        assert (check_poems.Wanted(rhyme="any").fault(poem) is None) == rhyme_ok(poem)
        fault = check_poems.Wanted("菩薩蠻", rhyme="any").fault(sung)
        assert (fault is None) == rhyme_ok(sung, form=form)


def test_kana_is_counted_in_morae() -> None:
    haiku = ["しゃくなげや", "きしゃのまどから", "ちょうひとつ"]
    flags = ["--form", "haiku", "--acrostic", "しゃきちょ"]
    assert check([haiku], *flags).exit_code == 0
    assert "is not haiku" in check([haiku[::-1][1:] * 2], "--form", "haiku").stderr
    assert "lacks し of the acrostic" in check([haiku], "--acrostic", "し").stderr


def test_a_rhyme_of_any_class_is_one_class() -> None:
    assert check([LINES], "--rhyme", "any").exit_code == 0
    assert "does not rhyme in any" in check([OTHER], "--rhyme", "any").stderr
    assert check([LINES[:1]], "--rhyme", "any").exit_code == 1


def test_a_character_twice() -> None:
    assert "has a character twice" in check([OTHER], "--no-repeat").stderr


def test_the_first_poem_that_fails_is_named() -> None:
    result = check([LINES, LINES, OTHER, OTHER], "--form", "5x4", "--rhyme", "尤")
    assert "poem 3 does not rhyme" in result.stderr
    assert result.exit_code == 1
    nothing = check([])
    assert (nothing.exit_code, "no poem came" in nothing.stderr) == (1, True)


def test_a_text_that_is_another_than_its_lines() -> None:
    forged = json.dumps({"text": "白日依山盡，黃河入海流。", "lines": ["山水", "風月"]})
    result = CliRunner().invoke(check_poems.main, ["--form", "2x2"], input=forged)
    assert (result.exit_code, "differs from its lines" in result.stderr) == (1, True)


def test_the_classes_are_the_106() -> None:
    from poetvae.text.prosody import RHYMES, rhymes

    assert check_poems.names() == set("".join(RHYMES.values()))
    for char in "流樓東重山征里風居涯":
        assert check_poems.classes()[char] == rhymes(char, usual=True)


HAN = "山水風月春秋花雲人天"
LINE = st.text(HAN, min_size=5, max_size=5)
WISHES = st.fixed_dictionaries(
    {},
    optional={
        "lines": st.dictionaries(st.integers(1, 2), LINE, max_size=1),
        "template": st.text(HAN + "____", min_size=10, max_size=10).filter(lambda x: x.strip("_")),
        "acrostic": st.text(HAN, min_size=1, max_size=2),
        "where": st.sampled_from(["heads", "ends", "diagonal"]),
        "contains": st.lists(st.text(HAN, min_size=1, max_size=2), max_size=2).map(tuple),
        "rhyme": st.sampled_from("尤東真先庚"),
        "tones": st.sampled_from(["strict", "usual", "lenient"]),
        "no_repeat": st.booleans(),
        "without": st.text(HAN, max_size=2),
    },
)


@given(WISHES, st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 2**31))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_what_was_asked_for(
    poet: Poet, conditions: dict[str, Any], temperature: float, seed: int
) -> None:
    try:
        poems = poet.generate(3, form="5x2", temperature=temperature, seed=seed, **conditions)
    except ConstraintError:  # what excludes each other
        return
    wanted = check_poems.Wanted("5x2", **conditions)
    for poem in poems:
        assert wanted.fault(list(poem.lines)) is None
        assert poem.satisfied
