"""The server of the page: what it refuses, whatever stands behind it; its port; how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from poetvae.errors import ConfigError
from poetvae.web import server
from poetvae.web.middleware import Guard, Message, Receive, Send, canonical, host_of

MAX = 100
OURS = [(b"host", b"127.0.0.1:7860")]
JSON = [*OURS, (b"content-type", b"application/json")]
ROUTES = {"GET": re.compile("/|/a/[a-z]+"), "POST": re.compile("/write")}

Pairs = Sequence[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What a guarded app answered."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Inner:
    """An app that answers with what it was sent, and keeps the scopes it saw."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.seen.append(dict(scope))
        message = await receive()
        assert message["more_body"] is False
        headers = [(b"content-type", b"text/html"), (b"X-Kept", b"1"), (b"X-Frame", b"theirs")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": message["body"]})


class Asked:
    """A guard around an app that has to be reached, or must not."""

    def __init__(self, hosts: Sequence[str] = server.LOCAL, **limits: Any) -> None:
        self.inner = Inner()
        self.plain = False  # whether refusals are to be for people
        limits = {"max_body": MAX, "routes": ROUTES, **limits}
        self.guard = Guard(self.inner, hosts, **limits)

    def __call__(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Pairs = OURS,
        chunks: Sequence[bytes | float | None] = (b"",),
    ) -> Answer:
        """Ask with a body in chunks; a number waits for so many seconds, None is a hang-up."""
        sent: list[Message] = []
        parts = list(chunks)

        async def receive() -> Message:
            part = parts.pop(0) if parts else None
            if isinstance(part, float):
                await asyncio.sleep(part)
                part = parts.pop(0)
            if part is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
        asyncio.run(self.guard(scope, receive, send))
        if not sent:
            return Answer(0, {}, b"")
        start, *bodies = sent
        last = [not body.get("more_body", False) for body in bodies]
        assert last == [*[False] * (len(bodies) - 1), True]
        answer = Answer(
            start["status"],
            {name.lower(): value for name, value in start["headers"]},
            b"".join(body["body"] for body in bodies),
        )
        assert (answer.status == 200) == bool(self.inner.seen)
        self.inner.seen, self.last = [], self.inner.seen
        if answer.status != 200 and not self.plain:
            told = json.loads(answer.body)
            assert answer.headers[b"content-type"] == b"application/problem+json"
            assert told.keys() == {"title", "status", "detail"}
            assert told["status"] == answer.status
            assert int(answer.headers[b"content-length"]) == len(answer.body)
            assert answer.headers[b"connection"] == b"close"  # its body may not have been read
        return answer


def host(value: str) -> Pairs:
    """A Host header."""
    return [(b"host", value.encode("latin-1"))]


# Host


@pytest.mark.parametrize(
    "value",
    ["127.0.0.1", "127.0.0.1:7860", "localhost:1", "LocalHost", "[::1]", "[::1]:7860", "[0:0::1]"],
)
def test_its_own_names_pass_with_any_port(value: str) -> None:
    assert Asked()(headers=host(value)).status == 200


HOSTS = [
    "", ":7860", "example.com", "127.0.0.1.example.com", "localhost.example.com:7860",
    "example.com@127.0.0.1", "127.0.0.1@example.com", "127.0.0.1:", "127.0.0.1:x",
    "127.0.0.1:7860:7860", "127.0.0.1 example.com", "127.0.0.1, example.com", "127.0.0.1/",
    "127.0.0.1\r\nX: y", "127.0.0.1\n", "127.0.0.1\x00", "127.1", "0x7f000001", "2130706433",
    "::1", "[::1", "::1]", "[[::1]]", "[::1]]", "[::ffff:127.0.0.1]", "[::1%lo]", "[localhost]",
    "*", "0.0.0.0:7860", "locаlhost", "\xb9\xb2\xb7.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTS)
def test_other_hosts_are_refused(value: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        assert Asked()(headers=host(value)).status == 421
    assert Asked()(headers=[(b"host", value.encode())]).status == 421


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_host_passes_where_its_name_does(value: str) -> None:
    found = host_of(value)
    if found in server.LOCAL:
        name = value.lower()
        assert re.fullmatch(r"(127\.0\.0\.1|localhost|\[[0:]*:0*1\])(:[0-9]+)?", name), value


@settings(deadline=None)
@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_is_the_same_however_it_is_spelt(address: Any, port: int) -> None:
    spelt = f"[{address.exploded.upper()}]" if address.version == 6 else str(address)
    asked = Asked([str(address)])
    assert asked(headers=host(f"{spelt}:{port}")).status == 200
    assert canonical(spelt) == str(address)
    other = Asked([str(address + 1 if int(address) == 0 else address - 1)])
    assert other(headers=host(f"{spelt}:{port}")).status == 421


@settings(deadline=None)
@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){0,3}", fullmatch=True))
def test_a_trusted_name_is_that_name_alone(name: str) -> None:
    asked = Asked(["localhost", name.upper()])
    for same in (name, f"{name}:80", name.swapcase()):
        assert asked(headers=host(same)).status == 200
    for other in (f"x{name}", f"{name}x", f"x.{name}", f"{name}.x"):
        assert asked(headers=host(other)).status == 421


# Origin


def origin(value: str, at: str = "127.0.0.1:7860") -> Pairs:
    """A POST from a page."""
    own = (b"host", at.encode())
    return [own, (b"content-type", b"application/json"), (b"origin", value.encode("latin-1"))]


ORIGINS = [
    "null", "", "http://127.0.0.1", "http://127.0.0.1:8000", "http://localhost:7860",
    "http://example.com", "http://example.com:7860", "http://127.0.0.1:7860.example.com",
    "http://127.0.0.1:7860@example.com", "http://127.0.0.1:7860/",
    "http://127.0.0.1:7860 http://example.com", "file://127.0.0.1:7860",
    "chrome-extension://127.0.0.1:7860", "127.0.0.1:7860",
]  # fmt: skip


@pytest.mark.parametrize("value", ORIGINS)
@pytest.mark.parametrize(("method", "path"), [("POST", "/write"), ("GET", "/"), ("HEAD", "/")])
def test_other_origins_are_refused(value: str, method: str, path: str) -> None:
    assert Asked()(method, path, origin(value)).status == 403


@settings(deadline=None)
@given(st.text(st.characters(codec="latin-1"), max_size=30))
def test_no_other_text_is_an_origin_of_ours(text: str) -> None:
    for value in (text, f"http://{text}", f"http://127.0.0.1:7860{text}" if text else "x"):
        assert Asked()("POST", "/write", origin(value)).status == 403


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
        ("cross-site", "navigate", "document", 200),
        ("same-site", "navigate", "document", 200),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "script", 403),
        ("cross-site", "cors", "empty", 403),
        ("same-site", "cors", "empty", 403),
        ("nonsense", "cors", "empty", 403),
    ],
)
def test_a_link_may_lead_here_and_nothing_else_from_elsewhere(
    site: str, mode: str, dest: str, status: int
) -> None:
    fetch = [
        (f"sec-fetch-{name}".encode(), value.encode())
        for name, value in (("site", site), ("mode", mode), ("dest", dest))
    ]
    assert Asked()(headers=[*OURS, *fetch]).status == status
    posted = 200 if site in ("same-origin", "none") else 403
    assert Asked()("POST", "/write", [*JSON, *fetch]).status == posted


