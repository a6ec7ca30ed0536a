"""A trained model by the calls that most people need."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from poetvae.checkpoints.card import model_card
from poetvae.data.dataset import Batch, encode_poems
from poetvae.errors import CheckpointError, ConfigError, ConstraintError, CorpusError
from poetvae.evaluation.likelihood import evaluate
from poetvae.generation.generate import Generated
from poetvae.nn import DiagonalGaussian
from poetvae.poet import Poet
from poetvae.runtime import choose_device
from poetvae.text.poem import Form

COUPLETS = ["瀑響分雲出，橋形得水成。", "斷岸支漁網，危峰戴草亭。", "沙痕知潦退，石髮見潮生。"]


def is_couplet(poem: Generated) -> bool:
    return [len(verse) for verse in poem.text.removesuffix("。").split("，")] == [5, 5]


def test_encode_is_a_gaussian_for_each_text(poet: Poet) -> None:
    posterior = poet.encode(COUPLETS)
    assert isinstance(posterior, DiagonalGaussian)
    assert posterior.mean.shape == posterior.logvar.shape == (3, 4)
    assert not posterior.mean.requires_grad
    for i, text in enumerate(COUPLETS):
        alone = poet.encode([text])
        assert isinstance(alone, DiagonalGaussian)
        torch.testing.assert_close(alone.mean, posterior.mean[i : i + 1])
        torch.testing.assert_close(alone.logvar, posterior.logvar[i : i + 1])


def test_encode_reads_characters_and_not_punctuation(poet: Poet) -> None:
    bare = poet.encode([" 瀑響分雲出\n橋形得水成 "])
    torch.testing.assert_close(bare.mode, poet.encode(COUPLETS[:1]).mode)


def test_a_lone_string_is_one_text(poet: Poet, free_poet: Poet) -> None:
    torch.testing.assert_close(poet.encode(COUPLETS[0]).mode, poet.encode(COUPLETS[:1]).mode)
    assert poet.reconstruct(COUPLETS[0]) == poet.reconstruct(COUPLETS[:1])
    assert free_poet.encode("a rose").mode.shape == (1, 4)


def test_no_texts(poet: Poet) -> None:
    assert poet.encode([]).mode.shape == (0, 4)
    assert poet.reconstruct([]) == []
    assert poet.decode(torch.zeros(0, 4)) == []


def test_decode_writes_the_form(poet: Poet) -> None:
    z = torch.randn(5, 4)
    poems = poet.decode(z)
    assert len(poems) == 5
    assert all(map(is_couplet, poems))
    assert poet.decode(z) == poet.decode(z, form="5x2") == poems
    drawn = poet.decode(z, temperature=1.0, seed=1)
    assert poet.decode(z, temperature=1.0, seed=1) == drawn
    assert poet.decode(z, temperature=1.0, seed=2) != drawn
    assert all(map(is_couplet, drawn))


def test_reconstruct_is_decode_of_the_mean(poet: Poet, free_poet: Poet) -> None:
    assert poet.reconstruct(COUPLETS) == poet.decode(poet.encode(COUPLETS).mode)
    lines = ["a rose is a rose", "a rose\nis"]
    assert free_poet.reconstruct(lines) == free_poet.decode(free_poet.encode(lines).mode)


def test_latents_are_the_modes_in_order(poet: Poet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poetvae.latent.paths.BATCH", 3)
    texts = [poem.text for poem in poet.generate(8, seed=1)]
    seen = []

    def progress(batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            seen.append(len(batch))
            yield batch

    z = poet.latents((poet.codec.read(text) for text in texts), progress)
    torch.testing.assert_close(z, poet.encode(texts).mode)
    assert seen == [3, 3, 2]
    assert poet.latents([]).shape == (0, z.shape[1])


def test_free_form_has_lines(free_poet: Poet) -> None:
    assert free_poet.forms == []
    (poem,) = free_poet.reconstruct(["a rose is a rose\nsaid number 7"])
    assert poem.text
    assert set(poem.text) <= set("a rose is a rose\nsaid number 0123456789")
    assert "\n".join(poem.lines) == poem.text
    poems = free_poet.generate(5, seed=1)
    assert {poem.form for poem in poems} == {None}
    assert all(poem.text.strip() for poem in poems)


def test_generate(poet: Poet) -> None:
    assert poet.forms == [Form(5, 2)]
    how: dict[str, Any] = {"form": "5x2", "temperature": 0.9, "top_k": 50, "top_p": 0.9, "seed": 3}
    poems = poet.generate(6, **how)
    assert all(map(is_couplet, poems))
    assert poems == poet.generate(6, **how)
    assert len(poet.generate()) == 1
    with pytest.raises(TypeError, match="no option 'rime'"):
        poet.generate(rime="尤")


def test_the_first_poems_are_the_same_for_every_n(poet: Poet) -> None:
    poems = poet.generate(7, seed=3)
    assert [poet.generate(n, seed=3) for n in (1, 3)] == [poems[:1], poems[:3]]
    assert list(itertools.islice(poet.stream(10**9, seed=3), 7)) == poems
    assert list(poet.stream(2, 4, seed=3)) == poems[4:6]
    completed = poet.complete("瀑_分雲出，橋形得水成。", 5, seed=1)
    assert poet.complete("瀑_分雲出，橋形得水成。", 2, seed=1) == completed[:2]
    drawn = poet.decode(torch.zeros(5, 4), temperature=1.0, seed=1)
    assert poet.decode(torch.zeros(2, 4), temperature=1.0, seed=1) == drawn[:2]
    assert len(set(drawn)) == 5  # each place draws its own
    moved = poet.optimise("contains=山", n=3, steps=1, seed=1)
    starts = [one.start for one in poet.optimise("contains=山", n=2, steps=1, seed=1)]
    assert starts == [one.start for one in moved[:2]]
    varied = poet.vary(COUPLETS[0], 4, distance=3.0, seed=1)
    assert poet.vary(COUPLETS[0], 2, distance=3.0, seed=1) == varied[:2]


def test_help_names_the_options() -> None:
    for function in (Poet.generate, Poet.stream, Poet.complete):
        names = inspect.signature(function).parameters
        assert {"rhyme", "no_repeat", "temperature", "seed"} <= names.keys()
        assert "options" not in names


@pytest.mark.parametrize(
    ("form", "message"),
    [
        *[(form, f"does not write {form}; it writes 5x2") for form in ("7x4", "5x4")],
        *[(form, "form") for form in ("limerick", "5", "0x0", "5x2x1")],
    ],
)
def test_a_form_it_does_not_write(poet: Poet, form: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        poet.generate(form=form)
    with pytest.raises(ConfigError, match=message):
        poet.decode(torch.zeros(1, 4), form=form)


def test_a_bridge_stands_between_what_was_given(poet: Poet) -> None:
    start, *between, end = poet.interpolate(COUPLETS[0], COUPLETS[1], 4, "bridge")
    assert [start.text, end.text] == COUPLETS[:2]
    assert (start.lines, start.form) == (("瀑響分雲出", "橋形得水成"), "5x2")
    assert math.isnan(start.log_prob)
    assert len(between) == 2
    assert all(is_couplet(poem) and poem.log_prob < 0 for poem in between)


def refused(reader: Poet, text: str, message: str) -> None:
    for call in (reader.encode, reader.reconstruct):
        for texts in (text, [text], [COUPLETS[0], text]):
            with pytest.raises(CorpusError, match=message):
                call(texts)


@pytest.mark.parametrize("text", ["", " \n ", "，。"])
def test_an_empty_text(poet: Poet, free_poet: Poet, text: str) -> None:
    for reader in (poet, free_poet):
        refused(reader, text, "no character of writing")


def test_texts_that_do_not_fit(poet: Poet, free_poet: Poet) -> None:
    seven = "鐵匠爐邊無冷夜，染坊檐下有晴虹。"
    refused(poet, seven, "has the form 7x2; this model reads 5x2")
    refused(poet, "瀑響分雲出", "has the form free")
    assert free_poet.encode(["a" * 39]).mode.shape == (1, 4)
    refused(free_poet, "a" * 40, "takes 41 positions; this model has 40")


def test_unknown_characters_are_read_and_never_written(poet: Poet, free_poet: Poet) -> None:
    text = "𠮷龘瀑響分，雲出橋形得。"
    assert poet.codec.tokenizer.unknown("𠮷龘")
    (poem,) = poet.reconstruct([text])
    assert is_couplet(poem)
    assert "□" not in poem.text
    assert "□" not in free_poet.reconstruct(["qwertyuiop ßäöü"])[0].text


def test_evaluate(poet: Poet) -> None:
    poems = [poet.codec.read(text) for text in COUPLETS]
    report = poet.evaluate(iter(poems), samples=5, seed=2)
    store = encode_poems(poet.codec, poems)
    assert report == evaluate(poet.model, poet.codec, store, samples=5, seed=2)
    assert (report.poems, report.chars, report.iw_samples) == (3, 30, 5)
    with pytest.raises(CorpusError, match="has the form free"):
        poet.evaluate([poet.codec.read("瀑響")])


def test_encoded_poems_are_ids(poet: Poet) -> None:
    poems = [poet.codec.read(text) for text in COUPLETS]
    batch = encode_poems(poet.codec, poems).batch(range(3))
    assert batch.tokens.tolist() == [poet.codec.encode(poem) for poem in poems]
    assert (bool(batch.mask.all()), batch.labels) == (True, None)


def test_saved_and_read_again(poet: Poet, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    poet.save_pretrained(folder)
    again = Poet.from_pretrained(folder)
    for name, weight in poet.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], weight), name
    assert again.model.config == poet.model.config
    assert again.codec.forms == poet.codec.forms
    assert again.codec.tokenizer.to_bytes() == poet.codec.tokenizer.to_bytes()
    assert again.generate(3, seed=5) == poet.generate(3, seed=5)
    assert again.reconstruct(COUPLETS) == poet.reconstruct(COUPLETS)
    assert not again.model.training
    with pytest.raises(CheckpointError, match="exists"):
        poet.save_pretrained(folder)
    poet.save_pretrained(folder, overwrite=True)
    assert Poet.from_pretrained(str(folder)).generate(3, seed=5) == poet.generate(3, seed=5)


def test_saved_in_half_the_space(poet: Poet, tmp_path: Path) -> None:
    poet.save_pretrained(tmp_path / "whole")
    poet.save_pretrained(tmp_path / "half", dtype=torch.float16)
    files = (tmp_path / name / "model.safetensors" for name in ("whole", "half"))
    whole, half = (file.stat().st_size for file in files)
    again = Poet.from_pretrained(tmp_path / "half")
    numbers = 2 * poet.model.num_parameters()
    assert whole - half == pytest.approx(numbers, abs=1000)  # the header
    for name, weight in poet.model.named_parameters():
        stored = again.model.get_parameter(name)
        assert stored.dtype == torch.float32
        assert torch.equal(stored, weight.half().float()), name


def test_a_model_is_ready_to_use(poet: Poet) -> None:
    poet.model.train()
    assert not Poet(poet.model, poet.codec).model.training


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such model folder"):
        Poet.from_pretrained(tmp_path / "missing")


def test_a_device_that_is_not_there(run: Path) -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    for name in ("no such", "cuda:99"):
        with pytest.raises(ConfigError, match="cannot be used here; try cpu"):
            Poet.from_pretrained(run, name)


def test_a_card_says_what_the_model_is(poet: Poet, free_poet: Poet) -> None:
    card = model_card(poet.model, poet.codec, "Trained by a test.")
    assert f"{poet.model.num_parameters():,} parameters" in card
    for words in ("4 latent dimensions", "5x2 (", "Trained by a test.", "## Limits", "language:"):
        assert words in card
    free = model_card(free_poet.model, free_poet.codec)
    assert "Forms: free." in free
    assert "Nothing was recorded." in free
    assert "language:" not in free
    own = model_card(free_poet.model, free_poet.codec, "## Data\n\nRoses.\n")
    assert [line for line in own.splitlines() if line.startswith("## ")] == ["## Data", "## Use"]


def test_labels_are_on_the_card(poet: Poet) -> None:
    fields = {"dynasty": ("tang", "song"), "author": tuple(f"author {i}" for i in range(20))}
    card = model_card(poet.model, replace(poet.codec, fields=fields))
    assert "Label dynasty: 2 values, tang, song." in card
    assert "Label author: 20 values, author 0, author 1," in card
    assert "author 12" not in card


def test_a_text_that_opens_no_form(poet: Poet) -> None:
    with pytest.raises(ConstraintError, match="opens none of the model's forms, 5x2"):
        poet.complete("瀑響，分雲")
    with pytest.raises(ConstraintError, match="opens none"):
        poet.complete(COUPLETS[0])


# Themes


def test_what_poems_are_about_is_learnt(themed_run: Path) -> None:
    poet = Poet.from_pretrained(themed_run)
    assert sorted(poet.codec.themes) == ["春山", "秋水"]
    texts = ["春山水風月，雲雨花鳥江。", "秋山水風月，雲雨花鳥江。"]
    spring, autumn = (dict(poet.about(text)) for text in texts)
    assert spring["春山"] - spring["秋水"] > autumn["春山"] - autumn["秋水"]


def test_poems_are_about_what_was_asked_for(themed_run: Path) -> None:
    poet = Poet.from_pretrained(themed_run)
    how: dict[str, Any] = {"plain": True, "temperature": 0.3, "seed": 1}
    spring, autumn = (
        [poem.text[0] for poem in poet.generate(60, about=theme, **how)] for theme in ("春", "秋水")
    )
    assert spring.count("春") > autumn.count("春")
    assert spring.count("秋") < autumn.count("秋")


def test_a_theme_of_simplified_characters_is_the_same(themed_run: Path) -> None:
    poet = Poet.from_pretrained(themed_run)
    codec = poet.codec
    assert codec.theme_ids("风雨") == codec.theme_ids("風雨")
    assert any(codec.theme_ids("风雨"))
