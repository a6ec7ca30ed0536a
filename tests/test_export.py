"""A model as ONNX gives in onnxruntime what it gives in torch, and writes the same poems."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch

from poetvae.config import ModelConfig
from poetvae.data.dataset import Batch
from poetvae.errors import ConfigError
from poetvae.export import export_onnx
from poetvae.models import build
from poetvae.nn import DiagonalGaussian
from poetvae.poet import Poet
from poetvae.text.codec import PoemCodec
from poetvae.text.poem import Form
from poetvae.text.sounds import sounds_of
from poetvae.text.tokenizer import PoemTokenizer

CHARS = "山月風清水雲花鳥春秋江天"
FORMS = {Form(3, 2): 3, Form(2, 2): 1}
FIELDS = {"dynasty": ("tang", "song", "ming")}
T = 6


def make(forms: dict[Form, int], fields: Mapping[str, tuple[str, ...]], **settings: Any) -> Poet:
    """A model that nobody trained; its first weights are made larger, so that its logits differ."""
    torch.manual_seed(1)
    logging.getLogger("torch.__trace").setLevel(logging.ERROR)
    codec = PoemCodec(PoemTokenizer.train([CHARS]), T, forms, fields)
    sounds = sounds_of(codec) if settings.get("sounds") else None
    config = ModelConfig(
        **{
            "max_len": T,
            "embed_dim": 8,
            "d_model": 8,
            "latent_dim": 3,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "vocab_size": len(codec.tokenizer),
            "label_sizes": codec.label_sizes,
            "sound_sizes": sounds.sizes if sounds else (),
            **settings,
        }
    )
    poet = Poet(build(config), codec)
    poet.model.set_sounds(sounds)
    with torch.no_grad():
        for parameter in poet.model.parameters():
            parameter.mul_(2).add_(0.1 * torch.randn_like(parameter))
    return poet


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path)


def names(found: Any) -> list[str]:
    return [value.name for value in found]


def metadata(runner: Any) -> dict[str, Any]:
    """What a program is told beside the numbers; all but three values are JSON."""
    told = runner.get_modelmeta().custom_metadata_map
    strings = ("part", "poetvae", "kind")
    return {key: value if key in strings else json.loads(value) for key, value in told.items()}


def some_poems(n: int, poet: Poet) -> dict[str, torch.Tensor]:
    """Inputs of every kind for n poems; of each a model takes those it has."""
    generator = torch.Generator().manual_seed(n)
    lengths = torch.randint(1, T + 1, (n, 1), generator=generator)
    size = len(poet.codec.tokenizer)

    def ids() -> torch.Tensor:
        return torch.randint(5, size, (n, T), generator=generator)

    def half(tokens: torch.Tensor) -> torch.Tensor:
        return tokens.masked_fill(torch.rand(n, T, generator=generator) < 0.5, poet.model.mask_id)

    sizes = poet.codec.label_sizes
    labels = [torch.randint(size, (n,), generator=generator) for size in sizes]
    return {
        "tokens": ids(),
        "mask": torch.arange(T) < lengths,
        "labels": torch.stack(labels, dim=1) if labels else torch.zeros(n, 0),
        "observed": half(ids()),
        "history": half(ids()),
    }


def outputs(runner: Any, inputs: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    taken = {name: inputs[name].numpy() for name in names(runner.get_inputs())}
    return [torch.from_numpy(value) for value in runner.run(None, taken)]


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < 1e-4


@pytest.fixture(scope="module")
def conditional() -> Poet:
    """A model with every input: of two forms and a label, shown characters, in three passes."""
    return make(
        FORMS,
        FIELDS,
        passes=(3,),
        pass_layers=3,
        observe=0.5,
        sounds=True,
        repeats=True,
        embed_norm=True,
        sight=True,
        form_known=True,
        lines=tuple(size for form in FORMS for size in (*form.lengths, 0)),
    )


@pytest.fixture(scope="module")
def exported(conditional: Poet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Its files, which others but not all may read."""
    before = os.umask(0o027)
    try:
        return export_onnx(conditional, tmp_path_factory.mktemp("onnx") / "m.onnx")
    finally:
        os.umask(before)


