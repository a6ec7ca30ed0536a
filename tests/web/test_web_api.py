"""The API: what it takes and gives is what its document says; who waits, who leaves, what is
refused."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from commands import shell
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from poetvae.constraints.options import LINES, Conditions
from poetvae.errors import ConfigError, ConstraintError
from poetvae.generation.options import SamplingOptions
from poetvae.poet import Poet
from poetvae.text.form import Form
from poetvae.web import api, server
from poetvae.web.api import OPERATIONS, STREAM, Operation
from poetvae.web.handlers import MOST_DRAWN
from poetvae.web.middleware import RefusedError
from poetvae.web.models import Served, served
from poetvae.web.parameters import MOST_STREAMED
from poetvae.web.turn import MODEL, Turn

Json = dict[str, Any]
LINE = {"accept": STREAM}


def client(models: dict[str, Served]) -> TestClient:
    """Asks the API of these models."""
    return TestClient(server.api(models).guarded(["testserver"]))


@pytest.fixture(scope="module")
def small(poet: Poet) -> TestClient:
    """Asks the API of a small model."""
    return client({"small": Served(poet, 1_234_567)})


@pytest.fixture(scope="module")
def packaged() -> TestClient:
    """Asks the API of the packaged models."""
    return client(served(None))


@pytest.fixture(scope="module")
def document(packaged: TestClient) -> Json:
    """The OpenAPI document."""
    found: Json = packaged.get("/openapi.json").json()
    return found


def fits(document: Json, schema: Json, value: object) -> None:
    """The value is what a schema of the document says."""
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(value, whole, jsonschema.Draft202012Validator)


def request_schema(document: Json, operation: Operation) -> Json:
    """What an operation takes."""
    body = document["paths"][operation.path]["post"]["requestBody"]
    found: Json = body["content"]["application/json"]["schema"]
    return found


def detail(answer: Any, status: int) -> str:
    """What a problem is, of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert "Traceback" not in answer.text
    return str(told["detail"])


# The document


def test_the_document_is_openapi_in_every_language(packaged: TestClient, document: Json) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")
    chinese = packaged.get("/openapi.json", headers={"accept-language": "zh-TW"}).json()
    validate(chinese)
    check = chinese["paths"]["/v1/check"]["post"]
    assert check["summary"] == "檢查詩作：平仄、押韻，逐一指出毛病。不用模型。"


def test_the_document_has_the_paths_that_are_served(document: Json) -> None:
    served_ = {path for paths in api.PATHS.values() for path in paths}
    assert document["paths"].keys() == served_


@pytest.mark.parametrize(("name", "left_out"), [("generate", ()), ("complete", (*LINES, "plain"))])
def test_all_that_is_declared_can_be_asked(
    document: Json, name: str, left_out: tuple[str, ...]
) -> None:
    declared = [*dataclasses.fields(Conditions), *dataclasses.fields(SamplingOptions)]
    wanted = {field.name for field in declared} - {*left_out}
    (operation,) = (one for one in OPERATIONS if one.name == name)
    more = {"model", "n", "form", "script"} | ({"text"} if name == "complete" else set())
    assert request_schema(document, operation)["properties"].keys() == wanted | more


EXAMPLES = [(one, name) for one in OPERATIONS for name in one.examples]


@pytest.mark.parametrize(("operation", "name"), EXAMPLES, ids=lambda x: getattr(x, "name", x))
def test_examples_run_and_answers_are_what_the_document_says(
    packaged: TestClient, document: Json, operation: Operation, name: str
) -> None:
    told = document["paths"][operation.path]["post"]
    example = told["requestBody"]["content"]["application/json"]["examples"][name]["value"]
    fits(document, request_schema(document, operation), example)
    answer = packaged.post(operation.path, json=example)
    assert answer.status_code == 200, answer.text
    schema = told["responses"]["200"]["content"]["application/json"]["schema"]
    fits(document, schema, answer.json())
    assert answer.json()["poems"]
    for poem in answer.json()["poems"]:
        assert poem.get("satisfied", True)


def test_the_plain_answers_are_what_the_document_says(packaged: TestClient, document: Json) -> None:
    for path in api.PATHS["GET"]:
        told = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        fits(document, told["schema"], packaged.get(path).json())


