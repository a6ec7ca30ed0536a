"""An index of poems: exact search, and a file that is trusted only where it agrees with itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from folders import names
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poetvae.errors import CheckpointError, CorpusError
from poetvae.latent.index import FORMAT, Index, fingerprint
from poetvae.poet import Poet

TEXTS = ["瀑響分雲出，橋形得水成。", "斷岸支漁網，危峰戴草亭。", "沙痕知潦退，石髮見潮生。"]
SHAPES = "index holds .* expected"


def tensors(path: Path) -> dict[str, Tensor]:
    return safetensors.torch.load(path.read_bytes())


@pytest.fixture
def index(poet: Poet) -> Index:
    """Three couplets."""
    return poet.index(poet.codec.read(text) for text in TEXTS)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 10**6))
def test_search_finds_what_comparing_with_all_finds(n: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z, queries = torch.randn(n, 5, generator=generator), torch.randn(3, 5, generator=generator)
    distances, places = Index([str(i) for i in range(n)], z, "").search(queries, k)
    every = (z.double() - queries.double().unsqueeze(1)).norm(dim=2)
    expected = every.sort(dim=1).values[:, :k]
    assert distances.shape == places.shape == (3, min(n, k))
    torch.testing.assert_close(distances.double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(every.gather(1, places), expected, atol=1e-5, rtol=1e-5)


def test_distances_far_from_the_origin_are_as_exact() -> None:
    z = torch.tensor([[1000.0, 0.0], [1000.0, 0.01], [1000.0, 0.02]])
    distances, places = Index(["a", "b", "c"], z, "").search(z[:1], 3)
    assert places.tolist() == [[0, 1, 2]]
    torch.testing.assert_close(distances[0], torch.tensor([0.0, 0.01, 0.02]))


def test_a_poem_is_its_own_nearest_neighbour(poet: Poet, index: Index) -> None:
    assert len(index) == 3
    torch.testing.assert_close(index.z, poet.encode(TEXTS).mode)
    for text in TEXTS:
        found = poet.neighbours(text, index, n=2)
        assert found[0][0] == text
        assert found[0][1] == pytest.approx(0, abs=1e-5)
        assert found[1][1] > 1e-5
    assert len(poet.neighbours(TEXTS[0], index)) == 3


def test_saved_and_loaded(poet: Poet, index: Index, tmp_path: Path) -> None:
    index.texts = ["", "a\nb", "詩\ud800𠮷"]  # whatever a text may be
    index.save(tmp_path / "index")
    again = Index.load(tmp_path / "index", poet.model)
    assert again.texts == index.texts
    assert again.model == index.model == fingerprint(poet.model)
    assert torch.equal(again.z, index.z)
    assert names(tmp_path) == {"index"}


def test_another_model(poet: Poet, free_poet: Poet, index: Index, tmp_path: Path) -> None:
    index.save(tmp_path / "index")
    with pytest.raises(CheckpointError, match="was made with another model; remove it and build"):
        Index.load(tmp_path / "index", free_poet.model)
    before = fingerprint(poet.model)
    weight = next(poet.model.parameters())
    with torch.no_grad():
        kept = weight.flatten()[0].item()
        weight.view(-1)[0] += 1
        assert fingerprint(poet.model) != before
        weight.view(-1)[0] = kept
    assert fingerprint(poet.model) == before


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_torn_index_is_refused(poet: Poet, index: Index, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "index"
    index.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"index is no index, or torn .*build it again"):
        Index.load(path, poet.model)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"z": torch.zeros(3, 5)}, SHAPES),
        ({"z": torch.zeros(3, 4, dtype=torch.float64)}, SHAPES),
        ({"z": torch.zeros(0, 4), "offsets": torch.zeros(1, dtype=torch.int64)}, SHAPES),
        ({"z": torch.zeros(())}, SHAPES),
        ({"offsets": torch.zeros(3, dtype=torch.int64)}, SHAPES),
        ({"offsets": torch.zeros(4)}, SHAPES),
        ({"text": torch.zeros(2, 2, dtype=torch.uint8)}, SHAPES),
        ({"more": torch.zeros(1)}, SHAPES),
        ({"z": torch.full((3, 4), torch.nan)}, "its parts do not agree"),
        ({"offsets": torch.tensor([0, 40, 36, 108])}, "its parts do not agree"),
        ({"offsets": torch.tensor([0, 36, 72, 107])}, "its parts do not agree"),
        ({"offsets": torch.tensor([0, 36, 71, 108])}, "its texts are not UTF-8"),
    ],
    ids=str,
)
def test_parts_that_do_not_fit(
    poet: Poet, index: Index, tmp_path: Path, change: dict[str, Tensor], says: str
) -> None:
    path = tmp_path / "index"
    index.save(path)
    parts, about = tensors(path), {**FORMAT, "model": index.model}
    assert len(parts["text"]) == 108
    path.write_bytes(safetensors.torch.save(parts | change, about))
    with pytest.raises(CheckpointError, match=says):
        Index.load(path, poet.model)


def test_what_is_no_index_and_where_none_can_be(poet: Poet, index: Index, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(CheckpointError, match=r"file: cannot be read \(No such file"):
        Index.load(path, poet.model)
    path.write_bytes(safetensors.torch.save({"z": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match="no index of this version"):
        Index.load(path, poet.model)
    with pytest.raises(CheckpointError, match="cannot be written"):
        index.save(tmp_path / "missing" / "index")
    with pytest.raises(CorpusError, match="no poem to search among"):
        poet.index([])