@torch.no_grad()
def test_onnxruntime_gives_what_torch_gives(conditional: Poet, exported: list[Path]) -> None:
    model = conditional.model.latent
    assert [path.name for path in exported] == ["m.onnx", "m-encoder.onnx"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in exported} == {0o640}
    assert sorted(exported[0].parent.iterdir()) == sorted(exported)
    decoder, encoder = map(session, exported)
    assert names(decoder.get_inputs()) == ["z", "labels", "observed", "history"]
    assert names(encoder.get_inputs()) == ["tokens", "mask", "labels", "observed"]
    assert names(encoder.get_outputs()) == ["mean", "logvar"]
    for n in (1, 2, 5):
        inputs = some_poems(n, conditional)
        tokens, mask, labels, observed, history = inputs.values()
        posterior = model.encode(Batch(tokens, mask, labels, observed))
        assert isinstance(posterior, DiagonalGaussian)
        mean, logvar = outputs(encoder, inputs)
        close(mean, posterior.mean)
        close(logvar, posterior.logvar)
        z = torch.randn(n, model.latent_dim, generator=torch.Generator().manual_seed(n))
        (logits,) = outputs(decoder, {"z": z, **inputs})
        close(logits, model.decode(z, observed, labels, history, 3))
        unknown = torch.full((n, T), model.mask_id)
        (logits,) = outputs(decoder, inputs | {"z": z, "observed": unknown, "history": unknown})
        close(logits, model.decode(z, labels=labels, passes=3))


@torch.no_grad()
def test_what_lies_past_a_poem_makes_no_difference(tmp_path: Path) -> None:
    """Where nothing was computed there in training, the decoder is told how far a poem goes."""
    poet = make(FORMS, FIELDS, by_length=True, passes=(3,), pass_layers=3)
    model = poet.model.latent
    decoder = session(export_onnx(poet, tmp_path / "m.onnx")[0])
    assert names(decoder.get_inputs()) == ["z", "labels", "history", "mask"]
    for n in (1, 5):
        inputs = some_poems(n, poet)
        inputs["history"].masked_fill_(~inputs["mask"], model.mask_id)
        z = torch.randn(n, model.latent_dim, generator=torch.Generator().manual_seed(n))
        (logits,) = outputs(decoder, {"z": z, **inputs})
        for row, length in enumerate(inputs["mask"].sum(dim=1).tolist()):
            one, mask = slice(row, row + 1), torch.ones(1, length, dtype=torch.bool)
            labels, history = inputs["labels"][one], inputs["history"][one, :length]
            close(logits[one, :length], model.decode(z[one], None, labels, history, 3, mask))


@torch.no_grad()
def test_one_pass_without_labels_in_free_form(tmp_path: Path) -> None:
    poet = make({}, {}, prior="mixture", components=2)
    runner = session(export_onnx(poet, tmp_path / "m.onnx")[0])
    assert names(runner.get_inputs()) == ["z"]
    for n in (1, 4):
        z = torch.randn(n, 3, generator=torch.Generator().manual_seed(n))
        close(outputs(runner, {"z": z})[0], poet.model.latent.decode(z))
    told = metadata(runner)
    assert (told["forms"], told["labels"], told["passes"]) == ([], {}, 1)
    assert told["prior"] == poet.model.latent.describe_prior()
    ids = poet.codec.tokenizer.encode("山月\n風")
    assert "".join(told["vocabulary"][i] for i in ids) == "山月\n風"
    blank = {i for i in told["writable"] if not told["vocabulary"][i].strip()}
    assert told["special"]["eos"] in blank
    assert set(told["writable_first"]) == set(told["writable"]) - blank


@torch.no_grad()
def test_the_posterior_of_codes_is_a_point(tmp_path: Path) -> None:
    poet = make(
        FORMS, FIELDS, kind="vqvae", codebook_size=7, code_stride=2, code_dim=2, sounds=True
    )
    runner = session(export_onnx(poet, tmp_path / "m.onnx")[1])
    assert names(runner.get_outputs()) == ["z"]
    assert metadata(runner)["prior"] == {"kind": "codes"}
    for n in (1, 2, 5):
        inputs = some_poems(n, poet)
        tokens, mask, labels, *_ = inputs.values()
        close(
            outputs(runner, inputs)[0], poet.model.latent.encode(Batch(tokens, mask, labels)).mode
        )


