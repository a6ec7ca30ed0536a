"""Is the page there for those who ask, whatever others send it?

    python scripts/stress/siege.py --rounds 3 --publish docs/results.md
    python scripts/stress/siege.py --model my-poet --only write --only slow

Starts `poetvae demo` and lets 20 clients at it at once, 200 requests a round, half of them hostile;
each answer is checked. The memory of the server is read after each 50 answers. In the end it is
told to stop while all clients wait for poems. The exit code is 1 where one answer was not as it
should be. A round is a function of the seed and its number.
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
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import click
from checks import WrongError, check, publish, table

CLIENTS, EVERY = 20, 50
PATIENCE = 300.0  # seconds
JOIN, DATA = "/gradio_api/queue/join", "/gradio_api/queue/data?session_hash="


@dataclass
class Answer:
    """What came back: a status (0 = the connection was closed without one), and all the rest."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # by name in lower case

    def refuses(self, *statuses: int) -> None:
        """One of these statuses, in a line of plain text."""
        check("Traceback" not in self.text, "a traceback")
        check(self.status in statuses, f"{self.status}, not {statuses}: {self.text[:200]}")
        check(len(self.text) < 500, "a long refusal")


@dataclass
class Site:
    """The page under siege, as it describes itself."""

    process: subprocess.Popen[str]
    port: int
    config: dict[str, Any] = field(default_factory=dict)

    def raw(self, first: str, more: str = "", most: int = 10**6) -> Answer:
        """What comes for a head until the connection is closed, or so many bytes of it."""
        host = f"Host: 127.0.0.1:{self.port}"
        return self.bytes(f"{first} HTTP/1.1\r\n{host}\r\n{more}".encode(), most)

    def ask(self, path: str, body: Any = None, method: str = "GET", **headers: str) -> Answer:
        """One request; `_` stands for `-` in names of headers."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(link):
            with contextlib.suppress(ConnectionError):  # it may answer before all is sent
                link.request(method, path, body, sent)
            got = link.getresponse()
            names = {name.lower(): value for name, value in got.getheaders()}
            found = Answer(got.status, got.read().decode(), names)
        check("Traceback" not in found.text, "a traceback")
        if found.status != 400:  # which uvicorn gives to what is no HTTP
            check(names.get("x-content-type-options") == "nosniff", "no nosniff")
        return found

    def join(self, body: Any, **headers: str) -> Answer:
        """Queue an event, or what is none."""
        sent = json.dumps(body).encode() if isinstance(body, dict) else body
        return self.ask(JOIN, sent, "POST", **{"Content_Type": "application/json", **headers})

    def bytes(self, data: bytes, most: int = 10**6) -> Answer:
        """What comes for these bytes until the connection is closed, or so many bytes of it."""
        found = b""
        link = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        with link, contextlib.suppress(ConnectionError):
            link.sendall(data)
            while len(found) < most and (part := link.recv(65536)):
                found += part
        return Answer(int(found[9:12] or b"0"), found.decode(errors="replace"))

    def event(self, button: str, **values: Any) -> dict[str, Any]:
        """What a press of this button sends: the values of its inputs, some of them by label."""
        parts = {part["id"]: part["props"] for part in self.config["components"]}
        for event in self.config["dependencies"]:
            source, kind = event["targets"][0]
            if (parts[source].get("value"), kind) == (button, "click"):
                break
        else:
            raise WrongError(f"the page has no button {button!r}")
        inputs = [(str(parts[i].get("label")), parts[i].get("value")) for i in event["inputs"]]
        check(values.keys() <= dict(inputs).keys(), f"{button!r} has no {values}; it has {inputs}")
        return {
            "data": [values.get(label, value) for label, value in inputs],
            "event_data": None,
            "fn_index": event["id"],
            "trigger_id": source,
            "session_hash": f"{random.getrandbits(48):x}",
        }

    def press(self, button: str, **values: Any) -> tuple[bool, str]:
        """Press a button as the page does: whether that went well, and the HTML that came."""
        event = self.event(button, **values)
        joined = self.join(event)
        check(joined.status == 200, f"{joined.status}: {joined.text[:200]}")
        stream = self.ask(DATA + event["session_hash"])
        kind = stream.headers["content-type"]
        check(kind.startswith("text/event-stream"), f"events of type {kind}")
        events = [json.loads(line[6:]) for line in stream.text.splitlines() if line[:5] == "data:"]
        ended = [event for event in events if event["msg"] == "process_completed"]
        check(len(ended) == 1, f"no end: {stream.text[:300]}")
        output = ended[0]["output"]
        if ended[0]["success"]:
            return True, str(output["data"][button == "Write the rest"])
        return False, str(output.get("error"))

    def get(self, button: str, **values: Any) -> str:
        """The HTML that comes when a button is pressed; all must go well."""
        well, html = self.press(button, **values)
        check(well, html[:300])
        return html

    def memory(self) -> float:
        """Resident memory of the server in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000


class Kind(NamedTuple):
    """A kind of request: so many in a round, the right answer, and what is done, or which may be
    sent, to be refused with one of these statuses."""

    times: int
    right: str
    ask: Callable[..., Any]
    refused: tuple[int, ...]

    def send(self, site: Site, rng: random.Random) -> tuple[float, str]:
        """One request, checked: the seconds it took, and what was wrong."""
        began, wrong = time.monotonic(), ""
        try:
            if self.refused:
                rng.choice(self.ask(site))().refuses(*self.refused)
            else:
                self.ask(site, rng)
        except (WrongError, OSError, http.client.HTTPException, ValueError, LookupError) as error:
            wrong = f"{type(error).__name__}: {error}"
            click.echo(f"wrong: {self.ask.__name__}: {wrong}", err=True)
        return time.monotonic() - began, wrong


KINDS: dict[str, Kind] = {}


def kind(times: int, *refused: int) -> Callable[[Callable[..., Any]], None]:
    """Declare a kind; its docstring is the right answer."""

    def register(ask: Callable[..., Any]) -> None:
        KINDS[ask.__name__] = Kind(times, str(ask.__doc__), ask, refused)

    return register


# Those who ask for something


def verses(html: str) -> list[list[str]]:
    """The lines of the poems in a piece of the page, without punctuation."""
    poems = re.findall(r'<p class="verses"[^>]*>(.*?)</p>', html, re.DOTALL)
    plain = [unescape(re.sub(r"<[^>]+>", "", poem)) for poem in poems]
    return [[line for line in re.split(r"[，。\s]+", poem) if line] for poem in plain]


@kind(50)
def write(site: Site, rng: random.Random) -> None:
    """poems of the form, count, first line and acrostic that were asked for"""
    menus = {part["props"].get("label"): part["props"] for part in site.config["components"]}
    form, n = rng.choice(menus["Form"]["choices"])[1], rng.randint(1, 3)
    chars, lines = map(int, form.split("x"))
    first = {"First line": "山月臨窗白溪風"[:chars]}
    wishes: list[dict[str, Any]] = [{}, first, {"Acrostic": "山水"}, {"Candidates": 4}]
    more = rng.choice(wishes)
    poems = verses(site.get("Write", Form=form, Poems=n, **more))
    check(len(poems) == n, f"{len(poems)} poems, not {n}")
    for poem in poems:
        check([len(line) for line in poem] == [chars] * lines, f"{poem} is not {form}")
        check(poem[0].startswith(more.get("First line", "")), f"{poem} begins otherwise")
        heads = "".join(line[0] for line in poem)
        check(heads.startswith(more.get("Acrostic", "")), f"{poem} is no acrostic")


@kind(10)
def rest(site: Site, rng: random.Random) -> None:
    """a line gets its partner: it opens each of the poems offered"""
    line = rng.choice(["山月臨窗白", "春水到門清"])
    html = site.get("Write the rest", Poem=line)
    check(line in html, html[:300])


@kind(10)
def walk(site: Site, rng: random.Random) -> None:
    """as many poems as steps"""
    steps = rng.randint(3, 9)
    found = site.get("Walk", **{"Poems on the way": steps}).count("data-step=")
    check(found == steps, f"{found} steps, not {steps}")


@kind(10)
def score(site: Site, rng: random.Random) -> None:
    """a row for each poem"""
    lines = ["山月臨窗白，溪風入座清。", "白日依山盡，黃河入海流。", "春眠不覺曉，處處聞啼鳥。"]
    asked = rng.sample(lines, rng.randint(1, 3))
    html = site.get("Score", **{"Poems, one a line": "\n".join(asked)})
    found = len(re.findall(r"<tr", html)) - len(re.findall(r"<thead", html))
    check(found == len(asked), f"{found} rows, not {len(asked)}: {html[:300]}")


@kind(20)
def assets(site: Site, rng: random.Random) -> None:
    """the page with its scripts named by hash, its configuration, its style, /health"""
    path = rng.choice(["/", "/config", "/theme.css", "/health"])
    got = site.ask(path)
    check(got.status == 200, f"{path}: {got.status}")
    if path == "/":
        policy = got.headers["content-security-policy"]
        check("'sha256-" in policy and "script-src 'self' 'unsafe-inline'" not in policy, policy)


# Those who do not

Sent = list[Callable[[], Answer]]


@kind(10, 421)
def foreign_host(site: Site) -> Sent:
    """421: a name that is not the server's, as of DNS rebinding"""
    hosts = ["evil.example", f"evil.example:{site.port}", "127.0.0.1.evil.example", ""]
    event, own = site.event("Write"), f"127.0.0.1:{site.port}"
    joined = [partial(site.join, event, Host=host, X_Forwarded_Host=own) for host in hosts]
    return [*joined, *(partial(site.ask, "/config", Host=host) for host in hosts)]


