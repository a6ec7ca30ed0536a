"""Characters to numbers and back: a sentencepiece model of single characters.

One character, as a letter with its marks, is one token, always: a rare one becomes one `unk`, never
several bytes, so that the character of a position is the token of that position. sentencepiece
gives the file format; the way through it is a table made from its pieces, since its own encoder
joins neighbouring unknown characters into one.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import sentencepiece

from ..errors import TokenizerError, listed, reason_of
from ..files import read_limited
from ..i18n import _
from .graphemes import clusters, is_mark

PAD, UNK, BOS, EOS, MASK, NEWLINE = range(6)
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
MAX_FILE = 16 * 2**20

# sentencepiece writes a space as U+2581, and keeps these for itself: it skips a text with them.
_SPACE = "▁"
_RESERVED = frozenset("\0\t\n\r\x1f▁▅")

# A model of characters is made of their counts alone, so they are given as runs of one character,
# well below the 4192 bytes from which on a text is skipped, and scaled to what fits in memory.
_RUN = 1000
_ENOUGH = 10_000_000


class PoemTokenizer:
    """A character tokenizer. Made by `train`, `from_counts`, `load` or `from_bytes`.

    Ids: pad 0, unk 1, bos 2, eos 3, mask 4, line break 5, then letters with marks, then the other
    characters, frequent ones first.
    """

    pad_id, unk_id, bos_id, eos_id, mask_id, newline_id = range(6)
    special_ids = (PAD, UNK, BOS, EOS, MASK)
    """The ids that are no characters. Of them only eos is ever generated, in free form."""

    def __init__(self, model: bytes) -> None:
        self._model = model
        pieces = _pieces(model)
        self._chars = ("", "□", "", "", "", *pieces[NEWLINE:])
        self._ids = {char: i for i, char in enumerate(self._chars) if i >= NEWLINE}
        # A model that knows marks is one of before, which knew letters and marks apart.
        self._joined = not any(map(is_mark, self._ids))

    @classmethod
    def train(
        cls, texts: Iterable[str], min_count: int = 1, max_size: int | None = None
    ) -> PoemTokenizer:
        """A tokenizer of the characters of texts; the same texts give the same bytes.

        Characters seen less than `min_count` times are left out; of `max_size` tokens, special
        ones included, frequent characters are first, those seen equally often in the order of
        their code points. The texts are read once, not kept.

        Raises TokenizerError: when no character is left.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(clusters(text))
        return cls.from_counts(counts, min_count, max_size)

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, int], min_count: int = 1, max_size: int | None = None
    ) -> PoemTokenizer:
        """The tokenizer that `train` makes of texts with so many of each character.
        Raises TokenizerError: when no character is left."""
        known = [
            (char, count)
            for char, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            if count >= min_count and not _is_reserved(char)
        ][: None if max_size is None else max(0, max_size - NEWLINE - 1)]
        if not known:
            raise TokenizerError(
                _(
                    "no character to learn among {n}, with min_count {min_count} and "
                    "max_size {max_size}: give more text, or loosen these",
                    n=len(counts),
                    min_count=min_count,
                    max_size=max_size,
                )
            )
        joined = [char for char, _ in known if len(char) > 1]
        if len(joined) == len(known):
            known.append((" ", 1))  # sentencepiece wants a single one
        scale = 1 + sum(counts.values()) // _ENOUGH
        runs = (
            char * min(_RUN, rest)
            for char, count in known
            if len(char) == 1
            for rest in range(-(-count // scale), 0, -_RUN)
        )
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=runs,
            model_writer=model,
            model_type="char",
            vocab_size=NEWLINE + 1 + len(known),
            character_coverage=1.0,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            byte_fallback=False,
            # The file records the number of threads, so another one gives other bytes.
            num_threads=1,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            control_symbols=[SPECIALS[MASK]],
            user_defined_symbols=["\n", *joined],
            minloglevel=2,
        )
        return cls(model.getvalue())

    @classmethod
    def from_bytes(cls, model: bytes) -> PoemTokenizer:
        """The tokenizer that `to_bytes` gave.
        Raises TokenizerError: when it is not one, or larger than 16 MiB."""
        if len(model) > MAX_FILE:
            raise TokenizerError(
                _(
                    "tokenizer of {n} bytes: expected at most {max_file}; is it another file?",
                    n=len(model),
                    max_file=MAX_FILE,
                )
            )
        return cls(model)

    @classmethod
    def load(cls, path: str | Path) -> PoemTokenizer:
        """The tokenizer in a file.
        Raises TokenizerError: when there is no such file, or it is not a tokenizer of ours."""
        try:
            model = read_limited(path)
        except OSError as error:
            why = _("cannot read the tokenizer ({reason}); check the path", reason=reason_of(error))
            raise TokenizerError(_("{path}: {why}", path=path, why=why)) from error
        try:
            return cls.from_bytes(model)
        except TokenizerError as error:
            raise TokenizerError(_("{path}: {error}", path=path, error=error)) from error

    def to_bytes(self) -> bytes:
        """The sentencepiece model."""
        return self._model

    def save(self, path: str | Path) -> None:
        """Write the sentencepiece model into a file.
        Raises TokenizerError: when it cannot be written."""
        try:
            Path(path).write_bytes(self._model)
        except OSError as error:
            why = _(
                "cannot write the tokenizer ({reason}); check the folder", reason=reason_of(error)
            )
            raise TokenizerError(_("{path}: {why}", path=path, why=why)) from error

    def __len__(self) -> int:
        return len(self._chars)

    def encode(self, text: str) -> list[int]:
        """One id for each character; `unk_id` for those not known."""
        return [self._ids.get(char, UNK) for char in self._units(text)]

    def _units(self, text: str) -> Iterable[str]:
        return clusters(text) if self._joined else text

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids: nothing for special ones, □ for `unk_id`.
        Raises TokenizerError: for an id outside the vocabulary."""
        ids = list(ids)
        if wrong := [i for i in ids if not 0 <= i < len(self)]:
            raise TokenizerError(
                _("token {token}: expected 0 to {most}", token=wrong[0], most=len(self) - 1)
            )
        return "".join(self._chars[i] for i in ids)

    def unknown(self, text: str) -> list[str]:
        """The characters of the text that are not known, each once, in the order they come."""
        return [char for char in dict.fromkeys(self._units(text)) if char not in self._ids]


def _is_reserved(char: str) -> bool:
    """Whether a character is none that can be known: a mark, which is one with its letter alone."""
    return not _RESERVED.isdisjoint(char) or "\ud800" <= char <= "\udfff" or is_mark(char)


def _pieces(model: bytes) -> list[str]:
    """The pieces of a model, with a space for U+2581, checked to be one character each."""
    if not model:
        raise TokenizerError(_("it is empty; train or fetch it again"))
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        pieces = [str(processor.id_to_piece(i)) for i in range(len(processor))]
    # sentencepiece raises what its C++ throws and, for pieces that are not UTF-8, ValueError.
    except (RuntimeError, ValueError, OSError) as error:
        raise TokenizerError(
            _("not a sentencepiece model, or a damaged one; train or fetch it again")
        ) from error
    if tuple(pieces[:NEWLINE]) != SPECIALS or pieces[NEWLINE : NEWLINE + 1] != ["\n"]:
        raise TokenizerError(
            _(
                "its first tokens are not {specials} and a line break; take a tokenizer "
                "that poetvae trained",
                specials=listed(SPECIALS),
            )
        )
    chars = [" " if piece == _SPACE else piece for piece in pieces]
    if any(len(clusters(char)) != 1 for char in chars[NEWLINE:]) or len(set(chars)) != len(chars):
        raise TokenizerError(
            _(
                "its pieces are not single characters, each once; take a tokenizer that "
                "poetvae trained"
            )
        )
    return chars