def test_a_problem_is_what_the_document_says(small: TestClient, document: Json) -> None:
    excluded = {"acrostic": "春秋", "first_line": "白日依山盡"}
    refused: list[Any] = [{"n": 0}, {"form": "9x9"}, [], excluded]
    for sent in refused:
        answer = small.post("/v1/generate", json=sent)
        fits(document, document["components"]["schemas"]["Problem"], answer.json())


# Answers


def test_answers_are_those_of_the_command_line(small: TestClient, run: Path) -> None:
    asked = {"n": 2, "seed": 3, "tones": "usual", "candidates": 2}
    line = "generate -n 2 --seed 3 --tones usual --candidates 2 --json --model"
    rows = shell(line, run).rows
    poems = small.post("/v1/generate", json=asked).json()["poems"]
    for row, poem in zip(rows, poems, strict=True):
        assert row.pop("log_prob") == pytest.approx(poem.pop("log_prob"))
        assert row == poem
    text = "瀑響分雲出，橋形得水成。"
    rows = shell("check --json", stdin=text.encode()).rows
    assert small.post("/v1/check", json={"text": text}).json() == {"poems": rows}
    told = shell("score --json --model", run, stdin=text.encode()).answer
    assert small.post("/v1/score", json={"texts": [text]}).json()["poems"][0].keys() == told.keys()


def test_models_are_told_as_by_the_command_line(packaged: TestClient) -> None:
    assert packaged.get("/v1/models").json() == {"models": shell("models --json").rows}


def test_a_model_is_chosen_by_its_name(packaged: TestClient) -> None:
    asked = {"model": "english", "form": "8x2", "metre": "iambic", "candidates": 1}
    (poem,) = packaged.post("/v1/generate", json=asked).json()["poems"]
    assert poem["text"].isascii()
    text = detail(packaged.post("/v1/generate", json={"model": "../x"}), 422)
    assert text.endswith("expected one of chinese, english")


def test_a_seed_that_is_drawn_writes_the_same_again(small: TestClient) -> None:
    first = small.post("/v1/generate", json={}).json()["poems"]
    again = small.post("/v1/generate", json={"seed": first[0]["seed"]}).json()["poems"]
    assert [poem["text"] for poem in first] == [poem["text"] for poem in again]


def test_lines_and_script(small: TestClient) -> None:
    asked = {"lines": {"2": "桥形得水成"}, "script": "traditional", "seed": 1}
    (poem,) = small.post("/v1/generate", json=asked).json()["poems"]
    assert poem["lines"][1] == "橋形得水成"


def test_null_is_as_good_as_nothing(small: TestClient) -> None:
    names = [one.name for one in OPERATIONS[0].takes if one.name not in ("n", "seed")]
    empty = small.post("/v1/generate", json={"seed": 5, **dict.fromkeys(names)}).json()
    assert empty == small.post("/v1/generate", json={"seed": 5}).json()


def test_a_stream_has_a_line_for_each_poem(small: TestClient) -> None:
    asked = {"n": 300, "candidates": 1, "seed": 1}
    answer = small.post("/v1/generate", json=asked, headers=LINE)
    assert answer.headers["content-type"] == STREAM
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len(rows) == 300
    few = small.post("/v1/generate", json=asked | {"n": 2}).json()["poems"]
    assert [row["text"] for row in rows[:2]] == [poem["text"] for poem in few]
    text = detail(small.post("/v1/generate", json=asked), 422)
    assert text.startswith("300 poems of 1 candidates each are 300; expected at most 128")


def test_what_goes_wrong_late_is_the_last_line(
    small: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(served: Served, values: Json) -> Iterator[Json]:
        yield {"text": "a"}
        raise ConstraintError("no more")

    late = dataclasses.replace(OPERATIONS[0], work=work)
    monkeypatch.setattr(api, "OPERATIONS", (late,))
    fresh = client({"small": Served(None, 0)})  # type: ignore[arg-type]
    rows = fresh.post("/v1/generate", json={}, headers=LINE).text.splitlines()
    problem = {"title": "Unprocessable Entity", "status": 422, "detail": "no more"}
    problem["error"] = "ConstraintError"
    assert [json.loads(row) for row in rows] == [{"text": "a"}, problem]
    assert detail(fresh.post("/v1/generate", json={}), 422) == "no more"


def test_a_fault_of_ours_is_500_and_told_to_the_log_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(served: Served, values: Json) -> Iterator[Json]:
        raise RuntimeError("secret")
        yield {}

    monkeypatch.setattr(api, "OPERATIONS", (dataclasses.replace(OPERATIONS[0], work=work),))
    answer = client({"small": Served(None, 0)}).post("/v1/generate", json={})  # type: ignore[arg-type]
    assert "secret" not in detail(answer, 500)
    assert "RuntimeError: secret" in caplog.text


def test_no_infinity_in_json() -> None:
    part = api.Part.next(iter([{"kl": float("inf"), "nll": float("nan"), "recon": 1.0}]))
    assert part.rows == [{"kl": None, "nll": None, "recon": 1.0}]


# What is refused

BODIES: dict[bytes, tuple[int, str]] = {
    b"": (400, "the request is not JSON"),
    b"{": (400, "the request is not JSON"),
    b"[]": (400, "expected a JSON object"),
    b"null": (400, "expected a JSON object"),
    b"\xff": (400, "the request is not UTF-8"),
    '{"n": 1}'.encode("utf-16"): (400, "the request is not UTF-8"),
    b'{"n": 1, "n": 2}': (400, "the request is not JSON: 'n' comes twice"),
    b'{"n": NaN}': (400, "the request is not JSON: NaN is no number of JSON"),
    b'{"n": -Infinity}': (400, "the request is not JSON: -Infinity is no number of JSON"),
    b"[" * 100_000: (400, "the JSON is nested too deeply"),
    b'{"n": ' + b"9" * 5000 + b"}": (400, "the request is not JSON"),
    b'{"n": 1e999}': (422, "n: a number out of all bounds came; expected a number from 1 to 1000"),
    b'{"n": "2"}': (422, "n: '2' came; expected a number from 1 to 1000"),
    b'{"n": true}': (422, "n: a value of type bool came"),
    b'{"n": 1.5}': (422, "n: 1.5 came; expected a whole number"),
    b'{"seed": -1}': (422, "seed: -1 came"),
    b'{"acrostic": "\\ud800"}': (422, "acrostic: half a character came"),
    b'{"acrostic": ["a"]}': (422, "acrostic: a value of type list came"),
    b'{"contains": "a"}': (422, "contains: expected a list of texts"),
    b'{"contains": ["a", {}]}': (422, "contains[1]: a value of type dict came"),
    b'{"contains": ["1", "2", "3", "4", "5"]}': (422, "contains: 5 came; expected 0 to 4"),
    b'{"lines": {"x": "a"}}': (422, "lines: 'x' came; expected the number of a line"),
    b'{"lines": ["a"]}': (422, "lines: expected an object of at most 32 texts"),
    b'{"tones": "loud"}': (422, "tones: 'loud' came; expected one of strict, usual, lenient"),
    b'{"no_repeat": 1}': (422, "no_repeat: 1 came; expected true or false"),
    b'{"labels": {"a": 1}}': (422, "labels[a]: 1 came; expected a text"),
    b'{"labels": {"a": "b"}}': (422, ""),
    b'{"form": "9x9"}': (422, ""),
    b'{"top_p": 0}': (422, "top_p: 0 came; expected a number from 1e-06 to 1"),
    b'{"\\ud800": 1}': (422, "'\\ud800': there is no such value"),
    b'{"n": 2000}': (422, "n: 2000 came; expected a number from 1 to 1000"),
    b'{"without": "' + b"a" * 501 + b'"}': (422, "without: 501 characters came"),
}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: ascii(body[:24]))
def test_what_a_request_may_not_be(small: TestClient, body: bytes) -> None:
    status, begins = BODIES[body]
    kind = {"content-type": "application/json"}
    answer = small.post("/v1/generate", content=body, headers=kind)
    text = detail(answer, status)
    assert text.startswith(begins)
    assert "\n" not in text
    assert len(text) < 600


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=9,
)
NAMES = sorted({one.name for known in OPERATIONS for one in known.takes})


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(OPERATIONS), st.dictionaries(st.sampled_from(NAMES) | st.text(), ANYTHING))
def test_any_values_are_answered_or_refused_in_a_line(
    poet: Poet, operation: Operation, sent: Json
) -> None:
    small = client({"small": Served(poet, 0)})
    answer = small.post(operation.path, json=sent)
    if answer.status_code != 200:
        assert answer.status_code in (400, 422)
        assert "\n" not in answer.json()["detail"]


