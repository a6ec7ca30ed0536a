"""The studies run on tiny runs, and their tables say what was measured."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from study import __main__ as study
from study import choosing as choices
from study import damage, parallel
from study import telling as tells
from torch import Tensor

from poetvae.data.dataset import encode_poems
from poetvae.evaluation.samples import fit_judge, judged
from poetvae.generation.generate import Generated
from poetvae.generation.options import SamplingOptions
from poetvae.generation.ranking import WEIGHTS
from poetvae.plotting import comparison
from poetvae.poet import Poet
from poetvae.text.poem import Form, Poem
from poetvae.training import trainer
from poetvae.training.spec import read_run

TINY = {"d_model": 16, "embed_dim": 16, "latent_dim": 4, "encoder_layers": 1, "decoder_layers": 1}
SETTINGS = {**TINY, "held_out": 0.3, "min_count": 1, "precision": "fp32"}
FORM = Form(5, 2)
TANG, SONG = "山水雲月風花鳥人", "天地日星雨草木心"

Study = Callable[..., str]


@pytest.fixture
def call() -> Study:
    """Run a command of the script; its output."""

    def run(*words: object) -> str:
        result = CliRunner().invoke(study.main, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Couplets of two dynasties, which have no character in common; and a few of seven."""
    draw, entries = random.Random(0), []
    for i in range(300):
        dynasty, pool = ("tang", TANG) if i % 2 else ("song", SONG)
        length = 7 if i % 5 == 0 else 5
        verses = ["".join(draw.choices(pool, k=length)) for _ in range(2)]
        title = "".join(draw.choices(TANG + SONG, k=14 if i % 3 else 4))
        text = [f"{verses[0]}，{verses[1]}。"]
        entries.append({"title": title, "dynasty": dynasty, "paragraphs": text})
    path = tmp_path_factory.mktemp("corpus") / "poems.json"
    path.write_text(json.dumps(entries, ensure_ascii=False), "utf-8")
    return path


@pytest.fixture(scope="module")
def vae(corpus: Path) -> Path:
    return train(corpus, "vae", ["5x2"])


@pytest.fixture(scope="module")
def ar(corpus: Path) -> Path:
    return train(corpus, "ar", ["5x2"], kind="autoregressive")


def train(corpus: Path, name: str, forms: list[str], steps: int = 8, **more: str) -> Path:
    out = corpus.parent / name
    options: dict[str, Any] = {"preset": "tiny", "settings": {**SETTINGS, **more}}
    trainer.train([corpus], out, forms=forms, steps=steps, quiet=True, **options)
    return out


def cells(text: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in rows}) == 1
    return rows[2:]


def marked(path: Path, mark: str) -> Path:
    path.write_text(f"before\n<!-- {mark} -->\nold\n<!-- /{mark} -->\nafter\n")
    return path


def test_anomaly_scores_all_kinds_by_both_models_on_the_same_lines(
    call: Study, corpus: Path, vae: Path, ar: Path, tmp_path: Path
) -> None:
    document = marked(tmp_path / "results.md", "anomaly")
    words = ["anomaly", "--model", vae, "--judge", ar, "--prose-from", corpus, "--other", corpus]
    text = call(*words, "--iw", 3, "--write", document)
    assert document.read_text() == f"before\n<!-- anomaly -->\n{text}<!-- /anomaly -->\nafter\n"
    rows = {row[0]: row[1:] for row in cells(text)}
    kinds = "characters shuffled|one character swapped|halves of two poems|prose|another era"
    assert "|".join(rows) == kinds
    poet, judge = Poet.from_pretrained(vae), Poet.from_pretrained(ar)
    clean = study.readable(read_run(vae).test, poet.codec)
    n = len(clean)
    assert f"AUC against {n} clean" in text
    assert all(row[0] == str(n) for row in rows.values())
    bad = [damage.shuffled(clean, FORM)]
    ours, theirs = (next(study.areas(one, clean, bad, 3)) for one in (poet, judge))
    assert rows["characters shuffled"][1:] == [*ours, theirs[0]]
    alone = cells(call("anomaly", "--model", vae, "--limit", 5, "--iw", 1))
    assert [row[1] for row in alone] == ["5", "5", "5"]
    assert alone[0][-1] == ""


