"""Is the page there for those who ask, whatever others send it?

    python scripts/stress/siege.py --rounds 3 --publish docs/results.md

20 clients at once send `poetvae demo` 200 requests a round, half of them hostile. Each answer is
checked; in the end it is told to stop while all wait for poems. Rounds differ by their number.
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
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import click
from faults import WrongError, check, publish, table

from poetvae.checkpoints.model_folder import PACKAGED
from poetvae.text.poem import Form

CLIENTS, EVERY = 20, 50
PATIENCE = 300.0  # seconds
AT = "/en/model"  # of the pages the one that is asked
API = f"{AT}/gradio_api"
JOIN, DATA = f"{API}/queue/join", f"{API}/queue/data?session_hash="
# Kind of request, how many in a round, the right answer
REQUESTS = """
write 50 poems of the form, count, first line and acrostic that were asked for
rest 10 a line gets its partner: it opens each of the poems offered
walk 10 as many poems as steps, between the two ends
score 10 a row for each poem
assets 20 the page with its scripts named by hash, its configuration, its style, /health; / leads \
there
foreign_host 10 421: a name that is not the server's, as of DNS rebinding
foreign_origin 10 403: a request from a page of another origin
great_body 6 413: 10 MB, of a length that was told or in chunks
wrong_values 12 an error of one line: values of another type, not among the choices, NaN, \
out of bounds
objects 8 422 to an object where a value belongs, as of a file or an address to fetch
crowd 1 429 to a client of whom 8 requests wait; the next client joins
markup 12 no text comes back as markup
broken 10 4xx, or an error of one line: broken JSON, an event that there is not, too few values
files 5 404: files of the machine, by any spelling
uploads 6 404 or 415: no route takes a file
methods 4 405: any other method
slow 4 408 to a body that does not come, no answer to a head that does not, after 10 s
no_http 6 400 or nothing: bytes that are no HTTP, two lengths, two hosts, a head of 2 MB
leave 6 200 at /health after a client that asked for a poem and left
"""
LINES = [line.split(maxsplit=2) for line in REQUESTS.strip().splitlines()]
KINDS = {kind: (int(times), right) for kind, times, right in LINES}
Sent = tuple[str, float, str]  # kind, seconds, what was wrong


class Answer(NamedTuple):
    """What came back: a status (0 = the connection was closed without one), and all the rest."""

    status: int
    text: str = ""
    headers: Message = Message()

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

    def ask(self, path: str, body: Any = None, headers: Any = (), method: str = "") -> Answer:
        """One request; with a body it is of JSON."""
        sent = json.dumps(body) if isinstance(body, dict) else body
        method = method or ("GET" if body is None else "POST")
        kind = {} if body is None else {"Content-Type": "application/json"}
        one_of_many = {"X-Forwarded-For": f"203.0.113.{random.randrange(256)}"}  # as of a proxy
        headers = kind | one_of_many | dict(headers)
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(link):
            with contextlib.suppress(ConnectionError):  # it may answer before all is sent
                link.request(method, path, sent, headers)
            got = link.getresponse()
            found = Answer(got.status, got.read().decode(), got.headers)
        check("Traceback" not in found.text, "a traceback")
        sniffed = found.headers["x-content-type-options"] != "nosniff"
        check(found.status == 400 or not sniffed, "no nosniff")  # uvicorn gives 400 to no HTTP
        return found

    def raw(self, text: str, most: int = 10**6) -> Answer:
        """What comes for these bytes until the connection is closed, or so many bytes of it."""
        found = b""
        link = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        with link, contextlib.suppress(ConnectionError):
            link.sendall(text.encode("latin-1"))
            while len(found) < most and (part := link.recv(65536)):
                found += part
        return Answer(int(found[9:12] or b"0"), found.decode(errors="replace"))

    def event(self, button: str, values: dict[str, Any]) -> dict[str, Any]:
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
        data = [values.get(label, value) for label, value in inputs]
        chosen = {"fn_index": event["id"], "trigger_id": source, "event_data": None}
        return {**chosen, "data": data, "session_hash": f"{random.getrandbits(48):x}"}

    def press(self, button: str, values: dict[str, Any], well: bool | None = True) -> str:
        """Press a button as the page does, which must go so: the HTML that comes, or the error."""
        event = self.event(button, values)
        joined = self.ask(JOIN, event)
        if well is not True and joined.status == 422:
            return str(json.loads(joined.text)["detail"])
        check(joined.status == 200, f"{joined.status}: {joined.text[:200]}")
        stream = self.ask(DATA + event["session_hash"])
        kind = stream.headers["content-type"]
        check(kind.startswith("text/event-stream"), f"events of type {kind}")
        events = [json.loads(line[6:]) for line in stream.text.splitlines() if line[:5] == "data:"]
        ended = [event for event in events if event["msg"] == "process_completed"]
        check(len(ended) == 1, f"no end: {stream.text[:300]}")
        output, done = ended[0]["output"], ended[0]["success"]
        text = str(output["data"][button == "Write the rest"] if done else output.get("error"))
        check(well in (done, None), f"{button}, {values}: {text[:300]}")
        return text

    def memory(self) -> float:
        """Resident, of the server, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000


