"""The tones and rhymes of tunes, as constraints: on all strings of a few characters what the
verdict says of them, and on real tunes what is drawn keeps them."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from poetvae.constraints import rules
from poetvae.constraints.constraint import repeats
from poetvae.constraints.options import Conditions
from poetvae.errors import ConstraintError
from poetvae.text.codec import PoemCodec
from poetvae.text.form import Form, forms_of_tune
from poetvae.text.prosody import STRICTNESS, regulated, rhyme, rhyme_ok
from poetvae.text.prosody.chinese import verdict
from poetvae.text.prosody.chinese.books import readings_in
from poetvae.text.prosody.chinese.tunes import Tune
from poetvae.text.tokenizer import PoemTokenizer


def tune(name: str, tones: str, rhymes: str, entering: bool = False) -> Tune:
    """A tune in one stanza; patterns are separated by blanks."""
    patterns = tuple(tones.split())
    lengths = tuple(len(one.partition("|")[0]) for one in patterns)
    marks = "，" * (len(lengths) - 1) + "。"
    return Tune(name, (), lengths, marks, (len(lengths),), patterns, rhymes, entering, "corpus")


FEW = PoemTokenizer.train(["秋流酒看月雪"])  # 看 is level and oblique
TINY = [
    tune("一", "仄 平平|仄平 中 平", ".AA."),
    tune("二", "中平 仄 中仄", "AaA"),
    tune("三", "平 中仄 仄 平", "AbbA"),
    tune("四", "仄 中仄 平", "aa.", entering=True),
    tune("五", "中 中 平 仄", "A.Aa"),
]


@pytest.fixture
def tiny(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Form, PoemCodec]:
    """The form of a tune that the table lacks, and a codec that writes it."""
    made: Tune = request.param
    form = Form(made.lengths, tune=made.name)
    monkeypatch.setattr(verdict, "_tune", lambda asked: made if asked == form else None)
    return form, PoemCodec(FEW, form.size + 1, {form: 1})


def strings(form: Form, codec: PoemCodec) -> tuple[torch.Tensor, list[tuple[str, ...]]]:
    """All strings of the form, with one token behind them, and their verses."""
    ids = [(*chars, codec.writable()[0]) for chars in product(codec.writable(), repeat=form.size)]
    return torch.tensor(ids), [form.lay_out(FEW.decode(some[: form.size])) for some in ids]


@pytest.mark.parametrize("strictness", STRICTNESS)
@pytest.mark.parametrize("tiny", TINY, ids=lambda tune: tune.name, indirect=True)
def test_tones_are_those_of_the_verdict(tiny: tuple[Form, PoemCodec], strictness: str) -> None:
    tokens, poems = strings(*tiny)
    found = rules.tones(tiny[1], tiny[0], strictness).satisfied(tokens).tolist()
    assert found == [regulated(poem, strictness=strictness, form=tiny[0]) for poem in poems]
    assert 0 < sum(found) < len(found)


@pytest.mark.parametrize("name", ["any", "秋", "月"])
@pytest.mark.parametrize("tiny", TINY, ids=lambda tune: tune.name, indirect=True)
def test_rhymes_are_those_of_the_verdict(tiny: tuple[Form, PoemCodec], name: str) -> None:
    form, codec = tiny
    made = next(one for one in TINY if one.name == form.tune)
    tokens, poems = strings(form, codec)
    letters = [i for i, letter in enumerate(made.rhymes) if letter != "."]
    low, high = made.rhymes.upper() != made.rhymes, made.rhymes.lower() != made.rhymes

    def meets(poem: tuple[str, ...]) -> bool:
        ends = [poem[i][-1] for i in letters]
        groups = str(rhyme(poem, form=form)).split(", ")
        if not rhyme_ok(poem, form=form) or len(set(ends)) < len(ends):
            return False
        if name == "any":
            return not made.entering or groups == ["第十八部"]
        named = {one.rhyme for one in readings_in(name, "詞林")}
        return groups[name == "月" and len(groups) > 1] in named

    if (name == "秋" and not high) or (name == "月" and not low):
        with pytest.raises(ConstraintError, match=f"has no rhyme that {name} fits"):
            rules.rhyme(codec, form, name)
        return
    expected = list(map(meets, poems))
    if not any(expected):
        with pytest.raises(ConstraintError):
            rules.rhyme(codec, form, name)
        return
    assert rules.rhyme(codec, form, name).satisfied(tokens).tolist() == expected


RHYMES = "流樓秋洲悠愁頭舟酒柳久手首有友舊天山年前船眠斷遠晚見片面月雪節滅發絕葉別歇咽闊徹"
MANY = PoemTokenizer.train(
    [RHYMES + "白日依盡黃河入海欲窮千里目更上一層國破在城春草木深感時花濺淚"]
)
NAMES = ["浣溪沙", "菩薩蠻", "西江月", "憶江南", "定風波", "念奴嬌"]
FORMS = {name: forms_of_tune(name)[0] for name in NAMES}
CODEC = PoemCodec(MANY, 110, dict.fromkeys(FORMS.values(), 1))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_keeps_the_tune(name: str) -> None:
    form = FORMS[name]
    asked = Conditions(tones="strict", rhyme="any", contains="白日")
    constraint = rules.requested(CODEC, form, asked)
    assert len(constraint.parts) == 1
    generator, places = torch.Generator().manual_seed(0), torch.arange(110)
    paths = constraint.draw(torch.zeros(300, 110, len(MANY)), places, generator)[1]
    noise = torch.rand(300, 110, len(MANY), generator=generator)
    tokens = noise.masked_fill(~constraint.within(paths), -1).argmax(dim=2)
    fresh = ~repeats(tokens[:, sorted(constraint.distinct)])
    assert constraint.satisfied(tokens).tolist() == fresh.tolist()
    assert fresh.any()
    for ids in tokens[fresh].tolist():
        verses = form.lay_out(MANY.decode(ids[: form.size]))
        assert regulated(verses, strictness="strict", form=form)
        assert rhyme_ok(verses, form=form)
        assert any("白日" in verse for verse in verses)


def test_a_conflict_is_named_by_its_verse_and_its_rhyme() -> None:
    def said(**asked: object) -> str:
        with pytest.raises(ConstraintError) as error:
            rules.requested(CODEC, FORMS["西江月"], Conditions(**asked))  # type: ignore[arg-type]
        return str(error.value)

    ends = said(lines={3: "白日依山盡黃月"}, rhyme="any")
    assert ends.startswith(
        "line 3, position 7: line 3 wants 月 (月, entering tone), the rhyme wants"
    )
    assert ends.endswith("the rhyme wants one group in a level tone")
    tones = said(lines={2: "白河依山盡天"}, tones="strict")
    assert "line 2, position 4: line 2 wants 山" in tones
    assert "西江月 (strict tones) wants an oblique tone" in tones
    assert said(rhyme="月") == "西江月 has no rhyme that 月 fits; take another"


def test_a_whole_long_tune_has_no_character_twice_where_the_vocabulary_is_large_enough() -> None:
    size = len(set(CODEC.writable()))
    assert size < FORMS["念奴嬌"].size
    asked = Conditions(no_repeat=True)
    with pytest.raises(ConstraintError, match=f"but {size + 1} places have {size} characters"):
        rules.requested(CODEC, FORMS["念奴嬌"], asked)
    assert rules.requested(CODEC, FORMS["憶江南"], asked).distinct == frozenset(range(27))
