"""Files and command lines that nobody meant, for `torture.py` and the tests."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import click

from poetvae import cli
from poetvae.checkpoints.model_folder import CARD
from poetvae.files import MANIFEST, manifest_bytes, manifest_entry, write_files


def forge(folder: Path, files: dict[str, bytes]) -> None:
    """Put files into a model folder, and a manifest that agrees with them."""
    there = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} | files
    listed = {n: manifest_entry(there[n]) for n in sorted(there) if n not in (CARD, MANIFEST)}
    write_files(folder, {**files, MANIFEST: manifest_bytes(listed)})


def flipped(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data or b"\0")
    changed[place] ^= 1 << bit
    return bytes(changed)


def damaged(rng: random.Random, data: bytes, other: bytes = b"") -> tuple[str, bytes]:
    """The data as a bad disk, a bad line or a bad hand leaves it, and what was done."""
    place = rng.randrange(len(data)) if data else 0
    length = rng.choice([1, 2, 8, 64, 4096])
    head, tail = data[:place], data[place + length :]
    kinds = {
        "truncated": head,
        "emptied": b"",
        "extended": data + rng.randbytes(length),
        "repeated": data + data,
        "zeroed": head + bytes(min(length, len(data) - place)) + tail,
        "flipped": flipped(data, place, rng.randrange(8)),
        "scrambled": head + rng.randbytes(length) + tail,
        "cut out": head + tail,
        "another's": other,
    }
    return rng.choice([(kind, new) for kind, new in kinds.items() if new != data])


HOSTILE: tuple[Any, ...] = (
    *(-1, 0, 1, 2**31, 2**63, 10**30, 10**400, -(10**9), 0.5, -0.0, 1e308, float("nan")),
    *(float("inf"), None, True, "", "x", "1", "\0", "\ud800", "../../etc/passwd", "春" * 1000),
    *([], {}, [[]], [1, 2], {"a": 1}, "__import__('os').system('true')", [10**9] * 50),
)


def hostile_json(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """A JSON file with values at which a careless reader breaks, and what was done."""
    crafted = {
        "deep": b"[" * 200_000,
        "deep objects": b'{"a":' * 200_000,
        "large": b'{"model": "' + b"x" * 30_000_000 + b'"}',
        "lists": b"[" + b"[]," * 10_000_000 + b"[]]",
        "twice": data.rstrip()[:-1] + b', "model": {}, "config": {}, "files": {}}',
        "no object": b"17",
        "not utf-8": data.replace(b'"', b"\xff", 3),
        "utf-16": data.decode().encode("utf-16"),
        "digits": b'{"version": ' + b"9" * 100_000 + b"}",
        "nul": data + b"\0",
    }
    if rng.random() < 0.25:
        return rng.choice([*crafted.items()])
    values, done = json.loads(data), []
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if not (places := _places(values)):
            break
        node, key = rng.choice(places)
        value, chance = copy.deepcopy(rng.choice(HOSTILE)), rng.random()
        if chance < 0.15:
            del node[key]
            value = "deleted"
        elif chance < 0.28 and isinstance(node, dict):
            node[rng.choice(["", "class", "__class__", "path", "x" * 1000])] = value
        else:
            node[key] = value
        done.append(f"{str(key)[:20]}: {str(value)[:20]!r}")
    return ", ".join(done), json.dumps(values).encode("utf-8", "surrogatepass")


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Each object and list of a JSON value, with each of its keys."""
    if not isinstance(node, dict | list):
        return []
    keys = list(node) if isinstance(node, dict) else range(len(node))
    return [place for key in keys for place in ((node, key), *_places(node[key]))]


PIECES = (
    *("山月臨窗白，溪風入座清。", "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。"),
    *("a rose is a rose", '{"text": "山月臨窗白，溪風入座清。"}'),
    *("", " ", "\n", "\r\n", "\r", "\t", "\0", "\ufeff", "\u2028", "\u2029", "\x1a", "\x85"),
    *("□", "□□□□□，□□□□□。", "𠀀𠀁", "\U0002ceb0", "⿰木目", "字\ufe00", "葛\U000e0100", "﨑"),
    *("😀", "👨\u200d👩\u200d👧", "שלום", "\u202eabc", "e\u0301", "ﷺ", "題：", "，，", "（注"),
    *("a,b\n1,2,3", 'x,"', "\t|", "a::b::山月", "क्षि", "בָּ", '["山月", "風"]', '{"a": {"b": []}}'),
    *("{", "[", '"', "{}", '{"text": 5}', '[{"paragraphs": ["a"]}]', "x" * 9999),
)
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "big5", "shift_jis"]
ENCODINGS += ["euc_jp", "cp1252", "surrogate"]