METHODS = "PUT DELETE OPTIONS PATCH TRACE PROPFIND"
FILES = """
/en/model/gradio_api/file=/etc/passwd /en/model/gradio_api/file%3D/etc/passwd
/en/model/assets/..%2f..%2f..%2fetc%2fpasswd /en/model/gradio_api/proxy=http://169.254.169.254/
/gradio_api/file=/etc/passwd /gradio_api/file%3D/etc/passwd /gradio_api/file/etc/passwd
/gradio_api/file=%2fetc%2fpasswd /gradio_api/file=..%2f..%2f..%2fetc%2fpasswd
//gradio_api//file=/etc/passwd /gradio_api/%66ile=/etc/passwd
/assets/../../../../../../etc/passwd /assets/..%2f..%2f..%2f..%2fetc%2fpasswd
/assets/%2e%2e/%2e%2e/etc/passwd /static/....//....//etc/passwd /static/%5c..%5c..%5cetc
/gradio_api/proxy=http://169.254.169.254/ /svelte/..%2f..%2fetc%2fpasswd
/gradio_api/custom_component/x/client/component/..%2f..%2fx
/gradio_api/stream/x/y/z/playlist-file
"""
UPLOADS = """
/en/model/gradio_api/upload /en/model/gradio_api/component_server
/gradio_api/upload /gradio_api/upload?upload_id=x /gradio_api/%75pload //gradio_api/upload
/gradio_api/x/..%2fupload /gradio_api/component_server /gradio_api/process_recording
"""
META = {"meta": {"_type": "gradio.FileData"}}
OBJECTS = (
    *({"path": path, **META} for path in ("/dev/zero", "/etc/passwd", "/dev/stdin")),
    *({"path": None, "url": "http://no.such.host.invalid/", **META}, [], {}, [["山"]]),
)
FORM = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.html"\r\n\r\n<b>\r\n--x--'
Refused = list[tuple[str, Sequence[int], Any]]