def test_holes_judges_what_stands_between_and_beside_the_codes(
    call: Study, vae: Path, ar: Path, tmp_path: Path
) -> None:
    document = marked(tmp_path / "results.md", "holes")
    text = call("holes", vae, "--judge", ar, "--pairs", 30, "--write", document)
    assert text in document.read_text()
    rows = {row[1]: row[2:] for row in cells(text)}
    human = rows.pop("human poems")
    kinds = "reconstructions|midpoints of two codes|N(0, I)|a Gaussian fitted to the codes"
    assert "|".join(rows) == kinds
    poet, data = Poet.from_pretrained(vae), read_run(vae)
    poems = data.test[:30]
    own = judged(fit_judge(poet.codec, data.train), poet.codec, poems).mean()
    judge = Poet.from_pretrained(ar)
    other = judged(judge.model.causal, judge.codec, poems).mean()
    assert human[0] == str(len(poems))
    assert human[1].startswith(f"{own:.3f} ± ")
    assert human[2].startswith(f"{other:.3f} ± ")
    back = poet.reconstruct([poem.text for poem in poems])
    pairs = zip("".join(p.text for p in poems), "".join(t.text for t in back), strict=True)
    right = sum(a == b for a, b in pairs)
    share = (right - 2 * len(poems)) / (10 * len(poems))  # the two marks are always right
    assert rows["reconstructions"][-1] == f"{share:.1%}"
    assert [row[-1] for row in list(rows.values())[1:]] == ["", "", ""]


def test_the_codes_decoded_are_what_they_are_called() -> None:
    noise = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    turn = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    codes = noise @ turn + torch.tensor([1.0, -2.0, 3.0])
    found = study.places(codes, 20_000)
    middle: Tensor = found["midpoints of two codes"]
    halves = (codes.unsqueeze(0) + codes.unsqueeze(1)) / 2
    for row in middle[:50]:
        place = (halves - row).abs().sum(dim=2).argmin()
        assert torch.allclose(halves.view(-1, 3)[place], row)
        assert place // 40 != place % 40
    fitted, prior = found["a Gaussian fitted to the codes"], found["N(0, I)"]
    assert torch.allclose(fitted.mean(dim=0), codes.mean(dim=0), atol=0.1)
    assert torch.allclose(fitted.T.cov(), codes.T.cov(), atol=0.2)
    assert torch.allclose(prior.T.cov(), torch.eye(3), atol=0.1)


def test_accuracy_counts_characters_that_stand_where_they_stood() -> None:
    one, other = Poem(("山山山山山，水水水水水。",)), Poem(("山山山山月，水水水水水。",))
    assert study.accuracy([one, one], [one, other]) == 0.95


def test_conditional_asks_for_forms_and_counts_what_is_recognised(
    call: Study, corpus: Path, tmp_path: Path
) -> None:
    run = train(corpus, "forms", ["5x2", "7x2"])
    document = marked(tmp_path / "results.md", "conditional")
    words = ["conditional", run, "--field", "form", "--samples", 12, "--least", 10]
    rows = cells(call(*words, "--epochs", 1, "--write", document))
    assert [row[0] for row in rows] == ["5x2", "7x2", "all"]
    assert [row[3] for row in rows] == ["12", "12", "24"]
    assert "Chance is 50.0%" in document.read_text()
    assert rows[0][1] == rows[1][1] != "0"
    with pytest.raises(AssertionError, match="0 values of 1000 poems and more"):
        call(*words[:-1], 1000)