@kind(10, 403)
def foreign_origin(site: Site) -> Sent:
    """403: a request from a page of another origin"""
    origins = ["http://evil.example", "null", f"http://localhost:{site.port}", "http://127.0.0.1:1"]
    headers = [{"Sec_Fetch_Site": "cross-site"}, *({"Origin": origin} for origin in origins)]
    return [partial(site.join, site.event("Write"), **header) for header in headers]


@kind(8, 413)
def great_body(site: Site) -> Sent:
    """413: 10 MB, of a length that was told or in chunks"""
    event = site.event("Write", **{"First line": "山" * 3_333_333})
    body = json.dumps(event, ensure_ascii=False).encode()
    parts = (body[i : i + 65536] for i in range(0, len(body), 65536))
    return [partial(site.join, body), partial(site.join, parts)]


NAN, INF = float("nan"), float("inf")
WRONG: dict[str, list[Any]] = {
    "First line": [{"a": 1}, "山" * 5000, "\ud800", "\x00\u202e" * 9],
    "Keyword": [["山", ["水"]]],
    "Acrostic": [7],
    "Form": ["9x9", "../../etc/passwd", ["5x2"]],
    "Rhyme class": [{"path": "/etc/passwd"}],
    "Poems": ["many", -1, 0, 10**9, 1e308, 1.5, None, NAN, INF],
    "Candidates": [10**6],
    "Temperature": [NAN, -1, True, "0.8"],
    "Seed": [-1, 2**64, -INF],
    "Passes": [10**9],
    "Characters": ["klingon"],
}


@kind(16)
def wrong_values(site: Site, rng: random.Random) -> None:
    """an error of one line: values of another type, not among the choices, NaN, out of bounds"""
    pairs = [{label: value} for label, values in WRONG.items() for value in values]
    values = rng.choice([*pairs, {"Poems": 8, "Candidates": 64}])
    well, text = site.press("Write", **values)
    check(not well, f"{values} was taken: {text[:200]}")
    check(len(text) < 2000 and "\n" not in text, f"a long error: {text[:500]}")  # choices are named


MARKED = [("Write", "First line"), ("Write", "Acrostic"), ("Revise", "Poem"), ("Walk", "From")]
MARKED += [("Write the rest", "Poem"), ("Score", "Poems, one a line")]


@kind(12)
def markup(site: Site, rng: random.Random) -> None:
    """no text comes back as markup"""
    tags = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</p><svg onload=a()>"
    button, label = rng.choice(MARKED)
    _, html = site.press(button, **{label: rng.choice(tags)})
    check(not re.search(r"<(script|img|svg onload)", html), f"{button}: {html[:300]}")


@kind(10, *range(400, 500))
def broken(site: Site) -> Sent:
    """4xx, or an error of one line: broken JSON, an event that there is not, too few values"""
    event, deep = site.event("Write"), b"[" * 20_000 + b"]" * 20_000
    wrong = ({"session_hash": None}, {"fn_index": "x"}, {"fn_index": [0]}, {"data": {"a": 1}})
    texts = (b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 60_000, b'{"data": ' + deep + b"}")
    return [partial(site.join, body) for body in (*texts, *(event | part for part in wrong))]


@kind(8, 404)
def files(site: Site) -> Sent:
    """404: files of the machine, by any spelling"""
    paths = """
    /gradio_api/file=/etc/passwd /gradio_api/file%3D/etc/passwd /gradio_api/file/etc/passwd
    /gradio_api/file=%2fetc%2fpasswd /gradio_api/file=..%2f..%2f..%2fetc%2fpasswd
    //gradio_api//file=/etc/passwd /gradio_api/%66ile=/etc/passwd
    /assets/../../../../../../etc/passwd /assets/..%2f..%2f..%2f..%2fetc%2fpasswd
    /assets/%2e%2e/%2e%2e/etc/passwd /static/....//....//etc/passwd /static/%5c..%5c..%5cetc
    /gradio_api/proxy=http://169.254.169.254/ /svelte/..%2f..%2fetc%2fpasswd
    /gradio_api/custom_component/x/client/component/..%2f..%2fx
    /gradio_api/stream/x/y/z/playlist-file
    """
    return [partial(site.ask, path) for path in paths.split()]


@kind(6)
def uploads(site: Site, rng: random.Random) -> None:
    """404 or 415: no route takes a file"""
    paths = """
    /gradio_api/upload /gradio_api/upload?upload_id=x /gradio_api/%75pload //gradio_api/upload
    /gradio_api/x/..%2fupload /gradio_api/component_server /gradio_api/process_recording
    """
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.html"\r\n\r\n'
    body = head + b"<b>\r\n--x--"
    path = rng.choice([*paths.split(), JOIN])
    got = site.ask(path, body, "POST", Content_Type="multipart/form-data; boundary=x")
    got.refuses(415 if path == JOIN else 404)