def test_the_rest_of_http(small: TestClient) -> None:
    answer = small.get("/v1/generate")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = small.post("/v1/models", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    detail(small.get("/v1/"), 404)
    detail(small.post("/v1/generate", data={"n": 1}), 415)
    kind = {"content-type": "application/json"}
    detail(small.post("/v1/score", content=b" " * (api.MAX_BODY + 1), headers=kind), 413)
    detail(small.get("/health", headers={"host": "example.com"}), 421)
    detail(small.post("/v1/generate", json={}, headers={"origin": "http://x.example"}), 403)
    assert small.head("/health").status_code == 200
    assert small.get("/health").json() == {"status": "ok"}


def test_a_problem_speaks_the_language_of_its_reader(small: TestClient) -> None:
    chinese = {"accept-language": "zh-TW"}
    answer = small.post("/v1/generate", json={"x": 1}, headers=chinese)
    assert detail(answer, 422).startswith("沒有 'x' 這個參數")
    assert answer.headers["content-language"] == "zh-TW"
    answer = small.post("/v1/generate", json=[], headers=chinese)
    assert detail(answer, 400) == "請求應為 JSON 物件"


@pytest.mark.parametrize("library", ["starlette.routing", "starlette.responses"])
def test_without_its_library_there_is_a_line(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "poetvae.web.api")
    with pytest.raises(ConfigError, match=r"the API needs starlette: pip install 'poetvae\[api\]'"):
        importlib.import_module("poetvae.web.api")


def test_the_api_does_without_gradio() -> None:
    code = "import sys; sys.modules['gradio'] = sys.modules['fastapi'] = None\n"
    code += "import poetvae.cli; sys.argv = 'poetvae serve --api --port 0 --check'.split()\n"
    code += "poetvae.cli.main()"
    how: Any = {"capture_output": True, "encoding": "utf-8", "check": False}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], **how)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "ok"


# Turns


def in_loop(work: Callable[[], Any]) -> Any:
    """What a coroutine gives, in time."""

    async def timed() -> Any:
        async with asyncio.timeout(20):
            return await work()

    return asyncio.run(timed())


def test_clients_take_turns_whoever_asks_more() -> None:
    order: list[str] = []

    async def crowd() -> None:
        turn, hold = Turn(), threading.Event()
        first = asyncio.create_task(turn.run("a", hold.wait))
        await asyncio.sleep(0)
        asked = ["a1", "a2", "a3", "b1", "b2", "c1"]
        rest = [asyncio.create_task(turn.run(x[0], partial(order.append, x))) for x in asked]
        await asyncio.sleep(0)
        assert (turn.waiting(), turn.waiting("a"), turn.waiting("c")) == (6, 3, 1)
        hold.set()
        await asyncio.gather(first, *rest)

    in_loop(crowd)
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_one_at_a_time_from_threads_and_coroutines() -> None:
    turn, inside, most = Turn(), [0], [0]

    def work() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.002)
        inside[0] -= 1

    def page() -> None:
        for _ in range(20):
            with turn.taken("page"):
                work()

    async def both() -> None:
        threads = [asyncio.to_thread(page) for _ in range(3)]
        await asyncio.gather(*threads, *(turn.run(f"{i % 3}", work) for i in range(40)))

    in_loop(both)
    assert most == [1]
    assert turn.waiting() == 0


def test_who_leaves_is_passed_over_and_the_turn_of_what_has_begun_ends_with_it() -> None:
    done: list[str] = []

    async def leaving() -> None:
        turn, hold = Turn(), threading.Event()

        def begun() -> None:
            hold.wait()
            done.append("begun")

        first = asyncio.create_task(turn.run("a", begun))
        second = asyncio.create_task(turn.run("b", lambda: done.append("left")))
        third = asyncio.create_task(turn.run("c", lambda: done.append("stayed")))
        await asyncio.sleep(0.02)
        first.cancel()
        second.cancel()
        await asyncio.wait({first, second})
        assert turn.waiting() == 1
        hold.set()
        await third

    in_loop(leaving)
    assert done == ["begun", "stayed"]


class Wire:
    """A POST to an endpoint over ASGI, by a client who may leave."""

    def __init__(self, operation: Operation, sent: Json, accept: str = STREAM) -> None:
        self.body, self.left, self.got = json.dumps(sent).encode(), asyncio.Event(), asyncio.Event()
        self.answer: list[Any] = []
        self.rest = [{"type": "http.request", "body": self.body, "more_body": False}]
        headers = [(b"accept", accept.encode())]
        scope = {"type": "http", "headers": headers, "client": ("192.0.2.1", 1)}
        endpoint = api.Endpoint(operation, {"x": Served(None, 0)})  # type: ignore[arg-type]
        self.task = asyncio.create_task(endpoint(scope, self.receive, self.send))

    async def receive(self) -> Any:
        if self.rest:
            return self.rest.pop()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.answer.append(message)
        self.got.set()