@pytest.mark.parametrize("obedient", [True, False])
def test_conditional_counts_the_samples_that_obey(
    call: Study, vae: Path, monkeypatch: pytest.MonkeyPatch, obedient: bool
) -> None:
    asked: list[dict[str, str]] = []

    def generate(
        model: object, codec: object, n: int, form: None, options: SamplingOptions
    ) -> list[Generated]:
        asked.append(dict(options.labels))
        pool = TANG if (options.labels["dynasty"] == "tang") == obedient else SONG
        draw = random.Random(options.seed)
        texts = (FORM.punctuate("".join(draw.choices(pool, k=10))) for _ in range(n))
        return [Generated(text, (), "5x2", 0, 0.0) for text in texts]

    monkeypatch.setattr(study, "generate", generate)
    words = ["--field", "dynasty", "--samples", 20, "--least", 10, "--epochs", 15]
    rows = cells(call("conditional", vae, *words))
    assert asked == [{"dynasty": "song"}, {"dynasty": "tang"}]
    assert [row[0] for row in rows] == ["song", "tang", "all"]
    assert rows[-1][2].startswith("100.0%")
    assert rows[-1][4].startswith("100.0%" if obedient else "0.0%")


def test_family_trains_and_scores_each_run_once(call: Study, corpus: Path, tmp_path: Path) -> None:
    document, out = marked(tmp_path / "results.md", "family"), tmp_path / "runs"
    small = ":".join(f"{key}={value}" for key, value in SETTINGS.items())
    words = ["family", corpus, "--out", out, "--preset-base", "tiny", "--epochs", 0.2]
    words += ["--runs", f"low=:beta=0.1:{small}", "--runs", f"chain=:kind=autoregressive:{small}"]
    words += ["--samples", 8, "--iw", 2]
    text = call(*words, "--write", document)
    assert text in document.read_text()
    low, chain = cells(text)
    assert (low[0], chain[0]) == ("low", "chain")
    config = json.loads((out / "low" / "train.json").read_text())["config"]
    assert (config["objective"]["beta"], config["train"]["seed"]) == (0.1, 1)
    values = json.loads((out / "low.json").read_text())
    assert low[4] == f"{values['elbo_per_char']:.3f}"
    assert low[6:8] == [f"{values['kl_per_poem']:.2f}", f"{values['recon_per_poem']:.2f}"]
    assert low[10] == f"{values['samples']['judge_nll_per_char']:.3f}"
    assert (chain[6], chain[8], chain[9]) == ("0.00", "0", "")
    assert call(*words) == text


def test_rate_distortion_draws_the_runs_of_its_table(
    call: Study, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Path, list[dict[str, Any]]]] = []
    monkeypatch.setattr(comparison, "plot_rate_distortion", lambda *given: drawn.append(given))
    document = marked(tmp_path / "results.md", "rate-distortion")
    out, picture = tmp_path / "runs", tmp_path / "picture.png"
    words = ["rate-distortion", corpus, "--out", out, "--betas", "0.3,3", "--preset", "tiny"]
    words += ["--epochs", 0.1, "--iw", 2, "--picture", picture, "--write", document]
    text = call(*words)
    assert text in document.read_text()
    ((target, points),) = drawn
    assert target == picture
    assert [(p["name"], p["beta"]) for p in points] == [("tiny", 0.3), ("tiny", 3.0)]
    for row, point in zip(cells(text), points, strict=True):
        rate, distortion = point["rate"], point["distortion"]
        nats = (f"{x:.2f}" for x in (rate, distortion, -rate - distortion))
        assert row == [f"{point['beta']:g}", *nats]
        config = json.loads((out / f"beta-{point['beta']:g}" / "train.json").read_text())["config"]
        assert config["objective"]["beta"] == point["beta"]


def test_a_run_is_named_with_preset_and_settings() -> None:
    given = {"beta": "0.5", "seed": "3"}
    assert study.parse_run("low=tiny:beta=0.5:seed=3") == ("low", "tiny", given)
    assert study.parse_run("ae=ae", "small") == ("ae", "small,ae", {})
    assert study.parse_run("plain=", "small") == ("plain", "small", {})
    assert study.parse_run("plain=:dilations=1,2") == ("plain", "base", {"dilations": "1,2"})
    for wrong in ("low", "=tiny", "low=tiny:beta"):
        with pytest.raises(click.UsageError, match="expected NAME=PRESET"):
            study.parse_run(wrong)


