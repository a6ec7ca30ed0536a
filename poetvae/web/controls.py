"""What the page is put together from, and how its events are answered."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import partial, wraps
from html import escape
from importlib import resources
from typing import Any

from ..errors import ConfigError, PoetVAEError
from ..i18n import _, speaking, spoken
from ..poet import Poet
from ..text.poem import Form
from . import handlers, validation
from .turn import MODEL

# Read when gradio is imported: nothing may leave the machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if not os.environ.get("GRADIO_TEMP_DIR"):  # that of all who use this machine may be another's
    os.environ["GRADIO_TEMP_DIR"] = _scratch = tempfile.mkdtemp(prefix="poetvae-page-")
    atexit.register(shutil.rmtree, _scratch, ignore_errors=True)
# It makes an HTTP client, which would stop at a proxy that it does not understand.
_direct = os.environ.get("no_proxy")
os.environ["no_proxy"] = "*"
try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise ConfigError(_("the page needs gradio: pip install 'poetvae[demo]'")) from error
finally:
    del os.environ["no_proxy"]
    if _direct is not None:
        os.environ["no_proxy"] = _direct

__all__ = [
    "Column",
    "Count",
    "Html",
    "PoemBox",
    "form_menu",
    "gr",
    "menu",
    "on",
    "resource",
    "sent",
]


def resource(name: str) -> str:
    """A text file that comes with the page."""
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


Column = partial(gr.Column, min_width=280)
Count = partial(gr.Slider, 1, step=1)
PoemBox = partial(gr.Textbox, max_length=validation.MOST_TEXT)
Html = partial(
    gr.HTML,
    html_template="<div aria-live='polite'>${value}</div>",
    js_on_load=resource("app.js"),
    apply_default_css=False,
)


def form_menu(poet: Poet, form: str | None = None) -> gr.Dropdown:
    """A menu of the forms of a model, on one of them, or the most frequent."""
    forms = handlers.forms_of(poet)
    return menu(forms, _("Form"), *([] if forms else [_("free")]), chosen=form)


def menu(forms: Iterable[Form], label: str, *absent: str, chosen: str | None = None) -> gr.Dropdown:
    """A menu of forms, below a word for none."""
    choices = [(word, "") for word in absent] + [(handlers.form_label(f), str(f)) for f in forms]
    first = choices[0][1] if chosen is None else chosen
    return gr.Dropdown(choices, value=first, label=label, interactive=True, min_width=160)


def on(event: Any, answer: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Have an event answered: in turn with all others, in the language spoken now, and what goes
    wrong told in one line."""
    language = spoken()

    @wraps(answer)
    def told(*values: Any) -> Any:
        with speaking(language):
            try:
                with MODEL.taken("page"):  # the API may be asked beside it
                    return answer(*values)
            except PoetVAEError as error:
                # A message may quote what was typed, and is shown as HTML.
                shown, title = escape(str(error)), _("This does not go")
                raise gr.Error(shown, title=title, print_exception=False) from None

    how: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}
    # The handlers check what came, in words of their own.
    how |= {"api_visibility": "private", "show_progress": "full", "preprocess": False}
    event(told, inputs, outputs, **how)


def sent(event: gr.EventData, key: str) -> object:
    """A value that came with an event; None where there is none."""
    data = event._data
    return data.get(key) if isinstance(data, dict) else None