def refused(site: Site) -> Refused:
    """A kind, the statuses that are right, and what is sent: arguments of `ask`, or raw text."""
    own, event = f"127.0.0.1:{site.port}", site.event("Write", {})
    hosts = "evil.example", f"evil.example:{site.port}", "127.0.0.1.evil.example", ""
    forwarded = {"X-Forwarded-Host": own}
    origins = "http://evil.example", "null", f"http://localhost:{site.port}", "http://127.0.0.1:1"
    foreign = [{"Sec-Fetch-Site": "cross-site"}, *({"Origin": origin} for origin in origins)]
    great = json.dumps(event | {"data": ["山" * 3_333_333]}, ensure_ascii=False).encode()
    chunks = [great[i : i + 65536] for i in range(0, len(great), 65536)]
    deep = b'{"data": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    texts = (b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 60_000, deep)
    wrong = ({"session_hash": None}, {"fn_index": "x"}, {"fn_index": [0]}, {"data": {"a": 1}})
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    line = f"HTTP/1.1\r\nHost: {own}\r\n"
    post = f"POST {JOIN} {line}Content-Type: application/json\r\n"
    lengths = "Content-Length: 3\r\nContent-Length: 4", "Content-Length: -1"
    heads = "Host: evil.example", *lengths, f"X: {2_000_000 * 'y'}"
    bad = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00" * 999 + "\r\n\r\n"
    every = [(path, method) for path in ("/", JOIN, f"{AT}/config") for method in METHODS.split()]
    rows: Refused = [
        ("foreign_host", [421], [(f"{AT}/config", None, {"Host": x}) for x in hosts]),
        ("foreign_host", [421], [(JOIN, event, {"Host": x, **forwarded}) for x in hosts]),
        ("foreign_origin", [403], [(JOIN, event, header) for header in foreign]),
        ("great_body", [413], [(JOIN, great), (JOIN, chunks)]),
        ("broken", range(400, 500), [(JOIN, x) for x in (*texts, *(event | x for x in wrong))]),
        (
            "objects",
            [422],
            [(JOIN, event | {"event_data": {"text": x}}) for x in OBJECTS if x != []],
        ),
        ("objects", [422], [(JOIN, event | {"data": [x, *event["data"][1:]]}) for x in OBJECTS]),
        ("objects", [422], [(JOIN, event | {"data": [*event["data"][:-1], x]}) for x in OBJECTS]),
        ("files", [404], [(path,) for path in FILES.split()]),
        ("uploads", [404], [(path, FORM, form) for path in UPLOADS.split()]),
        ("uploads", [415], [(JOIN, FORM, form)]),
        ("methods", [405], [(path, None, {}, method) for path, method in every]),
        ("slow", [408], [post + 'Content-Length: 99\r\n\r\n{"da']),
        ("slow", [0], [post]),
        ("no_http", [400, 0], [*(f"GET / {line}{head}\r\n\r\n" for head in heads), *bad]),
    ]
    return [(kind, right, request) for kind, right, requests in rows for request in requests]


def verses(html: str) -> list[list[str]]:
    """The lines of the poems in a piece of the page, without punctuation."""
    poems = re.findall(r'<p class="verses"[^>]*>(.*?)</p>', html, re.DOTALL)
    plain = [unescape(re.sub(r"<[^>]+>", "", poem)) for poem in poems]
    plain = [poem.replace("、", "") for poem in plain]  # inside a line of a tune
    return [[line for line in re.split(r"[，。\s]+", poem) if line] for poem in plain]


NAN, INF = float("nan"), float("inf")
WRONG: tuple[Any, ...] = (  # a label, and values for it
    *(("Poems", "many", -1, 0, 10**9, 1e308, 1.5, None, NAN, INF), ("Passes", 10**9)),
    *(("First line", {"a": 1}, "山" * 5000, "\ud800", "\x00\u202e" * 9), ("Acrostic", 7)),
    *(("Form", "9x9", "../../etc/passwd", ["5x2"]), ("Rhyme class", {"path": "/etc/passwd"})),
    *(("Temperature", NAN, -1, True, "0.8"), ("Seed", -1, 2**64, -INF), ("Candidates", 10**6)),
    ("Keyword", ["山", ["水"]]),
)
FIELDS = """Write:First line|Write:Acrostic|Revise:Poem|Walk:From|Write the rest:Poem\
|Score:Poems, one a line"""
TAGS = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</p><svg onload=a()>"
LINE = "山月臨窗白溪風"
POEMS = ["山月臨窗白，溪風入座清。", "白日依山盡，黃河入海流。", "春眠不覺曉，處處聞啼鳥。"]


