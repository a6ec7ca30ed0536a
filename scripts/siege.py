"""Is the page there for those who ask, whatever others send it?

    python scripts/siege.py --rounds 3 --publish docs/results.md
    python scripts/siege.py --model my-poet --only write --only slow

Starts `poetvae demo` and lets 20 clients at it at once, 200 requests a round, half of them hostile
(see `HOSTILE`); each answer is checked. The memory of the server is read after each 50 answers. In
the end it is told to stop while all clients wait for poems. The exit code is 1 where one answer was
not as it should be. A round is a function of the seed and its number.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import click
from common import publish, table

CLIENTS, REQUESTS, EVERY = 20, 200, 50
GREAT = 10_000_000  # bytes
PATIENCE = 300.0  # seconds
JSON = {"Content-Type": "application/json"}
JOIN, DATA = "/gradio_api/queue/join", "/gradio_api/queue/data?session_hash="
MARKUP = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</p><svg onload=a()>")


class WrongError(Exception):
    """An answer that is not as it should be."""


def check(right: bool, why: str) -> None:
    """Raise WrongError where it is not right."""
    if not right:
        raise WrongError(why)


@dataclass
class Answer:
    """What came back: a status (0 = the connection was closed without one), and all the rest."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass
class Site:
    """The page under siege, as it describes itself."""

    process: subprocess.Popen[str]
    port: int
    config: dict[str, Any]

    @property
    def host(self) -> str:
        """What a browser sends as Host."""
        return f"127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(link):
            link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            sent = {"Host": self.host, **(headers or {})}
            if isinstance(body, bytes):
                sent["Content-Length"] = str(len(body))
            elif body is not None:
                sent["Transfer-Encoding"] = "chunked"
            for name, value in sent.items():
                link.putheader(name, value)
            with contextlib.suppress(ConnectionError):  # it may answer before all is sent
                link.endheaders(body, encode_chunked=not isinstance(body, bytes))
            got = link.getresponse()
            found = Answer(got.status, dict(got.getheaders()), got.read().decode())
        check("Traceback" not in found.text, "a traceback")
        names = {name.lower(): value for name, value in found.headers.items()}
        if found.status != 400:  # which uvicorn gives to what is no HTTP
            check(names.get("x-content-type-options") == "nosniff", "no nosniff")
        return found

    def raw(self, data: bytes) -> Answer:
        """What comes for these bytes until the connection is closed."""
        found = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as link:
            link.sendall(data)
            with contextlib.suppress(ConnectionError):
                while part := link.recv(65536):
                    found += part
        return Answer(int(found[9:12] or b"0"), {}, found.decode(errors="replace"))

    def event(self, button: str, **values: Any) -> dict[str, Any]:
        """What a press of this button sends: the values of its inputs, some of them by label."""
        parts = {part["id"]: part for part in self.config["components"]}
        for event in self.config["dependencies"]:
            (source, kind), *_ = event["targets"]
            if kind == "click" and parts[source]["props"].get("value") == button:
                break
        else:
            raise click.ClickException(f"the page has no button {button!r}")
        inputs = [parts[i]["props"] for i in event["inputs"]]
        labels = [props.get("label") for props in inputs]
        if missing := values.keys() - set(labels):
            raise click.ClickException(f"{button!r} has no inputs {missing}; it has {labels}")
        data = [values.get(str(props.get("label")), props.get("value")) for props in inputs]
        return {
            "data": data,
            "event_data": None,
            "fn_index": event["id"],
            "trigger_id": source,
            "session_hash": f"{random.getrandbits(48):x}",
        }

    def press(self, button: str, **values: Any) -> tuple[bool, str]:
        """Press a button as the page does: whether that went well, and the HTML that came."""
        event = self.event(button, **values)
        joined = self.ask("POST", JOIN, json.dumps(event).encode(), JSON)
        check(joined.status == 200, f"{joined.status}: {joined.text[:200]}")
        stream = self.ask("GET", DATA + event["session_hash"])
        kind = {name.lower(): value for name, value in stream.headers.items()}["content-type"]
        check(kind.startswith("text/event-stream"), f"events of type {kind}")
        events = [json.loads(line[6:]) for line in stream.text.splitlines() if line[:5] == "data:"]
        ended = [event for event in events if event["msg"] == "process_completed"]
        check(len(ended) == 1, f"no end: {stream.text[:300]}")
        output = ended[0]["output"]
        if ended[0]["success"]:
            return True, str(output["data"][0] if button != "Write the rest" else output["data"][1])
        return False, str(output.get("error"))

    def forms(self) -> list[str]:
        """The forms that the page offers."""
        (menu, *_) = [
            part["props"]["choices"]
            for part in self.config["components"]
            if part["props"].get("label") == "Form"
        ]
        return [value for _, value in menu]

    def memory(self) -> float:
        """Resident memory of the server in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1000


# Those who ask for something


def verses(html: str) -> list[list[str]]:
    """The lines of the poems in a piece of the page, without punctuation."""
    poems = re.findall(r'<p class="verses"[^>]*>(.*?)</p>', html, re.DOTALL)
    plain = [unescape(re.sub(r"<[^>]+>", "", poem)) for poem in poems]
    return [[line for line in re.split(r"[，。\s]+", poem) if line] for poem in plain]


def write(site: Site, rng: random.Random) -> None:
    """poems of the form, count, first line and acrostic that were asked for"""
    form, n = rng.choice(site.forms()), rng.randint(1, 3)
    chars, lines = map(int, form.split("x"))
    conditions: dict[str, Any] = rng.choice(
        [{}, {"First line": "山月臨窗白溪風"[:chars]}, {"Acrostic": "山水"}, {"Candidates": 4}]
    )
    well, html = site.press("Write", Form=form, Poems=n, **conditions)
    check(well, html)
    poems = verses(html)
    check(len(poems) == n, f"{len(poems)} poems, not {n}")
    for poem in poems:
        check([len(line) for line in poem] == [chars] * lines, f"{poem} is not {form}")
        check(poem[0].startswith(conditions.get("First line", "")), f"{poem} begins otherwise")
        heads = "".join(line[0] for line in poem)
        check(heads.startswith(conditions.get("Acrostic", "")), f"{poem} is no acrostic")


def rest(site: Site, rng: random.Random) -> None:
    """a line gets its partner: it opens each of the poems offered"""
    line = rng.choice(["山月臨窗白", "春水到門清"])
    well, html = site.press("Write the rest", Poem=line)
    check(well and line in html, html[:300])


def walk(site: Site, rng: random.Random) -> None:
    """as many poems as steps"""
    steps = rng.randint(3, 9)
    well, html = site.press("Walk", **{"Poems on the way": steps})
    check(well, html)
    found = len(re.findall(r"data-step=", html))
    check(found == steps, f"{found} steps, not {steps}")


def score(site: Site, rng: random.Random) -> None:
    """a row for each poem"""
    lines = ["山月臨窗白，溪風入座清。", "白日依山盡，黃河入海流。", "春眠不覺曉，處處聞啼鳥。"]
    asked = rng.sample(lines, rng.randint(1, 3))
    well, html = site.press("Score", **{"Poems, one a line": "\n".join(asked)})
    check(well, html)
    found = len(re.findall(r"<tr", html)) - len(re.findall(r"<thead", html))
    check(found == len(asked), f"{found} rows, not {len(asked)}: {html[:300]}")


def assets(site: Site, rng: random.Random) -> None:
    """the page with its scripts named by hash, its configuration, its style, /health"""
    path = rng.choice(["/", "/config", "/theme.css", "/health"])
    got = site.ask("GET", path)
    check(got.status == 200, f"{path}: {got.status}")
    if path == "/":
        policy = {k.lower(): v for k, v in got.headers.items()}["content-security-policy"]
        check("'sha256-" in policy and "script-src 'self' 'unsafe-inline'" not in policy, policy)


# Those who do not


def refused(got: Answer, *statuses: int) -> None:
    """One of these statuses, in a line of plain text."""
    check("Traceback" not in got.text, "a traceback")
    check(got.status in statuses, f"{got.status}, not {statuses}: {got.text[:200]}")
    check(len(got.text) < 500, "a long refusal")


def foreign_host(site: Site, rng: random.Random) -> None:
    """421: a name that is not the server's, as of DNS rebinding"""
    host = rng.choice(["evil.example", f"evil.example:{site.port}", "127.0.0.1.evil.example", ""])
    event = json.dumps(site.event("Write")).encode()
    headers = {**JSON, "Host": host, "X-Forwarded-Host": site.host}
    refused(site.ask("POST", JOIN, event, headers), 421)
    refused(site.ask("GET", "/config", headers={"Host": host}), 421)


