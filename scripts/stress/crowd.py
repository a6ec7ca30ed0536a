"""Does a crowd of clients lose anything at the API?

    python scripts/stress/crowd.py --clients 50 --seconds 60

Clients ask `poetvae serve --api` for poems, completions, checks, scores and streams, each one thing
after another. Whoever is told to come again, by 429 or 503, does so after Retry-After. Lost is a
connection that breaks, another status, a wrong answer, a poem that lacks what was asked.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from faults import WrongError, check, publish, table

from poetvae.text.form import Form

PATIENCE = 300.0  # seconds
SLOW = 60.0  # seconds after which an answer is slow, waiting and coming again included
KINDS = {"generate": 4, "acrostic": 2, "stream": 1, "complete": 2, "check": 3, "score": 2}
KINDS |= {"models": 1, "wrong": 1}
FORMS = ("5x2", "5x4", "7x2", "7x4")
POEMS = ["山月臨窗白，溪風入座清。", "白日依山盡，黃河入海流。", "春眠不覺曉，處處聞啼鳥。"]
STREAM = "application/x-ndjson"


@dataclass
class Client:
    """One of the crowd: what it saw by kind of request, each with its seconds."""

    port: int
    number: int
    done: list[tuple[str, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    again: Counter[int] = field(default_factory=Counter)

    def ask(self, path: str, values: Any = None, accept: str = "*/*") -> tuple[int, str]:
        """A status and a text; told to come again it does."""
        headers = {"Accept": accept, "X-Forwarded-For": f"203.0.113.{self.number % 250}"}
        body = None if values is None else json.dumps(values)
        headers |= {} if body is None else {"Content-Type": "application/json"}
        while True:
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                link.request("GET" if body is None else "POST", path, body, headers)
                got = link.getresponse()
                text = got.read().decode()
            finally:
                link.close()
            if got.status not in (429, 503):
                return got.status, text
            self.again[got.status] += 1
            time.sleep(int(got.headers["Retry-After"]))

    def poems(self, name: str, values: Any, n: int, accept: str = "*/*") -> list[dict[str, Any]]:
        """The n objects that an operation gives."""
        status, text = self.ask(f"/v1/{name}", values, accept)
        check(status == 200, f"{status}: {text[:300]}")
        lines = accept == STREAM
        rows = [json.loads(x) for x in text.splitlines()] if lines else json.loads(text)["poems"]
        check(len(rows) == n, f"{len(rows)} came, not {n}: {text[:300]}")
        found: list[dict[str, Any]] = rows
        return found

    def request(self, kind: str, rng: random.Random) -> None:
        """A request of a kind, checked."""
        form, seed = rng.choice(FORMS), rng.randrange(2**31)
        lengths = Form.parse(form).lengths
        asked: dict[str, Any] = {"form": form, "seed": seed, "candidates": rng.choice([1, 2, 8])}
        match kind:
            case "generate" | "stream":
                n = rng.randint(1, 3) if kind == "generate" else 40
                accept = "*/*" if kind == "generate" else STREAM
                if kind == "stream":
                    asked["candidates"] = 1
                for poem in self.poems("generate", {**asked, "n": n}, n, accept):
                    check(tuple(map(len, poem["lines"])) == lengths, f"{poem} is not {form}")
                    check(poem["seed"] == seed, f"{poem} has another seed")
            case "acrostic":
                heads = "春夏秋冬"[: len(lengths)]
                asked |= {"acrostic": heads, "tones": "usual", "no_repeat": True}
                for poem in self.poems("generate", asked, 1):
                    text = "".join(poem["lines"])
                    check("".join(line[0] for line in poem["lines"]) == heads, str(poem))
                    check(len(set(text)) == len(text), f"{poem} repeats")
                    check(poem["satisfied"] and poem["tones_ok"] is not False, str(poem))
            case "complete":
                line = rng.choice(["山月臨窗白", "春水到門清"])
                for poem in self.poems("complete", {"text": line, "form": "5x2", "seed": seed}, 1):
                    check(poem["text"].startswith(line), f"{poem} begins otherwise")
            case "check":
                (report,) = self.poems("check", {"text": rng.choice(POEMS)}, 1)
                check(report["form"] == "5x2", str(report))
            case "score":
                texts = rng.sample(POEMS, rng.randint(1, 3))
                rows = self.poems("score", {"texts": texts, "samples": 2}, len(texts))
                check([row["text"] for row in rows] == texts, f"{rows} are not {texts}")
            case "models":
                status, text = self.ask("/v1/models")
                check(status == 200 and json.loads(text)["models"], f"{status}: {text[:300]}")
            case "wrong":
                status, text = self.ask("/v1/generate", {"form": "9x9", "seed": seed})
                check(status == 422 and json.loads(text)["error"] == "ConfigError", text[:300])

    def run(self, until: float) -> None:
        """Ask until that time."""
        rng = random.Random(f"crowd {self.number}")
        while time.monotonic() < until:
            kind, began = rng.choices([*KINDS], [*KINDS.values()])[0], time.monotonic()
            try:
                self.request(kind, rng)
            except (WrongError, OSError, http.client.HTTPException, LookupError, ValueError) as why:
                self.lost.append(f"{kind}: {type(why).__name__}: {why}")
                click.echo(f"lost: {self.lost[-1]}", err=True)
            self.done.append((kind, time.monotonic() - began))


def report(clients: list[Client], seconds: float) -> str:
    """Markdown: seconds by kind, and what was lost."""
    done = [one for client in clients for one in client.done]
    rows = []
    for kind in (*KINDS, "all"):
        times = sorted(spent for other, spent in done if kind in (other, "all"))
        if times:
            late = times[min(len(times) - 1, int(0.95 * len(times)))]
            spent = (statistics.median(times), late, times[-1])
            rows.append((kind, str(len(times)), *(f"{one:.2f}" for one in spent)))
    lost = sum(len(client.lost) for client in clients)
    again = sum((client.again for client in clients), Counter[int]())
    slow = sum(spent > SLOW for _, spent in done)
    least = min(len(client.done) for client in clients)
    end = f"""{len(done)} requests from {len(clients)} clients in {seconds:.0f} s: {lost} lost, \
{slow} slower than {SLOW:g} s. Told to come again: {again[429]} times by 429, {again[503]} by 503. \
The client with the fewest answers has {least}."""
    return f"{table('request|sent|p50 s|p95 s|max s', rows)}\n\n{end}"


@click.command()
@click.option("--model", help="Run or model folder; absent: the weights that come with poetvae.")
@click.option("--port", type=int, help="Of a server that runs on this machine; absent: its own.")
@click.option("--clients", "n", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--seconds", type=click.IntRange(min=1), default=60, show_default=True)
@click.option("--publish", "path", type=click.Path(path_type=Path), help="Put the table there.")
def main(model: str | None, port: int | None, n: int, seconds: int, path: Path | None) -> None:
    """Send a crowd to the API of a model."""
    line = [sys.executable, "-m", "poetvae", "serve", "--api", "--port", "0"]
    line += ["--model", model] if model else []
    process = None
    with tempfile.TemporaryFile() as err:
        try:
            if port is None:
                process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=err, text=True)
                assert process.stdout
                port = int(process.stdout.readline().strip().rpartition(":")[2])
            clients = [Client(port, number) for number in range(n)]
            began = time.monotonic()
            with ThreadPoolExecutor(n) as crowd:
                list(crowd.map(lambda one: one.run(began + seconds), clients))
            text = report(clients, time.monotonic() - began)
        finally:
            if process:
                process.terminate()
                process.wait(30)
        err.seek(0)
        told = err.read().decode(errors="replace")
    publish(path, "crowd", text)
    if "Traceback" in told:
        click.echo(told[-6000:], err=True)
    if "Traceback" in told or any(client.lost for client in clients):
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