def answered(kind: str, site: Site, rng: random.Random) -> None:
    """A request of one of these kinds, and the right answer."""
    match kind:
        case "write":
            parts = [part["props"] for part in site.config["components"]]
            menu = next(part["choices"] for part in parts if part.get("label") == "Form")
            form, n = rng.choice(menu)[1], rng.randint(1, 3)
            lengths = Form.parse(form).lengths
            first = {"First line": LINE[: lengths[0]]}
            more: Any = rng.choice([{}, first, {"Acrostic": "山水"}, {"Candidates": 4}])
            poems = verses(site.press("Write", {"Form": form, "Poems": n, **more}))
            check(len(poems) == n, f"{len(poems)} poems, not {n}")
            for poem in poems:
                check(tuple(map(len, poem)) == lengths, f"{poem} is not {form}")
                check(poem[0].startswith(more.get("First line", "")), f"{poem} begins otherwise")
                heads = "".join(line[0] for line in poem)
                check(heads.startswith(more.get("Acrostic", "")), f"{poem} is no acrostic")
        case "rest":
            line = rng.choice(["山月臨窗白", "春水到門清"])
            html = site.press("Write the rest", {"Poem": line})
            check(line in html, html[:300])
        case "walk":
            steps = rng.randint(3, 9)
            found = site.press("Walk", {"Poems on the way": steps}).count("class='step'")
            check(found == steps + 2, f"{found} poems, not {steps} and the two ends")
        case "score":
            asked = rng.sample(POEMS, rng.randint(1, 3))
            html = site.press("Score", {"Poems, one a line": "\n".join(asked)})
            found = html.count("<tr") - html.count("<thead")
            check(found == len(asked), f"{found} rows, not {len(asked)}: {html[:300]}")
        case "assets":
            page = f"{AT}/"
            path = rng.choice(["/", page, f"{AT}/config", f"{AT}/theme.css", "/health"])
            got = site.ask(path)
            check(got.status == (307 if path == "/" else 200), f"{path}: {got.status}")
            policy = got.headers["content-security-policy"] if path == page else "'sha256-"
            check(
                "'sha256-" in policy and "script-src 'self' 'unsafe-inline'" not in policy, policy
            )
        case "wrong_values":
            pairs = [{label: value} for label, *values in WRONG for value in values]
            values = rng.choice([*pairs, {"Poems": 8, "Candidates": 64}])
            text = site.press("Write", values, well=False)
            check(len(text) < 2000 and "\n" not in text, f"a long error: {text[:500]}")
        case "markup":
            button, _, label = rng.choice(FIELDS.split("|")).partition(":")
            html = site.press(button, {label: rng.choice(TAGS)}, well=None)
            check(not re.search(r"<(script|img|svg onload)", html), f"{button}: {html[:300]}")
        case "crowd":
            event = site.event("Write", {"Poems": 1, "Candidates": 4})
            one = [site.ask(JOIN, event, {"X-Forwarded-For": "198.51.100.1"}) for _ in range(40)]
            codes = {got.status for got in one}
            check(codes == {200, 429}, f"{codes} to one client")
            site.ask(DATA + event["session_hash"])
        case "leave":
            event = site.event("Write", {"Poems": 1})
            site.ask(JOIN, event)
            if rng.random() < 0.5:
                head = f"GET {DATA}{event['session_hash']} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}"
                site.raw(f"{head}\r\n\r\n", most=1)
            check(site.ask("/health").status == 200, "no health")


def send(site: Site, hostile: Refused, kind: str, rng: random.Random) -> Sent:
    """One request, checked."""
    began, wrong = time.monotonic(), ""
    try:
        if rows := [row for row in hostile if row[0] == kind]:
            _, right, request = rng.choice(rows)
            got = site.raw(request) if isinstance(request, str) else site.ask(*request)
            got.refuses(*right)
        else:
            answered(kind, site, rng)
    except (WrongError, OSError, http.client.HTTPException, ValueError, LookupError) as error:
        wrong = f"{type(error).__name__}: {error}"
        click.echo(f"wrong: {kind}: {wrong}", err=True)
    return kind, time.monotonic() - began, wrong


