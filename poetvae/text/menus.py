"""What menus say of forms, in the language spoken now; of rhymes see `Language.rhyme_names`."""

from __future__ import annotations

from ..i18n import N_, _
from .form import Form, written
from .names import called
from .prosody.chinese.openings import OPENINGS


def form_words(form: Form | None) -> str:
    """A form by its name and its size: 七言絕句 7x4, 6x4 (4 lines of 6), 浣溪沙 (42 characters:
    一曲新詞酒一杯), or free."""
    if form is None:
        return _("free")
    if form.tune:
        return _tune_words(form)
    size, name = written(form.lengths), called(form.lengths)
    if name:
        return _("{name} {size}", name=_(name), size=size)
    if form.uniform:
        text = N_("{size} ({lines} lines of {length})")
        return _(text, size=size, lines=form.lines, length=form.uniform)
    return _("{size} ({lines} lines)", size=size, lines=form.lines)


def _tune_words(form: Form) -> str:
    """A tune by its name, its size, and the opening of a ci that people know it by."""
    if opening := OPENINGS.get(form.tune):
        text = N_("{tune} ({n} characters: {opening})")
        return _(text, tune=form.tune, n=form.size, opening=opening)
    return _("{tune} ({n} characters)", tune=form.tune, n=form.size)