def hostile_bytes(rng: random.Random) -> bytes:
    """A corpus that nobody meant: of whatever encoding, with whatever in it."""
    text = rng.choice(["\n", "", "\n\n"]).join(rng.choices(PIECES, k=rng.choice([0, 1, 2, 9, 60])))
    encoding = rng.choice(ENCODINGS)
    if encoding == "surrogate":
        data = (text + "\ud800\udfff").encode("utf-8", "surrogatepass")
    else:
        data = text.encode(encoding, "replace")
    return damaged(rng, data or b"x", rng.randbytes(50))[1] if rng.random() < 0.3 else data


def bomb(canary: Path) -> bytes:
    """A pickle, of protocol 0, that makes a file: open(canary, "w")."""
    return f"cio\nopen\n(S'{canary}'\nS'w'\ntR.".encode()


LIES: dict[str, list[Any]] = {
    "shape": [[2**40], [0], [], [-1], [2**62, 4], [1] * 1000],
    "data_offsets": [[0, 2**60], [5, 1], [-4, 0], [0]],
    "dtype": ["F64", "I64", "BF16", "BOOL", "X", ""],
}


def lying_header(rng: random.Random, data: bytes) -> bytes:
    """Weights with a header that lies."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    name = rng.choice([key for key in header if key != "__metadata__"])
    headers = [{**header, name: header[name] | {key: x}} for key in LIES for x in LIES[key]]
    headers += [{**header, x: header[name]} for x in ("", "x", "../x", "x" * 10_000)]
    headers += [{key: value for key, value in header.items() if key != name}]
    texts = [json.dumps(header).encode() for header in headers]
    lies = [(len(text), text + data[8 + size :]) for text in texts]
    lies += [(told, data[8:]) for told in (2**63, 2**32, 0, size + 10**6)]
    told, rest = rng.choice(lies)
    return told.to_bytes(8, "little") + rest


WORDS = (
    *("", " ", "0", "1", "-1", "2", "1e3", "0.5", "nan", "inf", "-inf", "9" * 20, "x", "x" * 5000),
    *("5x2", "5x", "0x0", "山", "山月", "____", "1:山", "平仄", "é", "\u202e", "\udcff", "a\nb"),
    *("--", "-", "=", "a=b", "d_model=-1", "%s{}", "../..", "/dev/null", "cpu", "cuda", "true"),
)
LEAST = {"--iw": "1", "--samples": "0", "--curve": "0", "--limit": "4"}


def command_line(rng: random.Random, models: list[str], folder: Path) -> list[str]:
    """Any command with any options, each with any word; nothing that takes long, as a server."""
    words: list[str] = []
    node: click.Command = cli.cli
    while isinstance(node, click.Group):
        words.append(rng.choice(sorted(node.commands.keys() - {"demo"})))
        node = node.commands[words[-1]]
    outs = [f"{folder}/o{suffix}" for suffix in ("", ".png", ".csv", ".svg", ".x")]
    values = {"model": models, "out": outs}
    for option in node.params:
        name = str(option.name)
        if isinstance(option, click.Argument):
            words += rng.choices(WORDS, k=rng.choice([0, 1, 1, 2]))
        elif option.required or name in values or rng.random() < 0.2:
            words.append(rng.choice(option.opts))
            if not getattr(option, "is_flag", False):
                words.append(rng.choice(values.get(name, WORDS)))
    if "train" in words[:2]:
        words += ["--steps", "1", "--preset", "tiny", "--set=d_model=8"]
    taken = {name for option in node.params for name in option.opts}
    return words + [x for n in LEAST if n in taken and n not in words for x in (n, LEAST[n])]