# Methods, paths and kinds


def told(name: str, value: str) -> tuple[bytes, bytes]:
    """A header."""
    return name.encode(), value.encode("latin-1")


OWN, NULL = told("origin", "http://127.0.0.1:7860"), told("origin", "null")
METHODS = ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "GET ", "X", ""]
LENGTHS = ["-1", "1e3", "", " 1", "0x10", "9" * 5000, "1_0", str(MAX + 1), "²"]
KINDS = {
    "application/json": 200,
    "Application/JSON; charset=utf-8": 200,
    "multipart/form-data; boundary=x": 415,
    "application/x-www-form-urlencoded": 415,
    "text/plain": 415,
    "text/plain; x=application/json": 415,
    "application/json, text/plain": 415,
    "": 415,
}
HEADS: list[tuple[str, str, Pairs, int]] = [
    # There is exactly one Host, and at most one Origin.
    *(("GET", "/", headers, 421) for headers in ([], [*OURS, *OURS], [*OURS, (b"host", b"x")])),
    ("GET", "/", [told("x-forwarded-host", "localhost")], 421),
    *(
        ("POST", "/write", [*JSON, one], 200)
        for one in (OWN, told("origin", "https://127.0.0.1:7860"))
    ),
    *(("POST", "/write", [*JSON, OWN, other], 403) for other in (OWN, NULL)),
    # A route is of one method, and HEAD goes with GET.
    *((method, "/write", JSON, 405) for method in METHODS),
    ("HEAD", "/a/b", OURS, 200),
    ("GET", "/write", OURS, 405),
    ("HEAD", "/write", OURS, 405),
    ("POST", "/", JSON, 405),
    ("POST", "/x", JSON, 404),
    ("PUT", "/x", JSON, 405),
    # A POST is JSON, says so once, and has a length, if it tells one.
    *(("POST", "/write", [*OURS, told("content-type", kind)], n) for kind, n in KINDS.items()),
    ("POST", "/write", OURS, 415),
    ("POST", "/write", [*JSON, told("content-type", "text/plain")], 415),
    *(("POST", "/write", [*JSON, told("content-length", length)], 413) for length in LENGTHS),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), HEADS)
def test_what_the_head_of_a_request_tells(
    method: str, path: str, headers: Pairs, status: int
) -> None:
    answer = Asked()(method, path, headers)
    assert answer.status == status
    if status == 405:
        allowed = {"/write": b"POST", "/": b"GET, HEAD"}
        assert answer.headers[b"allow"] == allowed.get(path, b"GET, POST, HEAD")


def test_a_refusal_is_told_to_people_and_in_their_language() -> None:
    answer = Asked()("GET", "/x", [*OURS, told("accept-language", "zh-TW, en;q=0.5")])
    assert answer.headers[b"content-language"] == b"zh-TW"
    assert json.loads(answer.body)["detail"] == "沒有這一頁"
    asked = Asked()
    asked.plain = True
    answer = asked("GET", "/x", [*OURS, told("accept", "text/html,*/*;q=0.8")])
    assert answer.headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert answer.body == b"there is no such page\n"


FORBIDDEN = [
    "/gradio_api/upload", "/gradio_api/upload/", "//gradio_api/upload", "/gradio_api//upload",
    "/gradio_api/x/../upload", "/gradio_api/queue/../upload", "/gradio_api/Upload",
    "/gradio_api/upload_progress", "/gradio_api/file=/etc/passwd", "/gradio_api/file=etc/passwd",
    "/gradio_api/file/etc/passwd", "/file=/etc/passwd", "/gradio_api/proxy=http://example.com",
    "/gradio_api/stream/x", "/gradio_api/component_server", "/gradio_api/process_recording",
    "/gradio_api/custom_component/a/client/component/index.js", "/gradio_api/vibe-edit",
    "/gradio_api/run/predict", "/gradio_api/runs", "/gradio_api/deep_link",
    "/gradio_api/dev/reload", "/gradio_api/token", "/login", "/logout", "/monitoring", "/docs",
    "/openapi.json", "/assets", "/assets/", "/assets/../routes.py", "/assets/x/../../routes.py",
    "/assets/..", "/assets/.hidden", "/assets//etc/passwd", "/assets/x\\..\\y", "/assets/x\n",
    "/assets/x\x00.js", "/static/../../../etc/passwd", "/health/", "/health\n",
    "http://127.0.0.1/health", "", "/gradio_api/queue/join", "/gradio_api/call/write",
    "/gradio_api/call/a/b/c", "/gradio_api/heartbeat/\u0663",
]  # fmt: skip


@pytest.mark.parametrize("path", FORBIDDEN)
def test_the_page_has_no_way_to_files(path: str) -> None:
    for at in ("", "/zh-TW/chinese", "/zh-XX/chinese", "/zh-CN/a b"):
        posted = at + path == "/zh-TW/chinese/gradio_api/queue/join"
        if path and not re.fullmatch(r"/\w+", at + path):  # which may be a model's name
            found = Asked(routes=server.ROUTES)("GET", at + path).status
            assert found == (405 if posted else 404)
        if not posted:
            assert Asked(routes=server.ROUTES)("POST", at + path, JSON).status in (404, 405)


