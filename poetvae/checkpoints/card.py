"""The card of a model: what people, and a hub, read about it."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from ..errors import visible
from ..files import read_limited
from ..models import TextModel
from ..text.codec import PoemCodec
from .model_folder import CARD

_SHOWN = 12
_LIMITS = """\
## Limits

It has seen characters alone, nothing of what they mean, and writes as its corpus does, prejudices
included. Characters that it has not seen are read as unknown. Tones, rhyme and words are sure only
where they are asked for. A line may be one of the corpus.
"""


def model_card(model: TextModel, codec: PoemCodec, training: str = "") -> str:
    """A README for a model folder, with the front matter that a hub reads. `training` is sentences
    on data, steps and figures; or, beginning with ##, sections, which then tell of limits, too."""
    kind, tag, manner = model.description()
    config = model.config
    known = codec.language if codec.forms else None
    language = f"language: {known.CODE}\n" if known else ""
    passes = max(model.pass_choices, default=1)
    short = [str(form) for form in codec.forms if form.size <= passes]
    if len(short) == len(codec.forms) > 1:
        manner += "; all forms, having no more characters, a character a pass"
    elif short:
        manner += f"; {' and '.join(short)}, having no more characters, a character a pass"
    forms = ", ".join(f"{form} ({n:,} poems)" for form, n in codec.forms.items())
    labels = "".join(
        f"\nLabel {_plain(name)}: {len(values):,} values, {', '.join(map(_plain, values[:_SHOWN]))}"
        f"{', ...' if len(values) > _SHOWN else '.'}"
        for name, values in codec.fields.items()
    )
    if codec.theme:
        labels += f"\nWhat a poem is about, by its {_plain(codec.theme)}: `--about WORDS`."
    if not training.startswith("##"):
        training = f"## Training\n\n{training.strip() or 'Nothing was recorded.'}\n\n{_LIMITS}"
    return f"""---
{language}library_name: poetvae
pipeline_tag: text-generation
tags:
- poetry
- {tag}
---
# A model of poetvae

A {kind} for verse, of gated convolutions: {model.num_parameters():,} parameters, \
{config.vocab_size:,} tokens, {config.max_len} positions. It writes {manner}.

Forms: {forms or "free"}.{labels}

{training.strip()}

## Use

MODEL is this folder, or its name on a hub.

```
pip install poetvae
poetvae generate --model MODEL -n 4
```

```python
from poetvae import Poet

print(*Poet.from_pretrained("MODEL").generate(4), sep="\\n\\n")
```
"""


def _plain(value: str) -> str:
    """What a corpus calls something, as text in a card: no HTML, no markup, no line of its own."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", escape(visible(value, keep=""), quote=False))


def licensed(card: str, name: str) -> str:
    """The card with this license in its front matter, instead of another one."""
    head, body = re.fullmatch(r"(?:---\n(.*?)---\n)?(.*)", card, re.DOTALL).groups()  # type: ignore[union-attr]
    kept = [line for line in (head or "").splitlines() if not line.startswith("license:")]
    return "\n".join(["---", f"license: {name}", *kept, "---", body])


def read_card(folder: Path) -> str:
    """The card in a model folder, or nothing."""
    try:
        return read_limited(folder / CARD).decode("utf-8", "replace")
    except OSError:
        return ""