def foreign_origin(site: Site, rng: random.Random) -> None:
    """403: a request from a page of another origin"""
    origin = rng.choice(
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": f"http://localhost:{site.port}"},
            {"Origin": "http://127.0.0.1:1"},
            {"Sec-Fetch-Site": "cross-site"},
        ]
    )
    event = json.dumps(site.event("Write")).encode()
    refused(site.ask("POST", JOIN, event, {**JSON, **origin}), 403)


def great_body(site: Site, rng: random.Random) -> None:
    """413: 10 MB, of a length that was told or in chunks"""
    event = site.event("Write", **{"First line": "山" * (GREAT // 3)})
    body = json.dumps(event, ensure_ascii=False).encode()
    parts = (body[i : i + 65536] for i in range(0, len(body), 65536))
    refused(site.ask("POST", JOIN, body if rng.random() < 0.5 else parts, JSON), 413)


WRONG: list[dict[str, Any]] = [
    {"First line": {"a": 1}},
    {"Keyword": ["山", ["水"]]},
    {"Acrostic": 7},
    {"First line": "山" * 5000},
    {"First line": "\ud800"},
    {"First line": "\x00\u202e" * 9},
    {"Form": "9x9"},
    {"Form": "../../etc/passwd"},
    {"Form": ["5x2"]},
    {"Rhyme class": {"path": "/etc/passwd"}},
    {"Poems": "many"},
    {"Poems": -1},
    {"Poems": 0},
    {"Poems": 10**9},
    {"Poems": 1e308},
    {"Poems": 1.5},
    {"Poems": None},
    {"Poems": float("nan")},
    {"Poems": float("inf")},
    {"Candidates": 10**6},
    {"Poems": 8, "Candidates": 64},
    {"Temperature": float("nan")},
    {"Temperature": -1},
    {"Temperature": True},
    {"Temperature": "0.8"},
    {"Seed": -1},
    {"Seed": 2**64},
    {"Seed": float("-inf")},
    {"Passes": 10**9},
    {"Characters": "klingon"},
]


def wrong_values(site: Site, rng: random.Random) -> None:
    """an error of one line: values of another type, not among the choices, NaN, out of bounds"""
    values = rng.choice(WRONG)
    well, text = site.press("Write", **values)
    check(not well, f"{values} was taken: {text[:200]}")
    check(len(text) < 2000 and "\n" not in text, f"a long error: {text[:500]}")  # choices are named


def markup(site: Site, rng: random.Random) -> None:
    """no text comes back as markup"""
    text = rng.choice(MARKUP)
    button, label = rng.choice(
        [
            ("Write", "First line"),
            ("Write", "Acrostic"),
            ("Revise", "Poem"),
            ("Write the rest", "Poem"),
            ("Walk", "From"),
            ("Score", "Poems, one a line"),
        ]
    )
    _, html = site.press(button, **{label: text})
    check(not re.search(r"<(script|img|svg onload)", html), f"{button}: {html[:300]}")


def broken(site: Site, rng: random.Random) -> None:
    """4xx, or an error of one line: broken JSON, an event that there is not, too few values"""
    event = site.event("Write")
    body = rng.choice(
        [
            b"",
            b"{",
            b"\xff\xfe",
            b"null",
            b"[]",
            b"[" * 60_000,
            b'{"data": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
            json.dumps({**event, "session_hash": None}).encode(),
            json.dumps({**event, "fn_index": "x"}).encode(),
            json.dumps({**event, "fn_index": [0]}).encode(),
            json.dumps({**event, "data": {"a": 1}}).encode(),
        ]
    )
    got = site.ask("POST", JOIN, body, JSON)
    check(400 <= got.status < 500, f"{got.status} to {body[:60]!r}: {got.text[:200]}")


def files(site: Site, rng: random.Random) -> None:
    """404: files of the machine, by any spelling"""
    path = rng.choice(
        [
            "/gradio_api/file=/etc/passwd",
            "/gradio_api/file%3D/etc/passwd",
            "/gradio_api/file=%2fetc%2fpasswd",
            "/gradio_api/file=..%2f..%2f..%2fetc%2fpasswd",
            "/gradio_api/file/etc/passwd",
            "//gradio_api//file=/etc/passwd",
            "/gradio_api/%66ile=/etc/passwd",
            "/assets/../../../../../../etc/passwd",
            "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd",
            "/assets/%2e%2e/%2e%2e/etc/passwd",
            "/static/....//....//etc/passwd",
            "/static/%5c..%5c..%5cetc",
            "/gradio_api/proxy=http://169.254.169.254/",
            "/gradio_api/custom_component/x/client/component/..%2f..%2fx",
            "/gradio_api/stream/x/y/z/playlist-file",
            "/svelte/..%2f..%2fetc%2fpasswd",
        ]
    )
    refused(site.ask("GET", path), 404)


def uploads(site: Site, rng: random.Random) -> None:
    """404 or 415: no route takes a file"""
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.html"\r\n\r\n'
    path = rng.choice(
        [
            "/gradio_api/upload",
            "/gradio_api/upload?upload_id=x",
            "/gradio_api/%75pload",
            "//gradio_api/upload",
            "/gradio_api/x/..%2fupload",
            "/gradio_api/component_server",
            "/gradio_api/process_recording",
            JOIN,
        ]
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(site.ask("POST", path, form + b"<b>\r\n--x--", kind), 415 if path == JOIN else 404)


def methods(site: Site, rng: random.Random) -> None:
    """405: any other method"""
    method = rng.choice(["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
    refused(site.ask(method, rng.choice(["/", JOIN, "/config"])), 405)


def slow(site: Site, rng: random.Random) -> None:
    """408 to a body that does not come, no answer to a head that does not, after 10 s"""
    head = f"POST {JOIN} HTTP/1.1\r\nHost: {site.host}\r\nContent-Type: application/json\r\n"
    if rng.random() < 0.5:
        refused(site.raw(f'{head}Content-Length: 99\r\n\r\n{{"da'.encode()), 408)
    else:
        refused(site.raw(head.encode()), 0)


def no_http(site: Site, rng: random.Random) -> None:
    """400 or nothing: bytes that are no HTTP, two lengths, two hosts, a head of 2 MB"""
    head = f"GET / HTTP/1.1\r\nHost: {site.host}\r\n"
    data = rng.choice(
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"\x00" * 999 + b"\r\n\r\n",
            f"{head}Host: evil.example\r\n\r\n".encode(),
            f"{head}Content-Length: 3\r\nContent-Length: 4\r\n\r\n".encode(),
            f"{head}Content-Length: -1\r\n\r\n".encode(),
            f"{head}X: {'y' * 2_000_000}\r\n\r\n".encode(),
        ]
    )
    with contextlib.suppress(ConnectionError):
        refused(site.raw(data), 400, 0)


def leave(site: Site, rng: random.Random) -> None:
    """200 at /health after a client that asked for a poem and left"""
    event = site.event("Write", Poems=1)
    site.ask("POST", JOIN, json.dumps(event).encode(), JSON)
    if rng.random() < 0.5:
        with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as link:
            path = DATA + event["session_hash"]
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
            link.recv(100)
    check(site.ask("GET", "/health").status == 200, "no health")


Kind = Callable[[Site, random.Random], None]
GOOD: dict[Kind, int] = {write: 50, rest: 10, walk: 10, score: 10, assets: 20}
HOSTILE: dict[Kind, int] = {
    foreign_host: 10,
    foreign_origin: 10,
    great_body: 8,
    wrong_values: 16,
    markup: 12,
    broken: 10,
    files: 8,
    uploads: 6,
    methods: 4,
    slow: 4,
    no_http: 6,
    leave: 6,
}


@dataclass
class Record:
    """What became of the requests."""

    site: Site
    lock: threading.Lock = field(default_factory=threading.Lock)
    seconds: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: Counter[Kind] = field(default_factory=Counter)
    memory: list[tuple[int, float]] = field(default_factory=list)
    answers: int = 0

    def __call__(self, kind: Kind, rng: random.Random) -> None:
        """Send one request of a kind and check what comes."""
        began, problem = time.monotonic(), ""
        try:
            kind(self.site, rng)
        except WrongError as error:
            problem = str(error)
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            problem = f"{type(error).__name__}: {error}"
        with self.lock:
            self.seconds[kind].append(time.monotonic() - began)
            self.answers += 1
            if problem:
                self.wrong[kind] += 1
                click.echo(f"wrong: {kind.__name__}: {problem}", err=True)
            if self.answers % EVERY == 0:
                self.memory.append((self.answers, self.site.memory()))
                click.echo(f"{self.answers} answers, {self.memory[-1][1]:.0f} MB", err=True)

    def tables(self) -> str:
        """Markdown: the kinds, and the memory."""
        rows = []
        for kind in [*GOOD, *HOSTILE]:
            if times := sorted(self.seconds[kind]):
                late = times[min(len(times) - 1, int(0.95 * len(times)))]
                rows.append(
                    [
                        kind.__name__.replace("_", " "),
                        str(len(times)),
                        str(self.wrong[kind]),
                        f"{statistics.median(times):.2f}",
                        f"{late:.2f}",
                        str(kind.__doc__),
                    ]
                )
        counts, sizes = zip(*self.memory, strict=True)
        first = table(["request", "sent", "wrong", "median s", "95 % s", "the right answer"], rows)
        second = table(["answers", *map(str, counts)], [["MB", *(f"{size:.0f}" for size in sizes)]])
        return f"{first}\n\n{second}"


@contextlib.contextmanager
def besieged(model: str | None, log: Path) -> Iterator[Site]:
    """The page on a port of its own."""
    line = [sys.executable, "-m", "poetvae", "demo", "--port", "0"]
    line += ["--model", model] if model else []
    with (
        log.open("wb") as err,
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=err, text=True) as process,
    ):
        assert process.stdout
        url = process.stdout.readline().strip()
        if not url:
            raise click.ClickException(f"the page did not start: {log.read_text('utf-8')}")
        site = Site(process, int(url.rpartition(":")[2]), {})
        try:
            site.config = json.loads(site.ask("GET", "/config").text)
            yield site
        finally:
            process.kill()


def stop(site: Site, rng: random.Random) -> tuple[float, int]:
    """SIGTERM while all clients wait for poems: the seconds until the end, and the exit code."""

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, WrongError, ValueError):
            site.press("Write", Poems=8, Candidates=16)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(CLIENTS):
            clients.submit(ask)
        time.sleep(1)
        began = time.monotonic()
        site.process.send_signal(signal.SIGTERM)
        code = site.process.wait(60)
        return time.monotonic() - began, code


@click.command()
@click.option("--model", help="Run or model folder; absent: the weights that come with poetvae.")
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--only", multiple=True, help="Requests of this kind alone; can repeat.")
@click.option("--publish", "path", type=click.Path(path_type=Path), help="Put the tables there.")
def main(
    model: str | None, rounds: int, seed: int, only: tuple[str, ...], path: Path | None
) -> None:
    """Besiege the page of a model."""
    mix = [kind for kind, n in {**GOOD, **HOSTILE}.items() for _ in range(n)]
    assert len(mix) == REQUESTS
    if only:
        mix = [kind for kind in mix if kind.__name__ in only]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "stderr"
        with besieged(model, log) as site:
            record = Record(site)
            before = site.memory()
            record.memory.append((0, before))
            for number in range(rounds):
                rng = random.Random(f"{seed} {number}")
                rng.shuffle(mix)
                with ThreadPoolExecutor(CLIENTS) as clients:
                    for kind in mix:
                        clients.submit(partial(record, kind, random.Random(rng.random())))
            seconds, code = stop(site, random.Random(seed))
        told = log.read_text("utf-8", errors="replace")
    tracebacks = told.count("Traceback (most recent call last)")
    wrong = sum(record.wrong.values())
    end = (
        f"{record.answers} requests from {CLIENTS} clients at once, {wrong} answered wrongly,"
        f" {tracebacks} tracebacks on stderr, none in an answer. SIGTERM while {CLIENTS} clients"
        f" waited for poems: exit {code} after {seconds:.1f} s."
    )
    publish(path, "siege", f"{record.tables()}\n\n{end}")
    if wrong:
        click.echo(told[-6000:], err=True)
    if wrong or code != 143 or seconds > 5:
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