# Bodies


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("pieces", [1, 3, MAX + 1])
@pytest.mark.parametrize(("size", "status"), [(0, 200), (MAX, 200), (MAX + 1, 413), (9 * MAX, 413)])
def test_a_body_has_a_greatest_size(says: bool, pieces: int, size: int, status: int) -> None:
    body = bytes(i % 251 for i in range(size))
    step = max(1, -(-size // pieces))
    chunks = [body[i : i + step] for i in range(0, size, step)] or [b""]
    length = [(b"content-length", str(size).encode())] if says else []
    answer = Asked()("POST", "/write", [*JSON, *length], chunks)
    assert answer.status == status
    if status == 200:
        assert answer.body == body


def test_a_length_that_lies_does_not_help() -> None:
    headers = [*JSON, (b"content-length", b"1")]
    assert Asked()("POST", "/write", headers, [b"x" * (MAX + 1)]).status == 413


def test_a_slow_body_is_given_up() -> None:
    began = time.monotonic()
    assert Asked(seconds=0.05)("POST", "/write", JSON, [b"{", 30.0, b"}"]).status == 408
    drip = [part for _ in range(20) for part in (b"x", 0.02)]
    assert Asked(seconds=0.05)("POST", "/write", JSON, [*drip, b""]).status == 408
    assert time.monotonic() - began < 5


def test_a_client_that_leaves_is_left_alone() -> None:
    assert Asked()("POST", "/write", JSON, [b"{", None]).status == 0


# What is passed on


def test_answers_are_dressed() -> None:
    asked = Asked(headers={"X-Frame": "ours", "X-Content-Type-Options": "nosniff"})
    for answer in (asked(), asked(headers=host("example.com"))):
        assert answer.headers[b"x-frame"] == b"ours"
        assert answer.headers[b"x-content-type-options"] == b"nosniff"
    assert asked().headers[b"x-kept"] == b"1"


def test_a_forwarded_host_is_not_passed_on() -> None:
    asked = Asked()
    asked(headers=[*OURS, (b"x-forwarded-host", b"example.com"), (b"x-forwarded-proto", b"https")])
    assert asked.last[0]["headers"] == [*OURS, (b"x-forwarded-proto", b"https")]


def test_an_app_learns_that_its_client_left() -> None:
    seen = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.extend([await receive(), await receive()])

    asked = Asked()
    asked.guard.app = app
    asked()
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]


def test_websockets_are_closed_and_the_lifespan_is_passed_on() -> None:
    sent: list[Message] = []
    reached: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        reached.append(scope["type"])

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    guard = Guard(app, server.LOCAL)
    asyncio.run(guard({"type": "websocket", "path": "/", "headers": OURS}, receive, send))
    assert (sent, reached) == ([{"type": "websocket.close", "code": 1008}], [])
    asyncio.run(guard({"type": "lifespan"}, receive, send))
    assert reached == ["lifespan"]


def test_the_inline_scripts_of_the_page_are_named_and_no_others() -> None:
    html = b'<html lang="en"><script>a</script><p onclick=x><script type=module src=b></script>'
    html += b"<script\nx>c\n</script>"

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert all(name != b"accept-encoding" for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": html[:20], "more_body": True})
        await send({"type": "http.response.body", "body": html[20:]})

    asked = Asked()
    asked.guard.app, passed = server.Policy(app), [*OURS, (b"accept-encoding", b"br")]
    asked.inner.seen = [{}]
    asked.guard.routes = server.ROUTES
    answer = asked("GET", "/zh-TW/chinese/", passed)
    assert answer.body == html.replace(b"en", b"zh-TW")
    (scripts,) = re.findall(rb"script-src ([^;]*)", answer.headers[b"content-security-policy"])
    a = b"'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='"
    assert scripts.split()[:3] == [b"'self'", b"'unsafe-eval'", a]
    assert len(scripts.split()) == 4


# A server of its own

SERVER = """
import asyncio, sys, time
from poetvae.web import server
from poetvae.web.middleware import Guard

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    body = (await receive())["body"]
    path = scope["path"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": path.encode() + body, "more_body": True})
    while path == "/stream":
        await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": b".", "more_body": True})
    if path == "/hang":
        await asyncio.to_thread(time.sleep, 60)
    await send({"type": "http.response.body", "body": b""})

class Site(server.Site):
    def guarded(self, hosts):
        return Guard(app, hosts, max_body=100, seconds=0.5)

server.HEAD_SECONDS, server.STOP_SECONDS = 0.5, 1
host, port, *trust = sys.argv[1:]
try:
    server.serve(Site(app, {}, 0, ("/", b"")), host, int(port), trust=trust)
except KeyboardInterrupt:
    sys.exit(130)
"""


class Running(NamedTuple):
    """A server that runs."""

    process: subprocess.Popen[str]
    url: str
    port: int

    def end(self, signum: int) -> tuple[int, float, str, str]:
        """Stop it: its code, how long that took, what it said further."""
        began = time.monotonic()
        self.process.send_signal(signum)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, time.monotonic() - began, out, err

    def raw(self, request: bytes, wait: float = 5.0) -> bytes:
        """What comes back for these bytes until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as link:
            link.sendall(request)
            return received(link)


def received(link: socket.socket) -> bytes:
    """All that comes until the end."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := link.recv(65536):
            answer += part
    return answer


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """A server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        url = process.stdout.readline().strip()
        try:
            assert url, process.communicate()[1]
            yield Running(process, url, int(url.rpartition(":")[2]))
        finally:
            process.kill()


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    """A server that all may ask."""
    with running("127.0.0.1", "0", "poems.example") as found:
        yield found


def head(line: str, *headers: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([line, *headers, "", ""]).encode("latin-1")


def test_it_answers_where_it_says(site: Running) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", site.url)
    for name in ("127.0.0.1", "localhost", "poems.example", "[::1]:7"):
        answer = site.raw(head("GET /x HTTP/1.1", f"Host: {name}", "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"/x" in answer
        assert b"uvicorn" not in answer


LOCAL = "Host: localhost"
CHUNKED = "Transfer-Encoding: chunked"
TYPE = "Content-Type: application/json"
UPGRADE = ["Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
UPGRADE += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (head("GET / HTTP/1.1", "Host: example.com"), {421}),
        (head("GET / HTTP/1.1"), {400}),
        (head("GET / HTTP/1.0"), {421}),
        (head("GET / HTTP/1.1", LOCAL, "Host: example.com"), {400}),
        (head("GET / HTTP/1.1", LOCAL, LOCAL), {400}),
        (head("GET / HTTP/1.1", "Host: example.com\r\n\tlocalhost"), {400, 421}),
        (head("GET http://example.com/ HTTP/1.1", "Host: example.com"), {421}),
        (head("GET / HTTP/1.1", LOCAL, "Origin: null"), {403}),
        (head("GET / HTTP/1.1", LOCAL, "X: a\rb"), {400}),
        (head("GET / HTTP/1.1", LOCAL, "X : y"), {400}),
        (head("GET / HTTP/1.1", LOCAL, f"X: {'y' * 2_000_000}"), {0, 400}),
        (head("PUT / HTTP/1.1", LOCAL), {405}),
        (head("OPTIONS * HTTP/1.1", LOCAL), {405}),
        (b"\x16\x03\x01\x02\x00\x01\x00", {400}),
        (b"\x00" * 999 + b"\r\n\r\n", {400}),
        (head("POST / HTTP/1.1", LOCAL, TYPE, "Content-Length: -1"), {400}),
        (head("POST / HTTP/1.1", LOCAL, TYPE, "Content-Length: 3", "Content-Length: 4"), {400}),
        (head("POST / HTTP/1.1", LOCAL, TYPE, "Content-Length: 101"), {413}),
        (head("POST / HTTP/1.1", LOCAL, TYPE, "Content-Length: 99"), {408}),
        (head("POST / HTTP/1.1", LOCAL, TYPE, CHUNKED) + b"65\r\n" + b"x" * 101, {413}),
        (head("POST / HTTP/1.1", LOCAL, TYPE, CHUNKED) + b"2\r\nxx\r\n", {408}),
        (head("POST / HTTP/1.1", LOCAL, TYPE, CHUNKED) + b"nonsense\r\n", {0, 400}),
        (head("GET /ws HTTP/1.1", LOCAL, *UPGRADE), {200}),
    ],
    ids=lambda value: ascii(value[:60]) if isinstance(value, bytes) else "",
)
def test_what_comes_over_the_wire(site: Running, request_: bytes, statuses: set[int]) -> None:
    answer = site.raw(request_)
    assert b"Traceback" not in answer
    assert int(answer[9:12] or b"0") in statuses


@pytest.mark.parametrize("says", [True, False])
def test_the_refusal_of_a_great_body_arrives(site: Running, says: bool) -> None:
    size = 10_000_000
    body = b"x" * size if says else b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
    length = f"Content-Length: {size}" if says else CHUNKED
    assert site.raw(head("POST / HTTP/1.1", LOCAL, TYPE, length) + body)[9:12] == b"413"


def test_a_second_request_does_not_hide_in_the_first(site: Running) -> None:
    inner = head("GET /hidden HTTP/1.1", "Host: example.com")
    outer = head("POST /x HTTP/1.1", LOCAL, TYPE, "Content-Length: 4", CHUNKED)
    answer = site.raw(outer + b"0\r\n\r\n" + inner)
    assert b"hidden" not in answer


@pytest.mark.parametrize("sent", [b"", b"GET / HT", head("GET / HTTP/1.1", LOCAL)[:-2]])
def test_a_head_that_does_not_come_is_given_up(site: Running, sent: bytes) -> None:
    began = time.monotonic()
    assert site.raw(sent) == b""
    whole = head("GET / HTTP/1.1", LOCAL)
    assert site.raw(whole + sent).startswith(b"HTTP/1.1 200 OK")
    assert time.monotonic() - began < 4


def test_a_stream_outlives_the_time_for_a_head(site: Running) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=5) as link:
        link.sendall(head("GET /stream HTTP/1.1", LOCAL))
        time.sleep(1.0)
        link.setblocking(False)
        assert len(link.recv(65536)) > 100
        time.sleep(0.2)
        assert link.recv(65536)


def test_the_next_free_port_is_taken_and_ctrl_c_ends_its_streams() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running("127.0.0.1", str(port)) as other:
            assert port < other.port <= port + 10
            code, seconds, out, err = end_while(other, "/stream", signal.SIGINT)
    assert (code, out) == (130, "")
    assert seconds < 2
    assert err.splitlines() == [f"port {port} is taken; using {other.port}", "stop it with Ctrl-C"]


def test_no_port_is_free_in_eleven(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def bind(self: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[1])
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(ConfigError, match="ports 7860 to 7870 are taken; give another --port"):
        server.listen("127.0.0.1", 7860)
    assert tried == list(range(7860, 7871))
    with pytest.raises(ConfigError, match="ports 65530 to 65535 are taken"):
        server.listen("127.0.0.1", 65530)


def test_hosts_that_are_not_here() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1, port 7860 [(]"):
        server.listen("192.0.2.1", 7860)
    for name in ("no such host", "", "a" * 70, "\x00"):
        with pytest.raises(ConfigError, match="is not known here; try"):
            server.listen(name, 7860)


def test_other_machines_are_warned_of_and_sigterm_ends_what_hangs() -> None:
    with running("0.0.0.0", "0", "poems.example") as found:
        assert found.url == f"http://127.0.0.1:{found.port}"
        answer = found.raw(head("GET / HTTP/1.1", "Host: poems.example", "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        code, seconds, out, err = end_while(found, "/hang", signal.SIGTERM)
    assert (code, out) == (143, "")
    assert seconds < 4
    port, warning, stop = err.splitlines()
    assert warning.startswith("warning: open to other machines, without a password")
    assert "poems.example" in warning
    assert (port, stop) == (f"port {found.port}", "stop it with Ctrl-C")


def end_while(found: Running, path: str, signum: int) -> tuple[int, float, str, str]:
    """Stop a server that is in the middle of three answers."""
    with contextlib.ExitStack() as links:
        for _ in range(3):
            link = socket.create_connection(("127.0.0.1", found.port), timeout=5)
            links.enter_context(link)
            link.sendall(head(f"GET {path} HTTP/1.1", LOCAL))
            assert link.recv(10)
        return found.end(signum)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_there_is_a_server_ends_it_too(
    monkeypatch: pytest.MonkeyPatch, signum: int, code: int
) -> None:
    def early(line: str, **options: Any) -> None:
        if "file" not in options:  # the URL: from then on the user may want it to end
            os.kill(os.getpid(), signum)

    site = server.Site(Starlette(), server.ROUTES, MAX, ("/", b""))
    monkeypatch.setattr("builtins.print", early)
    with pytest.raises((KeyboardInterrupt, SystemExit)) as ended:
        server.serve(site, port=0)
    assert getattr(ended.value, "code", 130) == code


@pytest.mark.parametrize("library", ["uvicorn", "uvicorn.protocols.http.h11_impl"])
def test_without_its_libraries_there_is_a_line(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "poetvae.web.server")
    with pytest.raises(ConfigError, match=r"a server needs uvicorn: pip install 'poetvae\[demo\]'"):
        importlib.import_module("poetvae.web.server")