@torch.no_grad()
def test_an_autoregressive_model_has_no_encoder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    poet = make(FORMS, FIELDS, kind="autoregressive", tied=False, sounds=True, repeats=True)
    before = {name: value.clone() for name, value in poet.model.state_dict().items()}
    (path,) = export_onnx(poet, tmp_path / "m.onnx")
    assert capfd.readouterr() == ("", "")
    after = poet.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    decoder = session(path)
    assert names(decoder.get_inputs()) == ["tokens", "labels"]
    for n in (1, 4):
        inputs = some_poems(n, poet)
        (logits,) = outputs(decoder, inputs)
        close(logits, poet.model.causal.decode(inputs["tokens"], inputs["labels"]))
    assert not {"passes", "prior"} & metadata(decoder).keys()
    with pytest.raises(ConfigError, match="leave out passes"):
        export_onnx(poet, tmp_path / "m.onnx", 2)
    with pytest.raises(ConfigError, match="cannot be written"):
        export_onnx(poet, tmp_path / "no folder" / "m.onnx")
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import json, sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
told = session.get_modelmeta().custom_metadata_map
vocabulary, writable = json.loads(told["vocabulary"]), json.loads(told["writable"])
forms, labels = json.loads(told["forms"]), json.loads(told["labels"])
passes, mask = json.loads(told["passes"]), json.loads(told["special"])["mask"]
assert json.loads(told["prior"]) == {"kind": "normal"}
length, lines = map(int, sys.argv[2].split("x"))
wanted = {"form": sys.argv[2], "dynasty": sys.argv[3]}

sizes = {put.name: put.shape for put in session.get_inputs()}
z = np.random.default_rng(0).standard_normal((3, sizes["z"][1]), dtype=np.float32)
ids = [values.index(wanted[name]) + 1 for name, values in labels.items()]
tokens = np.full((len(z), sizes["history"][1]), mask)
for t in range(passes):
    given = {"z": z, "labels": np.tile(ids, (len(z), 1)), "history": tokens}
    (logits,) = session.run(None, {**given, "observed": np.full_like(tokens, mask)})
    chosen = np.array(writable)[logits[:, t::passes, writable].argmax(axis=2)]
    tokens[:, t::passes] = chosen
texts = ["".join(vocabulary[i] for i in row[: length * lines]) for row in tokens]
print(json.dumps({"z": z.tolist(), "texts": texts, "torch": "torch" in sys.modules}))
"""


def test_a_program_without_torch_writes_the_same_poems(
    conditional: Poet, exported: list[Path]
) -> None:
    words = [sys.executable, "-c", WRITER, str(exported[0]), "2x2", "song"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["torch"] is False
    z = torch.tensor(told["z"])
    expected = conditional.decode(z, form="2x2", labels={"dynasty": "song"})
    assert told["texts"] == ["".join(poem.lines) for poem in expected]
    assert len(set(told["texts"])) == 3


def test_the_metadata_says_what_the_numbers_mean(exported: list[Path]) -> None:
    told, encoder = (metadata(session(path)) for path in exported)
    assert (told.pop("part"), encoder.pop("part")) == ("decoder", "encoder")
    assert told == encoder
    assert told["labels"] == {"form": ["3x2", "2x2"], "dynasty": ["tang", "song", "ming"]}
    assert (told["kind"], told["passes"], told["prior"]) == ("vae", 3, {"kind": "normal"})
    assert {told["vocabulary"][i] for i in told["writable"]} == set(CHARS)
    assert "writable_first" not in told


# What is wrong, and what is left behind


def test_what_cannot_be_exported_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poet = make({Form(3, 2): 1}, {}, passes=(1, 3))
    with pytest.raises(ConfigError, match=r"ends in \.onnx"):
        export_onnx(poet, tmp_path / "m.pt")
    with pytest.raises(ConfigError, match="passes is 2; this model was trained to write in 1,3"):
        export_onnx(poet, tmp_path / "m.onnx", 2)
    with monkeypatch.context() as patch:
        patch.setattr(poet.model, "num_parameters", lambda: 2**29)
        with pytest.raises(ConfigError, match="536,870,912 parameters: an ONNX file takes 2 GiB"):
            export_onnx(poet, tmp_path / "m.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'poetvae\[onnx\]'"):
        export_onnx(poet, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []
