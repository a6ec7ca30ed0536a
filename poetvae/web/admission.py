"""What may join the queue of a page: values of the types that its controls declare, from a client
that leaves room for others.

Gradio takes an object for a file wherever it stands, and copies or fetches that. So each value is
checked before Gradio sees it, and what Gradio sees is written anew from what was checked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from ..i18n import ENGLISH, _, closest, speaking
from .middleware import App, Receive, RefusedError, Send, replay

JOIN = "/gradio_api/queue/join"
SESSION = re.compile(r"\w{1,64}", re.ASCII)
LARGEST = 2**53  # of a number, either way: beyond it floats leave out whole ones
FLAT = (str, int, float, bool)
Types = tuple[type, ...]
Declared = Mapping[int, Sequence[Types]]
"""The types of the inputs of each event of a page, by its number; None may always come."""


class Admission:
    """Lets into the queues of `app` what its own pages may send, inside a `Guard`, which answers:

    | answer | to |
    |---|---|
    | 404 | there is no page at this path |
    | 400 | no JSON object; no session, or no event of the page |
    | 422 | a value that is not of a type that its control declares, or not as many values |
    | 429 | a client of whom `most` requests wait already |

    Args:
        app: what takes the request, after the check.
        pages: what each declares, by its path, which begins with its language: /zh-TW/chinese.
        waiting: how many requests of a client are in the queues, or being answered.
        most: of one client at once.
    """

    def __init__(
        self,
        app: App,
        pages: Mapping[str, Declared],
        waiting: Callable[[str], int],
        most: int,
    ) -> None:
        self.app, self.pages, self.waiting, self.most = app, pages, waiting, most
        self.joining: Counter[str] = Counter()  # requests that are not in the queue yet

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith(JOIN):
            return await self.app(scope, receive, send)
        page = scope["path"].removesuffix(JOIN)
        if page not in self.pages:
            raise RefusedError(404, "there is no such page")
        body = checked((await receive())["body"], self.pages[page])
        client = str((scope.get("client") or [""])[0])
        if self.joining[client] + self.waiting(client) >= self.most:
            with speaking(closest(page.split("/")[1]) or ENGLISH):
                reason = _("{n} of your requests are waiting; let one of them end", n=self.most)
            raise RefusedError(429, reason)
        self.joining[client] += 1
        try:
            return await self.app(scope, replay(body, receive), send)
        finally:
            self.joining[client] -= 1
            self.joining += Counter()  # those of nobody are forgotten


def checked(body: bytes, declared: Declared) -> bytes:
    """A request as a page sends it, with nothing else in it; raises RefusedError."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise RefusedError(400, "expected a JSON object")
    index, session, values = (sent.get(key) for key in ("fn_index", "session_hash", "data"))
    if not isinstance(session, str) or not SESSION.fullmatch(session):
        raise RefusedError(400, "session_hash: expected letters and digits, at most 64")
    if type(index) is not int or index not in declared:
        raise RefusedError(400, "fn_index: there is no such event")
    kinds = declared[index]
    if not isinstance(values, list) or len(values) != len(kinds):
        raise RefusedError(422, f"data: expected a list of {len(kinds)} values")
    for i, (value, kind) in enumerate(zip(values, kinds, strict=True), 1):
        _check(f"value {i}", value, kind)
    _check("trigger_id", trigger := sent.get("trigger_id"), (int,))
    event = sent.get("event_data")
    for name, value in (event if isinstance(event, dict) else {"event_data": event}).items():
        _check(f"event_data, {name[:24]!r}", value, FLAT)
    known = {"data": values, "event_data": event, "fn_index": index, "trigger_id": trigger}
    return json.dumps(known | {"session_hash": session}).encode()


def _check(name: str, value: object, kinds: Types) -> None:
    if value is None:
        return
    if type(value) not in kinds:
        named = " or ".join(kind.__name__ for kind in kinds) or "nothing"
        raise RefusedError(422, f"{name}: {type(value).__name__} came; expected {named}")
    if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
        raise RefusedError(422, f"{name}: expected a number of at most {LARGEST}")
