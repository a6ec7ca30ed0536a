"""What joins the queue: declared types alone, and nobody fills it; of the page as it is served."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetvae.web import admission
from poetvae.web.admission import JOIN, LARGEST, Admission
from poetvae.web.middleware import RefusedError

AT = "/en/model"  # a page
DECLARED = {3: [(str,), (int, float), (bool,), ()], 7: []}
GOOD: dict[str, Any] = {
    "fn_index": 3,
    "trigger_id": 12,
    "event_data": {"text": "山", "first": 2, "far": 0.5, "on": True, "off": None},
    "session_hash": "a1_Z",
    "data": ["山月", 2, False, None],
}


async def nothing(*arguments: Any) -> None:
    """An app that does nothing."""


def checked(sent: object) -> Any:
    """What passes of a request."""
    return json.loads(admission.checked(json.dumps(sent).encode(), DECLARED))


def test_what_the_page_sends_passes_and_nothing_else_with_it() -> None:
    assert checked(GOOD) == GOOD
    more = {"batched": True, "simple_format": True, "oauth_token": "x", "event_id": "y"}
    assert checked(GOOD | more) == GOOD
    empty = {"fn_index": 7, "session_hash": "s", "data": []}
    assert checked(empty) == empty | {"event_data": None, "trigger_id": None}
    doubled = json.dumps(GOOD)[:-1] + ', "data": [null, 1e2, null, null]}'
    passed = admission.checked(doubled.encode(), DECLARED)
    assert json.loads(passed)["data"] == [None, 100.0, None, None]


FILE = {"path": "/dev/zero", "meta": {"_type": "gradio.FileData"}}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=9,
)


@settings(deadline=None)
@given(st.lists(ANYTHING | st.just(FILE), min_size=4, max_size=4))
def test_a_value_passes_where_it_is_of_its_type(values: list[Any]) -> None:
    kinds = DECLARED[3]
    right = all(
        value is None
        or (type(value) in kind and (isinstance(value, str) or -LARGEST <= value <= LARGEST))
        for value, kind in zip(values, kinds, strict=True)
    )
    if right:
        assert checked(GOOD | {"data": values})["data"] == values
    else:
        with pytest.raises(RefusedError) as refused:
            checked(GOOD | {"data": values})
        assert refused.value.status == 422


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.dictionaries(st.text(), ANYTHING), min_size=1))
def test_no_object_comes_with_an_event(data: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        checked(GOOD | {"event_data": data})


WRONG: dict[str, tuple[int, list[Any]]] = {
    "session_hash": (400, [None, "", "x" * 65, "a/b", "é", 7, {}, ["s"], FILE]),
    "fn_index": (400, [None, -1, 4, "3", 3.0, True, [3], FILE]),
    "data": (422, [None, [], GOOD["data"][:3], [*GOOD["data"], None], "山", {"0": "山"}, FILE]),
    "trigger_id": (422, ["1", 1.5, False, [1], FILE, 10**30]),
    "event_data": (422, [[1], [FILE], FILE, {"a": [1]}, {"x": 10**400}]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parts_are_refused(name: str) -> None:
    status, values = WRONG[name]
    for value in values:
        with pytest.raises(RefusedError) as refused:
            checked(GOOD | {name: value})
        assert refused.value.status == status, value
        assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b"[" * 60_000, b"\xff", b'{"fn_index": ' + b"1" * 5000 + b"}"]
)
def test_what_is_no_object_of_json_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        admission.checked(body, DECLARED)
    assert refused.value.status == 400


def test_those_that_are_on_their_way_count_too() -> None:
    """20 that come at once, from one client, of whom one waits already: two more join."""
    joined: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.01)
        joined.append(scope["client"][0])

    admitted = Admission(app, {AT: DECLARED}, {"a": 1, "b": 0}.__getitem__, 3)

    async def receive() -> Any:
        return {"body": json.dumps(GOOD).encode()}

    async def ask(client: str, page: str = AT) -> int:
        scope = {"type": "http", "path": page + JOIN, "client": (client, 5)}
        try:
            await admitted(scope, receive, nothing)
        except RefusedError as refusal:
            return refusal.status
        return 200

    async def ask_all() -> list[int]:
        return await asyncio.gather(*[ask("a") for _ in range(20)], ask("b"))

    answers = asyncio.run(ask_all())
    assert answers == [200, 200, *[429] * 18, 200]
    assert sorted(joined) == ["a", "a", "b"]
    assert asyncio.run(ask("b")) == 200
    assert asyncio.run(ask("b", "/en/other")) == 404
    assert not admitted.joining


def test_who_waits_already_is_told_so_in_the_language_of_the_page() -> None:
    admitted = Admission(nothing, {AT: DECLARED, "/zh-TW/model": DECLARED}, lambda client: 3, 3)

    async def receive() -> Any:
        return {"body": json.dumps(GOOD).encode()}

    for page, told in ((AT, "3 of your requests"), ("/zh-TW/model", "3 個")):
        scope = {"type": "http", "path": page + JOIN}
        with pytest.raises(RefusedError, match=told):
            asyncio.run(admitted(scope, receive, nothing))


# The page as it is served


class Page(NamedTuple):
    """A page that is served."""

    port: int
    scratch: Path  # its folder for temporary files
    config: dict[str, Any]

    def ask(self, path: str, body: Any = None, client: str = "203.0.113.1") -> tuple[int, str]:
        """What the page answers to a request that a proxy passes on for a client."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(link):
            head = {"Content-Type": "application/json", "X-Forwarded-For": client}
            method = "GET" if body is None else "POST"
            link.request(method, AT + path, body and json.dumps(body), head)
            answer = link.getresponse()
            return answer.status, answer.read().decode()

    def events(self) -> Iterator[dict[str, Any]]:
        """Each event, as the page sends it untouched."""
        values = {part["id"]: part["props"].get("value") for part in self.config["components"]}
        for i, event in enumerate(self.config["dependencies"]):
            known = {"fn_index": event["id"], "trigger_id": None, "session_hash": f"s{i}"}
            yield {**known, "data": [values[part] for part in event["inputs"]], "event_data": None}