def besiege(site: Site, rounds: int) -> tuple[list[Sent], list[float]]:
    """What came of all requests, and the memory after each 50."""
    sent, memory, hostile = [], [site.memory()], refused(site)
    for number in range(rounds):
        rng = random.Random(f"0 {number}")
        mix = [kind for kind, (times, _) in KINDS.items() for _ in range(times)]
        rng.shuffle(mix)
        with ThreadPoolExecutor(CLIENTS) as clients:
            sends = [partial(send, site, hostile, x, random.Random(rng.random())) for x in mix]
            for job in as_completed([clients.submit(send) for send in sends]):
                sent.append(job.result())
                if len(sent) % EVERY == 0:
                    memory.append(site.memory())
                    click.echo(f"{len(sent)} answers, {memory[-1]:.0f} MB", err=True)
    return sent, memory


def stop(site: Site) -> tuple[int, float]:
    """SIGTERM while all clients wait for poems: the exit code, and the seconds until the end."""

    def ask(_: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, WrongError, ValueError):
            site.press("Write", {"Poems": 8, "Candidates": 16})

    with ThreadPoolExecutor(CLIENTS) as clients:
        clients.map(ask, range(CLIENTS))
        time.sleep(1)
        began = time.monotonic()
        site.process.send_signal(signal.SIGTERM)
        return site.process.wait(60), time.monotonic() - began


def tables(sent: list[Sent], memory: list[float]) -> str:
    """Markdown: the kinds, and the memory after each 50."""
    rows = []
    for kind, (_, right) in KINDS.items():
        if times := sorted(seconds for other, seconds, _ in sent if other == kind):
            wrong = sum(other == kind and bool(problem) for other, _, problem in sent)
            late = times[min(len(times) - 1, int(0.95 * len(times)))]
            cells = f"{len(times)} {wrong} {statistics.median(times):.2f} {late:.2f}".split()
            rows.append((kind.replace("_", " "), *cells, right))
    first = table("request|sent|wrong|median s|95 % s|the right answer", rows)
    counts = "|".join(["answers", *(str(i * EVERY) for i in range(len(memory)))])
    return f"{first}\n\n{table(counts, [['MB', *(f'{x:.0f}' for x in memory)]])}"


@click.command()
@click.option("--model", help="Run or model folder; absent: the weights that come with poetvae.")
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--publish", "path", type=click.Path(path_type=Path), help="Put the tables there.")
def main(model: str | None, rounds: int, path: Path | None) -> None:
    """Besiege the page of a model."""
    line = [sys.executable, "-m", "poetvae", "demo", "--port", "0"]
    line += ["--model", model or str(PACKAGED["chinese"])]
    with (
        tempfile.TemporaryFile() as err,
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=err, text=True) as process,
    ):
        assert process.stdout
        port = process.stdout.readline().strip().rpartition(":")[2]
        try:
            check(port, "the page did not start")
            site = Site(process, int(port))
            site.config = json.loads(site.ask(f"{AT}/config").text)
            sent, memory = besiege(site, rounds)
            code, seconds = stop(site)
        finally:
            process.kill()
            err.seek(0)
            told = err.read().decode(errors="replace")
            if not port:
                click.echo(told, err=True)
    tracebacks = told.count("Traceback (most recent call last)")
    wrong = sum(bool(problem) for *_, problem in sent)
    end = f"""{len(sent)} requests from {CLIENTS} clients at once, {wrong} answered wrongly, \
{tracebacks} tracebacks on stderr, none in an answer. SIGTERM while {CLIENTS} clients waited for \
poems: exit {code} after {seconds:.1f} s."""
    publish(path, "siege", f"{tables(sent, memory)}\n\n{end}")
    if wrong:
        click.echo(told[-6000:], err=True)
    if wrong or code != 143 or seconds > 5:
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
