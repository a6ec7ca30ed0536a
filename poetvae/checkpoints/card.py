"""The card of a model: what people, and a hub, read about it."""

from __future__ import annotations

import re
from pathlib import Path

from ..models import TextModel
from ..text.codec import PoemCodec
from .model_folder import CARD

_SHOWN = 12
_MOST = 2**20
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
    language = "language: zh\n" if codec.forms else ""
    passes = max(model.pass_choices, default=1)
    short = " and ".join(str(form) for form in codec.forms if form.size <= passes)
    manner += f"; {short}, having no more characters, a character a pass" if short else ""
    forms = ", ".join(f"{form} ({n:,} poems)" for form, n in codec.forms.items())
    labels = "".join(
        f"\nLabel {name}: {len(values):,} values, {', '.join(values[:_SHOWN])}"
        f"{', ...' if len(values) > _SHOWN else '.'}"
        for name, values in codec.fields.items()
    )
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


def licensed(card: str, name: str) -> str:
    """The card with this license in its front matter, instead of another one."""
    head, body = re.fullmatch(r"(?:---\n(.*?)---\n)?(.*)", card, re.DOTALL).groups()  # type: ignore[union-attr]
    kept = [line for line in (head or "").splitlines() if not line.startswith("license:")]
    return "\n".join(["---", f"license: {name}", *kept, "---", body])


def read_card(folder: Path) -> str:
    """The card in a model folder, or nothing."""
    try:
        with open(folder / CARD, encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""