@kind(4, 405)
def methods(site: Site) -> Sent:
    """405: any other method"""
    others = ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND")
    paths = ("/", JOIN, "/config")
    return [partial(site.ask, path, method=method) for path in paths for method in others]


@kind(4)
def slow(site: Site, rng: random.Random) -> None:
    """408 to a body that does not come, no answer to a head that does not, after 10 s"""
    body, status = rng.choice([('Content-Length: 99\r\n\r\n{"da', 408), ("", 0)])
    site.raw(f"POST {JOIN}", f"Content-Type: application/json\r\n{body}").refuses(status)


@kind(6, 400, 0)
def no_http(site: Site) -> Sent:
    """400 or nothing: bytes that are no HTTP, two lengths, two hosts, a head of 2 MB"""
    heads = ("Host: evil.example", "Content-Length: 3\r\nContent-Length: 4", "Content-Length: -1")
    data = (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 999 + b"\r\n\r\n")
    long = f"X: {'y' * 2_000_000}"
    sent = [partial(site.raw, "GET /", f"{head}\r\n\r\n") for head in (*heads, long)]
    return [*sent, *(partial(site.bytes, bad) for bad in data)]


@kind(6)
def leave(site: Site, rng: random.Random) -> None:
    """200 at /health after a client that asked for a poem and left"""
    event = site.event("Write", Poems=1)
    site.join(event)
    if rng.random() < 0.5:
        site.raw(f"GET {DATA}{event['session_hash']}", "\r\n", most=1)
    check(site.ask("/health").status == 200, "no health")


def tables(sent: list[tuple[str, float, str]], memory: list[float]) -> str:
    """Markdown: the kinds, and the memory after each 50."""
    rows = []
    for name, kind in KINDS.items():
        if times := sorted(seconds for other, seconds, _ in sent if other == name):
            wrong = sum(other == name and bool(problem) for other, _, problem in sent)
            seconds = statistics.median(times), times[min(len(times) - 1, int(0.95 * len(times)))]
            cells = name.replace("_", " "), len(times), wrong, *(f"{s:.2f}" for s in seconds)
            rows.append((*cells, kind.right))
    first = table(["request", "sent", "wrong", "median s", "95 % s", "the right answer"], rows)
    counts = [str(i * EVERY) for i in range(len(memory))]
    return f"{first}\n\n{table(['answers', *counts], [['MB', *(f'{x:.0f}' for x in memory)]])}"


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
        try:
            site = Site(process, int(url.rpartition(":")[2]))
            site.config = json.loads(site.ask("/config").text)
            yield site
        finally:
            process.kill()


def stop(site: Site) -> tuple[int, float]:
    """SIGTERM while all clients wait for poems: the exit code, and the seconds until the end."""

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, WrongError, ValueError):
            site.press("Write", Poems=8, Candidates=16)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(CLIENTS):
            clients.submit(ask)
        time.sleep(1)
        began = time.monotonic()
        site.process.send_signal(signal.SIGTERM)
        return site.process.wait(60), time.monotonic() - began


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
    mix = [n for n, kind in KINDS.items() for _ in range(kind.times) if not only or n in only]
    sent: list[tuple[str, float, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "stderr"
        with besieged(model, log) as site:
            memory = [site.memory()]
            for number in range(rounds):
                rng = random.Random(f"{seed} {number}")
                rng.shuffle(mix)
                with ThreadPoolExecutor(CLIENTS) as clients:
                    jobs = {}
                    for name in mix:
                        chance = random.Random(rng.random())
                        jobs[clients.submit(KINDS[name].send, site, chance)] = name
                    for job in as_completed(jobs):
                        sent.append((jobs[job], *job.result()))
                        if len(sent) % EVERY == 0:
                            memory.append(site.memory())
                            click.echo(f"{len(sent)} answers, {memory[-1]:.0f} MB", err=True)
            code, seconds = stop(site)
        told = log.read_text("utf-8", errors="replace")
    tracebacks = told.count("Traceback (most recent call last)")
    wrong = sum(bool(problem) for *_, problem in sent)
    end = (
        f"{len(sent)} requests from {CLIENTS} clients at once, {wrong} answered wrongly,"
        f" {tracebacks} tracebacks on stderr, none in an answer. SIGTERM while {CLIENTS} clients"
        f" waited for poems: exit {code} after {seconds:.1f} s."
    )
    publish(path, "siege", f"{tables(sent, memory)}\n\n{end}")
    if wrong:
        click.echo(told[-6000:], err=True)
    if wrong or code != 143 or seconds > 5:
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