def test_a_stream_that_is_left_stops_and_others_have_turns_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "SLICE", 0.0)
    written = []

    def work(served: Served, values: Json) -> Iterator[Json]:
        for i in range(10_000):
            threading.Event().wait(0.001)
            written.append(i)
            yield {"i": i}

    async def leave() -> None:
        endless = dataclasses.replace(OPERATIONS[0], work=work)
        wire = Wire(endless, {"n": 1000})
        await wire.got.wait()
        other = Wire(dataclasses.replace(endless, work=lambda *_: iter([{}])), {}, "*/*")
        await other.task
        assert other.answer[0]["status"] == 200
        assert not wire.task.done()
        wire.left.set()
        await wire.task
        await MODEL.run("", lambda: None)  # what had begun has ended
        stopped = len(written)
        await asyncio.sleep(0.05)
        assert len(written) == stopped < 10_000

    in_loop(leave)


def test_a_full_queue_tells_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(most: str, status: int) -> None:
        monkeypatch.setattr(api, most, 2)
        hold = threading.Event()

        def work(served: Served, values: Json) -> Iterator[Json]:
            hold.wait(10)
            yield {}

        slow = dataclasses.replace(OPERATIONS[0], work=work)
        first = [Wire(slow, {}) for _ in range(3)]
        await asyncio.sleep(0.05)
        late = Wire(slow, {})
        with pytest.raises(RefusedError) as refused:
            await late.task
        assert refused.value.status == status
        assert 1 <= int(refused.value.headers["retry-after"]) <= 60
        hold.set()
        await asyncio.gather(*(one.task for one in first))
        again = Wire(slow, {})
        await again.task
        assert again.answer[0]["status"] == 200

    in_loop(lambda: full("WAITING_OF_ONE", 429))
    monkeypatch.setattr(api, "WAITING_OF_ONE", 100)
    in_loop(lambda: full("WAITING", 503))


def test_the_page_and_the_api_share_one_address(poet: Poet) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the page"})

    there = server.Site(app, server.ROUTES, server.MAX_BODY, ("/", b"the page"))
    both = TestClient(server.api({"x": Served(poet, 0)}).beside(there).guarded(["testserver"]))
    assert both.get("/").text == "the page"
    assert both.post("/v1/generate", json={}).status_code == 200
    assert both.post("/en/x/gradio_api/queue/join", json={}).text == "the page"
    assert both.get("/openapi.json").json()["openapi"]
    assert both.get("/v1/generate").status_code == 405


def test_form_names_may_be_anything_that_names_a_form(small: TestClient) -> None:
    text = "瀑響分雲出，橋形得水成。"
    asked = {"text": text, "form": str(Form(5, 2))}
    assert small.post("/v1/check", json=asked).json()["poems"][0]["form"] == "5x2"


PAGE = Path(__file__).parents[2] / "docs" / "api-http.md"
CURL = re.compile(r"curl (.*?)(?:-d '(.*)' )?localhost:7860(\S+)")


def test_the_page_on_the_api_is_right(packaged: TestClient) -> None:
    text = PAGE.read_text("utf-8")
    told = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", text, re.DOTALL)]
    answers = []
    for options, body, path in CURL.findall(text):
        headers = dict(re.findall(r"-H '([\w-]+): ([^']+)'", options))
        sent: Json = {"content": body.encode(), "headers": headers} if body else {}
        answer = packaged.request("POST" if body else "GET", path, **sent)
        assert answer.status_code in (200, 422), answer.text
        answers += [answer.json()] if STREAM not in headers.values() else []
    assert len(answers) == 6
    assert answers[0]["poems"][0].keys() == told[0]["poems"][0].keys()
    assert answers[0]["poems"][0]["form"] == told[0]["poems"][0]["form"]
    assert answers[-1] == told[1]
    wanted = {"most_drawn": MOST_DRAWN, "most_streamed": MOST_STREAMED, "waiting": api.WAITING}
    for name, value in wanted.items():
        assert f" {value}" in text, name
