"""The API: poems as JSON over HTTP, for programs. What it takes and gives is told by `openapi`.

Needs starlette, behind a `middleware.Guard`, which answers what is raised here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import ConfigError, PoetVAEError, cut
from ..i18n import N_, _, speak, speaking
from ..text.form import Form
from ..text.prosody import check_all
from . import openapi, validation
from .handlers import MOST_DRAWN
from .middleware import App, Message, Receive, RefusedError, Send, header, language_of
from .models import Served
from .parameters import (
    CHECK,
    COMPLETE,
    GENERATE,
    SCORE,
    Choice,
    Parameter,
    Parameters,
    read,
)
from .turn import MODEL, RULES, Turn

try:
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import BaseRoute, Route, Router
except ImportError as missing:
    raise ConfigError(_("the API needs starlette: pip install 'poetvae[api]'")) from missing

MAX_BODY = 256 * 1024  # bytes of a request
WAITING = 32  # requests for a turn; more are told to come again
WAITING_OF_ONE = WAITING // 4  # of one client: there is room for others
SLICE = 0.5  # seconds after which a stream lets others have a turn, between two blocks of poems
STREAM = "application/x-ndjson"
Row = dict[str, Any]
Scope = MutableMapping[str, Any]
Models = Mapping[str, Served]
Values = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """What a path does with the values of a POST.

    Attributes:
        name, about: what it does, in a word and in a sentence.
        takes: its values by name, beside `model` where it asks one.
        gives: the name of the schema of each object that comes back.
        work: gives these objects, of the model that was named.
        turn: whose turn it needs.
        examples: values that it takes, by what they show.
        streams: whether there is one object after another, and not all in the end.
    """

    name: str
    about: str
    takes: Parameters
    gives: str
    work: Callable[[Served, Values], Iterator[Row]]
    turn: Turn
    examples: Mapping[str, Mapping[str, object]]
    streams: bool = False

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/v1/{self.name}"

    def parameters(self, models: Models) -> Parameters:
        """All that it takes."""
        first = next(iter(models))
        known = Parameter("model", Choice(tuple(models)), N_("Who is asked."), first)
        return self.takes if self.turn is RULES else (known, *self.takes)


def generate(served: Served, values: Values) -> Iterator[Row]:
    """Poems that meet all that is asked for; see `Poet.stream`."""
    script, n = values.pop("script", None), values.pop("n", 1)
    for poem in served.poet.stream(n, **_seeded(values)):
        yield poem.respelled(poem.in_script(script)).as_dict()


def complete(served: Served, values: Values) -> Iterator[Row]:
    """Poems with a text in them; see `Poet.complete`."""
    script, n = values.pop("script", None), values.pop("n", 1)
    for poem in served.poet.complete(values.pop("text"), n, **_seeded(values)):
        yield poem.respelled(poem.in_script(script)).as_dict()


def check(served: Served, values: Values) -> Iterator[Row]:
    """What is wrong with poems; see `prosody.check_all`."""
    form = values.get("form")
    if not values["text"]:
        raise ConfigError(_("there is no poem yet; paste one"))
    wanted = Form.parse(form) if form else None
    yield from (one.as_dict() for one in check_all(values["text"], wanted, values.get("book")))


def score(served: Served, values: Values) -> Iterator[Row]:
    """How likely poems are; see `Poet.score`."""
    yield from served.poet.score(values.pop("texts"), **values)


def _seeded(values: Values) -> Values:
    return {**values, "seed": validation.seed(values.get("seed"))}


OPERATIONS = (
    Operation(
        "generate",
        N_("Write poems. What is asked of them holds in every one."),
        GENERATE,
        "Poem",
        generate,
        MODEL,
        {
            "two": {"form": "5x2", "n": 2, "seed": 1},
            "asked": {
                "form": "5x4",
                "acrostic": "春夏秋冬",
                "rhyme": "尤",
                "tones": "strict",
                "candidates": 2,
                "seed": 1,
            },
            "lines": {"form": "5x2", "lines": {"2": "溪風入座清"}, "without": "不", "seed": 1},
            "tune": {"form": "浣溪沙", "about": "春日", "candidates": 2, "seed": 1},
        },
        streams=True,
    ),
    Operation(
        "complete",
        N_("Fill the blanks (_) of a text, or give a line its partner or the rest of its poem."),
        COMPLETE,
        "Poem",
        complete,
        MODEL,
        {
            "partner": {"text": "瀑響分雲出", "n": 2, "seed": 1},
            "blanks": {"text": "春___月，____清。", "form": "5x2", "tones": "usual", "seed": 1},
        },
    ),
    Operation(
        "check",
        N_("Scan poems: tones, rhyme, every fault. No model is asked."),
        CHECK,
        "Report",
        check,
        RULES,
        {
            "quatrain": {
                "text": "渭城朝雨浥輕塵，客舍青青柳色新。勸君更盡一杯酒，西出陽關無故人。",
                "form": "7x4",
            },
            "English": {"text": "The curfew tolls the knell of parting day"},
        },
    ),
    Operation(
        "score",
        N_("How likely poems are to the model: which do not belong?"),
        SCORE,
        "Score",
        score,
        MODEL,
        {"two": {"texts": ["山月臨窗白，溪風入座清。", "白日依山盡，黃河入海流。"], "samples": 4}},
    ),
)
PATHS = {
    "GET": ("/health", "/openapi.json", "/v1/models"),
    "POST": tuple(one.path for one in OPERATIONS),
}


@dataclass
class Part:
    """What was written in a turn: objects, whether there are no more, what went wrong then."""

    rows: list[Row]
    ended: bool = False
    error: RefusedError | None = None

    @classmethod
    def next(cls, rows: Iterator[Row]) -> Part:
        """As much as is there after `SLICE` seconds."""
        part, began = cls([]), time.monotonic()
        try:
            for row in rows:
                part.rows.append(_finite(row))
                if time.monotonic() - began > SLICE:
                    return part
        except PoetVAEError as error:
            part.error = RefusedError(422, str(error), error=type(error).__name__)
        except Exception:
            logging.getLogger(__name__).exception("a request could not be answered")
            why = _("this went wrong here, and is no fault of the request; the server's log has it")
            part.error = RefusedError(500, why)
        part.ended = True
        return part


@dataclass(frozen=True)
class Endpoint:
    """Answers the POSTs of an operation, as an ASGI app.

    All at once is {"poems": [...]}. To who accepts `STREAM` each object is a line, sent when it is
    there, and what goes wrong after the first ones is the last line. When the client leaves, the
    work stops: at once while it waits, else when its turn ends.
    """

    operation: Operation
    models: Models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        speak(language_of(scope))
        body = (await receive())["body"]  # all of it: a Guard has read it
        answer = asyncio.create_task(self._answer(scope, body, send))
        gone = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()  # which leaves one alone that is done
            gone.cancel()
            await asyncio.wait({answer, gone})
        if not answer.cancelled():
            answer.result()

    async def _answer(self, scope: Scope, body: bytes, send: Send) -> None:
        lines = STREAM.encode() in header(scope, b"accept").lower()
        parts = self._parts(str((scope.get("client") or [""])[0]), body, lines)
        rows = await anext(parts)  # what goes wrong with it is told by the status
        if not lines:
            rows += [row async for more in parts for row in more]
            await JSONResponse({"poems": rows})(scope, _nothing, send)
            return
        kind = [(b"content-type", STREAM.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        await send(_lines(rows))
        try:
            async for rows in parts:
                await send(_lines(rows))
        except RefusedError as error:
            await send(_lines([error.problem()]))
        await send({"type": "http.response.body", "body": b""})

    async def _parts(self, client: str, body: bytes, lines: bool) -> AsyncIterator[list[Row]]:
        """Objects as they are written, some a turn; raises RefusedError."""
        turn = self.operation.turn
        if turn.waiting(client) >= WAITING_OF_ONE:
            raise _later(429, turn, _("{n} of your requests are waiting", n=WAITING_OF_ONE))
        if turn.waiting() >= WAITING:
            raise _later(503, turn, _("{n} requests are waiting", n=WAITING))
        try:
            values = read(self.operation.parameters(self.models), parsed(body))
            self._limit(values, lines)
        except ConfigError as error:
            raise RefusedError(422, str(error), error=type(error).__name__) from None
        name = values.pop("model", next(iter(self.models)))
        rows, part = self.operation.work(self.models[name], values), Part([])
        while not part.ended:
            part = await turn.run(client, partial(Part.next, rows))
            if part.rows or not part.error:
                yield part.rows
            if part.error:
                raise part.error

    def _limit(self, values: Values, lines: bool) -> None:
        """Raise ConfigError where more is asked for than a turn should take."""
        usual = {one.name: one.default for one in self.operation.takes}
        n, each = (values.get(name, usual.get(name)) or 1 for name in ("n", "candidates"))
        each = 1 if values.get("plain") and "candidates" not in values else each
        if n * each > MOST_DRAWN and not (lines and self.operation.streams):
            counts = {"n": n, "each": each, "all": n * each, "most": MOST_DRAWN}
            raise ConfigError(
                _(
                    "{n} poems of {each} candidates each are {all}; expected at most {most}: take"
                    " fewer of one",
                    **counts,
                )
            )


def application(models: Models) -> App:
    """The API of models by name, the first of which answers where none is named."""

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def known(request: Request) -> Response:
        return JSONResponse({"models": [one.as_dict(name) for name, one in models.items()]})

    async def document(request: Request) -> Response:
        with speaking(language_of(request.scope)):
            return JSONResponse(openapi.document(OPERATIONS, models))

    routes: list[BaseRoute] = [Route("/health", health), Route("/v1/models", known)]
    routes += [Route("/openapi.json", document)]
    routes += [Route(one.path, Endpoint(one, models), methods=["POST"]) for one in OPERATIONS]
    return Router(routes, redirect_slashes=False)


def parsed(body: bytes) -> dict[str, object]:
    """A JSON object (RFC 8259) in UTF-8, no name of which comes twice; raises RefusedError."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise RefusedError(400, _("the JSON is nested too deeply")) from None
    except UnicodeDecodeError:
        raise RefusedError(400, _("the request is not UTF-8")) from None
    except ValueError as error:
        raise RefusedError(400, _("the request is not JSON: {why}", why=error)) from None
    if not isinstance(found, dict):
        raise RefusedError(400, _("expected a JSON object"))
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, n in Counter(name for name, _ in pairs).items() if n > 1)
        raise ValueError(_("{name!r} comes twice", name=cut(twice)))
    return found


def _no_number(name: str) -> object:
    raise ValueError(_("{name} is no number of JSON", name=name))


def _later(status: int, turn: Turn, reason: str) -> RefusedError:
    n = turn.patience
    text = _("{why}; come again in {n} s", why=reason, n=n)
    return RefusedError(status, text, headers={"retry-after": str(n)})


def _finite(row: Row) -> Row:
    """JSON has no infinity, which an autoencoder's z costs."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _lines(rows: list[Row]) -> Message:
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


async def _nothing() -> Message:
    """Of a request that has been read."""
    return {"type": "http.disconnect"}