@pytest.fixture(scope="module")
def page(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of a small model, where proxies make no sense and gradio's folder is another's."""
    scratch = tmp_path_factory.mktemp("tmp")
    (scratch / "gradio").write_text("not a folder, and not ours")
    (scratch / "secret").write_text("9371")
    odd = {"http_proxy": "::::", "all_proxy": "socks5://127.0.0.1:1", "no_proxy": "[::1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "poetvae", "demo", "--model", str(run), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **odd, "TMPDIR": str(scratch), "GRADIO_TEMP_DIR": ""},
    )
    with process:
        assert process.stdout
        url = process.stdout.readline().strip()
        try:
            assert url, process.communicate()[1]
            found = Page(int(url.rpartition(":")[2]), scratch, {})
            yield found._replace(config=json.loads(found.ask("/config")[1]))
        finally:
            process.terminate()
            said = process.communicate(timeout=20)[1]
            assert "Traceback" not in said


def test_no_event_takes_a_file(page: Page) -> None:
    secret = {"path": str(page.scratch / "secret"), "meta": {"_type": "gradio.FileData"}}
    url = {"path": None, "url": "http://no.such.host.invalid/", "meta": secret["meta"]}
    before = sorted(page.scratch.rglob("*"))
    asked = 0
    for event in page.events():
        for value in (FILE, secret, url, [secret], {"a": [secret]}):
            wrong: list[dict[str, Any]] = [
                {"data": [value if i == j else kept for j, kept in enumerate(event["data"])]}
                for i in range(len(event["data"]))
            ]
            for part in (*wrong, {"event_data": {"text": value}}):
                assert page.ask(JOIN, event | part)[0] == 422
                asked += 1
    assert asked > 100
    assert sorted(page.scratch.rglob("*")) == before


def test_what_the_page_itself_sends_is_answered(page: Page) -> None:
    for event in page.events():
        if event["data"]:
            assert page.ask(JOIN, event)[0] == 200
            stream = page.ask(f"/gradio_api/queue/data?session_hash={event['session_hash']}")[1]
            assert '"msg":"process_completed"' in stream


def test_one_client_leaves_room_for_others(page: Page) -> None:
    write = max(page.events(), key=lambda event: len(event["data"]))
    labels = {part["id"]: part["props"].get("label") for part in page.config["components"]}
    inputs = next(
        event["inputs"] for event in page.config["dependencies"] if event["id"] == write["fn_index"]
    )
    most = {"Poems": 8, "Candidates": 16}
    slow = [
        most.get(labels[part], value) for part, value in zip(inputs, write["data"], strict=True)
    ]
    heavy = [write | {"data": slow, "session_hash": f"q{i}"} for i in range(40)]
    answers = [page.ask(JOIN, one) for one in heavy]
    refused = [json.loads(text)["detail"] for status, text in answers if status == 429]
    assert refused[0] == "8 of your requests are waiting; let one of them end"
    assert {status for status, _ in answers} == {200, 429}
    assert page.ask(JOIN, write | {"session_hash": "other"}, "203.0.113.2")[0] == 200