def test_what_cannot_be_studied_is_said(call: Study, vae: Path, ar: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Error: .*has no latent space"):
        call("holes", ar)
    with pytest.raises(AssertionError, match=r"Error: .*is no autoregressive model"):
        call("holes", vae, "--judge", vae)
    with pytest.raises(AssertionError, match=r"Error: .*not trained to be shown characters"):
        call("completion", vae, "--iw", 1)
    (tmp_path / "empty.md").write_text("")
    with pytest.raises(AssertionError, match="put them in"):
        call("holes", vae, "--pairs", 4, "--write", tmp_path / "empty.md")


def test_completion_of_halves(
    call: Study, corpus: Path, vae: Path, ar: Path, tmp_path: Path
) -> None:
    infill = train(corpus, "infill", ["5x2"], observe="0.7")
    path = marked(tmp_path / "results.md", "completion")
    out = call("completion", infill, "--judge", ar, "--iw", 3, "--write", path)
    rows = cells(out)
    assert [row[1] for row in rows] == ["5", "5", "5", "10"]
    assert [bool(row[3]) for row in rows] == [True, False, False, True]
    assert out.strip() in path.read_text("utf-8")
    poets = Poet.from_pretrained(infill), Poet.from_pretrained(ar)
    human = [p for p in read_run(ar).test if all(poet.codec.fits(p) for poet in poets)][:6]
    model, codec = poets[1].model, poets[1].codec
    known = torch.arange(codec.max_len) < 5
    later = study.hidden_nats(poets[1], human, known) * 5
    batch = next(encode_poems(codec, human).batches(10))
    log_p = model.causal.decode(batch.tokens).log_softmax(dim=2)
    exact = -log_p.gather(2, batch.tokens.unsqueeze(2))[:, 5:, 0].sum(dim=1)
    np.testing.assert_allclose(later, exact.detach().numpy(), rtol=1e-4)


def test_completion_in_one_pass_and_in_all(call: Study, corpus: Path, ar: Path) -> None:
    few = train(corpus, "few", ["5x2"], observe="0.5", passes="1,4")
    text = call("completion", few, "--judge", ar, "--iw", 2, "--limit", 4)
    head = [cell.strip() for cell in text.splitlines()[0].strip("|").split("|")]
    ways = [f"nats/char, IWAE-2, passes {p}" for p in (1, 4)]
    assert head[2:] == [*ways, "autoregressive"]
    for row in cells(text):
        assert row[2]
        assert row[2] != row[3]


def test_constraints_are_met_and_judged(call: Study, vae: Path, ar: Path, tmp_path: Path) -> None:
    document = marked(tmp_path / "results.md", "constraints")
    words = ["constraints", vae, "--judge", ar, "-n", 6, "--rhyme", "真", "--acrostic", "山水"]
    text = call(*words, "--write", document)
    assert text in document.read_text()
    rows = {row[0]: row[1:] for row in cells(text)}
    kinds = "nothing|rhyme 真|strict tones|lenient tones|the first line of a test poem|contains 月"
    kinds += "|acrostic 山水|no character twice|rhyme 真, strict tones, none twice"
    assert "|".join(rows) == kinds
    assert {(row[0], row[1]) for row in rows.values()} == {("6", "100.0% ± 0.0%")}
    assert rows.pop("nothing")[3:5] == ["", ""]
    for row in rows.values():
        assert all(row)
        assert 0 < float(row[4].rstrip("%")) <= 100


def test_a_poem_that_is_not_as_asked_counts(
    call: Study, vae: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "requested", lambda *_: None)
    monkeypatch.setattr(study, "worth", lambda *_: 1.0)
    rows = cells(call("constraints", vae, "-n", 40, "--rhyme", "真"))
    shares = {row[0]: float(row[2].split("%")[0]) for row in rows}
    assert shares.pop("nothing") == 100
    assert shares["acrostic 春夏"] < 100
    assert shares["rhyme 真, strict tones, none twice"] < 100


def test_passes_side_by_side(
    call: Study, corpus: Path, vae: Path, ar: Path, tmp_path: Path
) -> None:
    few = train(corpus, "in-passes", ["5x2"], passes="1,2")
    path = marked(tmp_path / "results.md", "passes")
    words = ["passes", ar, few, "--judge", ar, "--iw", 2, "--samples", 12, "--candidates", 2]
    out = call(*words, "--seeds", 2, "--write", path)
    rows = cells(out)
    assert [row[0] for row in rows] == ["ar", "ar", *["in-passes"] * 3, "human", "by chance"]
    assert [row[2] for row in rows[:5]] == ["10", "10, best of 2", "1", "2", "2, best of 2"]
    assert rows[0][3].endswith("exact")
    assert all(re.fullmatch(r"[0-9.]+ ± [0-9.]+, IWAE-2", row[3]) for row in rows[2:5])
    assert all(float(row[6].split(" ± ")[0]) > 0 for row in rows[:-1])
    assert "±" in rows[2][6], "two seeds differ"
    assert rows[-1][13].endswith("%"), "repeats by chance"
    assert out.strip() in path.read_text("utf-8")
    alone = cells(call("passes", few, "--passes", "2,8", *words[5:]))
    assert [row[2] for row in alone[:2]] == ["2", "2, best of 2"]
    with pytest.raises(AssertionError, match=r"--passes 3,8: expected some of \[1, 2\]"):
        call("passes", few, "--passes", "3,8")


def test_choosing_gives_weights_and_what_they_keep(
    call: Study, ar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "TRIED", 5)
    path = marked(tmp_path / "results.md", "choosing")
    out = call("choosing", ar, "-n", 8, "--candidates", "1,3", "--write", path)
    first, tried, second = (cells(part) for part in out.strip().split("\n\n"))
    assert [row[0] for row in first[:-2]] == list(WEIGHTS)
    assert all(0 <= float(row[5]) <= 1 for row in first)
    assert len(tried[0]) == len(choices.BOUNDS) + 2
    assert [row[0] for row in second] == ["1", "3, by bound", "3, by score", "human"]
    assert out.strip() in path.read_text("utf-8")


def test_the_best_of_the_first_few_of_each_group_is_kept() -> None:
    poems = [Poem((char,)) for char in "山水雲月風花"]
    x = np.zeros((6, len(WEIGHTS)))
    x[:, list(WEIGHTS).index("rhyme")] = [0, 1, 2, 5, 3, 9]
    told = choices.Told(poems, x)
    assert [poem.text for poem in told.best({"rhyme": 1.0}, 2, 3)] == ["水", "月"]
    assert [poem.text for poem in told.best({"rhyme": 1.0}, 3, 3)] == ["雲", "花"]
    assert [poem.text for poem in told.best({"rhyme": -1.0}, 3, 3)] == ["山", "風"]


def test_logistic_regression_finds_the_weights_that_made_the_labels() -> None:
    draw, names = np.random.default_rng(0), ["bound", "repeats", "rhyme"]
    x = np.zeros((20_000, len(WEIGHTS)))
    at = [list(WEIGHTS).index(name) for name in names]
    x[:, at] = np.column_stack([draw.normal(-90, 12, len(x)), draw.random((len(x), 2)) < 0.3])
    truth = np.array([0.05, -1.5, 0.0])
    human = draw.random(len(x)) < 1 / (1 + np.exp(-(x[:, at] @ truth + 4.6)))
    fit = choices.logistic(x[:, at], human)
    assert np.all(np.abs(fit.weights - truth) < 4 * fit.errors)
    assert np.all(fit.errors < [0.003, 0.06, 0.06])
    x[:, at[1]] = ~human & (draw.random(len(x)) < 0.1)
    x[:, at[2]] = ~human & (draw.random(len(x)) < 0.5)
    found = choices.signed(x, human, names)
    assert -20 < found["repeats"][0] < -2, "finite, though no human poem repeats"
    assert found["rhyme"] == (0, 0), "which would speak against a human hand"
    assert found["bound"][0] == pytest.approx(0.05, abs=0.01)


def test_scansion_counts_poems_without_fault_and_finds_wrong_tones(
    call: Study, tmp_path: Path
) -> None:
    tower = ["白日依山盡，黃河入海流。", "欲窮千里目，更上一層樓。"]
    night = ["床前明月光，疑是地上霜。", "舉頭望明月，低頭思故鄉。"]
    section = {"type": "五言絕句", "content": [{"paragraphs": tower}, {"paragraphs": night}]}
    (tmp_path / "known.json").write_text(json.dumps({"content": [section]}), "utf-8")
    shares, notes, found = call("scansion", tmp_path / "known.json").strip().split("\n\n")
    assert shares.splitlines()[2] == "| 五言絕句 | 2 | 1 | 0 | 0 | 1 | 0 |"
    assert notes.splitlines()[2] == "| 古體 | remark | 1 | 1 |"
    assert found.splitlines()[2].startswith("| named | 14 | 100.00% |")


def test_couplets_are_the_parallel_ones_of_regulated_verse_and_ci(
    call: Study, tmp_path: Path
) -> None:
    eight = ["國破山河在，城春草木深。", "感時花濺淚，恨別鳥驚心。"]
    eight += ["烽火連三月，家書抵萬金。", "白頭搔更短，渾欲不勝簪。"]
    ci = ["明月幾時有，把酒問青天。", "寒蟬淒切，驟雨初歇，對長亭晚。", "執手相看，淚眼無語。"]
    for name, lines in (("eight", eight), ("ci", ci)):
        (tmp_path / f"{name}.json").write_text(json.dumps([{"paragraphs": lines}]), "utf-8")
    call("couplets", *tmp_path.glob("*.json"), "--out", tmp_path / "made.jsonl", "--most", 3)
    made = (tmp_path / "made.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line)["text"] for line in made]
    assert "感時花濺淚，恨別鳥驚心。" in found
    assert "國破山河在，城春草木深。" not in found
    assert {len(line) for line in found} == {2 * n + 2 for n in (4, 5, 8, 9)}


def test_the_rank_of_true_answers(call: Study, ar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = call("answers", "--model", ar, "-n", 2, "--among", 3)
    for row in cells(text):
        assert (row[0], row[2] in ("0", "0.5", "1")) == ("5", True)
        assert 1 <= float(row[3]) <= 3
    line = Poet.from_pretrained(ar).codec.ids
    uppers = "山水雲月風", "水水山月風", "雲水山月風"
    true = list(zip(uppers, ("花鳥人花山", "花鳥雲花山", "花月雲花水"), strict=True))
    known = {tuple(line("".join(pair))) for pair in true}

    def told(model: object, tokens: Tensor, labels: object, samples: int) -> Tensor:
        return torch.tensor([float(tuple(row) in known) for row in tokens.tolist()])

    monkeypatch.setattr(parallel, "log_prob", told)
    assert parallel.ranks(Poet.from_pretrained(ar), true, 2, 3)[0.0] == [1, 1]
    known.clear()
    known.update(tuple(line(a[0] + b[1])) for a in true for b in true if a != b)
    assert parallel.ranks(Poet.from_pretrained(ar), true, 2, 3)[0.0] == [3, 3]


def test_telling_compares_own_codes_with_those_of_others(
    call: Study, vae: Path, themed_run: Path
) -> None:
    (plain,) = cells(call("telling", vae, "--pairs", 3))
    poet, data = Poet.from_pretrained(vae), read_run(vae)
    human = data.valid + data.test
    rate = np.mean(poet.rate([poem.text for poem in data.train]))
    assert plain[:2] == ["vae", f"{rate:.1f}"]
    assert plain[3:5] == ["", ""]
    own = plain[5].split(", ")[1]
    right = poet.evaluate(human, samples=1).recon_char_accuracy
    assert own == f"{right:.1%}"
    assert plain[5] == plain[6]  # of a model of one pass it is the most
    (themed,) = cells(call("telling", themed_run, "--pairs", 3))
    assert float(themed[3]) > 0
    assert 1 <= float(themed[-3]) <= 8


def test_the_overlap_counts_characters_one_for_one() -> None:
    assert tells.overlap(["山山水", "月"], ["水山風", "日"]) == pytest.approx(2 / 4)
    assert tells.overlap(["山水"], ["水山"]) == 1


def test_themes_are_recognised_as_human_ones_are(call: Study, themed_run: Path) -> None:
    words = ["themes", themed_run, "--themes", "春山=春", "--themes", "秋水=秋", "-n", 20]
    text = call(*words, "--epochs", 60)
    rows = {row[0]: row[1:] for row in cells(text)}
    assert list(rows) == ["春山", "秋水", "mean"]
    assert rows["春山"][2] == rows["秋水"][2] == "20"
    human, ours = (float(rows["mean"][i].rstrip("%")) for i in (1, 3))
    assert human > 90
    assert f"{ours / human:.0%} of the accuracy on human poems" in text


def test_a_poem_is_of_the_one_theme_whose_word_its_title_has() -> None:
    poems = [Poem(("山",), {"title": title}) for title in ("送春", "送人", "春日", "月", "")]
    found = tells.of_theme(poems, "title", {"送別": "送", "春日": "春"})
    titles = {theme: [poem.value("title") for poem in own] for theme, own in found.items()}
    assert titles == {"送別": ["送人"], "春日": ["春日"]}


def test_a_linear_probe_tells_what_lies_apart() -> None:
    torch.manual_seed(0)
    scale = torch.tensor([1.0, 100.0])  # what does not tell has the larger variance
    z = {
        name: torch.randn(500, 2) * scale + torch.tensor([x, 0.0])
        for name, x in (("a", -4), ("b", 4))
    }
    assert tells.probe(z, z) > 0.99
    same = {name: torch.randn(500, 2) for name in "ab"}
    assert tells.probe(same, {name: torch.randn(500, 2) for name in "ab"}) == pytest.approx(
        0.5, abs=0.06
    )


def test_a_sheet_to_be_read_does_not_say_who_wrote(
    call: Study, corpus: Path, vae: Path, tmp_path: Path
) -> None:
    sheet, key = tmp_path / "sheet.txt", tmp_path / "key.jsonl"
    words = ["reading", corpus, "--model", vae, "--form", "5x2", "-n", 4, "--human", 3]
    call(*words, "--first", 5, "--sheet", sheet, "--key", key)
    rows = [json.loads(line) for line in key.read_text("utf-8").splitlines()]
    assert [row["number"] for row in rows] == list(range(1, 8))
    assert sorted(row["seed"] for row in rows if row["who"] == "model") == [5, 6, 7, 8]
    assert sheet.read_text("utf-8") == "\n".join(
        f"{row['number']}. (5x2)\n{row['text']}\n" for row in rows
    )
    poems = {one["paragraphs"][0] for one in json.loads(corpus.read_text("utf-8"))}
    assert {row["text"] for row in rows if row["who"] == "human"} <= poems
    (own,) = Poet.from_pretrained(vae).generate(1, form="5x2", seed=5)
    assert [row["text"] for row in rows if row.get("seed") == 5] == [own.text]


def test_agreement_is_that_of_the_marks(call: Study, tmp_path: Path) -> None:
    # Of the model's eight: both good 3, one alone 1 and 1, none 3; kappa (.75 - .5) / (1 - .5).
    key = [{"number": i, "who": "human" if i > 8 else "model", "form": "7x4"} for i in range(1, 11)]
    files: dict[str, list[dict[str, Any]]] = {"key": key}
    for name, own in (("one", {1, 2, 3, 4, 9, 10}), ("two", {1, 2, 3, 5, 9, 10})):
        files[name] = [{"number": i, "good": i in own} for i in range(1, 11)]
    for name, lines in files.items():
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    text = call("agreement", *(tmp_path / name for name in files))
    rows = {row[0]: row[1:] for row in cells(text)}
    assert rows["7x4, model"] == ["8", "4", "4", "3", "75%", "0.50"]
    assert rows["7x4, human"] == ["2", "2", "2", "2", "100%", ""]
    assert rows["all, model"] == rows["7x4, model"]
