"""Names on a hub: against a server that speaks its few routes, an honest and a hostile one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import Mock, call

import huggingface_hub
import pytest
from commands import process
from folders import contents, forge
from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled, logging  # type: ignore[attr-defined]

import poetvae
from poetvae.checkpoints import hub
from poetvae.errors import CheckpointError
from poetvae.poet import Poet

NAME = "someone/verse"
COMMIT, OTHER = "a" * 40, "b" * 40
MODEL = ["config.json", "manifest.json", "model.safetensors", "tokenizer.model"]


class Hub:
    """A hub with one model, whose main branch is COMMIT and whose tag v1 is OTHER."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.older = files, dict(files)
        self.asked: list[str] = []
        self.status = 200
        self.delay = 0.0
        self.over = threading.Event()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        path = path.partition("?")[0]
        self.asked.append(path)
        self.over.wait(self.delay)
        if self.status != 200:
            code = {403: "GatedRepo", 401: "RepoNotFound"}.get(self.status, "")
            return self.status, {"X-Error-Code": code}, b"{}"
        api = f"/api/models/{NAME}"
        revisions = {api: COMMIT, f"{api}/revision/main": COMMIT, f"{api}/revision/v1": OTHER}
        if path in revisions:
            siblings = [{"rfilename": name} for name in self.files]
            info = {"id": NAME, "modelId": NAME, "sha": revisions[path], "siblings": siblings}
            return 200, {}, json.dumps(info).encode()
        for commit, files in ((COMMIT, self.files), (OTHER, self.older)):
            if path == f"{api}/tree/{commit}":
                tree = [
                    {"type": "file", "path": name, "size": len(data), "oid": digest(data)}
                    for name, data in files.items()
                ]
                return 200, {}, json.dumps(tree).encode()
            name = path.removeprefix(f"/{NAME}/resolve/{commit}/")
            if name in files:
                headers = {"X-Repo-Commit": commit, "ETag": f'"{digest(files[name])}"'}
                return 200, headers, files[name]
        known = path.startswith((f"{api}/", f"/{NAME}/"))
        return 404, {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"}, b"{}"


def digest(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def flipped(data: bytes) -> bytes:
    """With one bit of its last byte flipped."""
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.fixture
def model(poet: Poet, tmp_path: Path) -> Path:
    """A model folder."""
    poet.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def served(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The only hub there is, and an empty cache."""
    held = Hub(contents(model))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = held.answer(self.path)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    point_to(monkeypatch, f"http://127.0.0.1:{server.server_port}", tmp_path / "cache")
    yield held
    held.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path) -> None:
    """As HF_ENDPOINT and HF_HUB_CACHE would, which are read at the first import."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def refused(name: str = NAME, revision: str | None = None) -> str:
    """The one line that a name is refused with."""
    with pytest.raises(CheckpointError) as caught:
        hub.fetch(name, revision)
    line = str(caught.value)
    assert "\n" not in line
    return line


def fetched(cache: Path) -> set[str]:
    """The names of all files of a model in the cache."""
    return {path.name for path in cache.rglob("snapshots/*/**/*")}


# What is a name


@pytest.mark.parametrize(
    "name", ["./a/b", "../a/b", "/a/b", "~/b", "a", "a/b/c", "a/b/", "", "a b/c"]
)
def test_a_path_is_never_a_hub_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "fetch", None)
    assert hub.locate(name) == Path(name)
    assert hub.locate(Path("a/b")) == Path("a/b")


def test_what_exists_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fetch = Mock(return_value=tmp_path)
    monkeypatch.setattr(hub, "fetch", fetch)
    assert hub.locate("a/b", "v1") == hub.locate("a/b@v1") == tmp_path
    assert fetch.mock_calls == [call("a/b", "v1", None), call("a/b@v1", None, None)]
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert hub.locate("a/b") == Path("a/b")
    with pytest.raises(CheckpointError, match="leave out revision 'v1'"):
        hub.locate("a/b", "v1")


@pytest.mark.parametrize(
    ("name", "revision"),
    [
        *((name, None) for name in ("a", "a/b/c", "a/..", "a/b@../../x", "a/b\n", "a/ｂ")),
        *(("a/b", revision) for revision in ("../../x", "/etc/passwd", "")),
        ("a/b@v1", "v2"),
    ],
)
def test_what_is_no_name_is_not_looked_up(
    name: str, revision: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", None)
    assert "is no name on a hub; expected owner/name" in refused(name, revision)


# An honest hub


def test_a_model_is_fetched_once_and_quietly(
    served: Hub, poet: Poet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def state() -> tuple[bool, int]:
        return are_progress_bars_disabled(), logging.get_verbosity()

    lines, before = list[str](), state()
    served.files |= {"pytorch_model.bin": pickle.dumps(1), "data/config.json": b"{}"}
    found = Poet.from_pretrained(NAME, log=lines.append)
    assert found.generate(2, seed=1) == poet.generate(2, seed=1)
    assert lines == [f"{NAME}: no such folder; asking the hub {constants.ENDPOINT}"]
    assert fetched(tmp_path / "cache") == {*MODEL, "README.md"}
    asked = len(served.asked)
    again = Poet.from_pretrained(NAME, log=lines.append)
    assert again.card == found.card
    assert (len(served.asked), len(lines)) == (asked, 1)
    assert capfd.readouterr() == ("", "")
    assert state() == before  # of huggingface_hub nothing changes


def test_what_was_fetched_needs_no_network(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hub.fetch(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.fetch(NAME) == first
    assert isinstance(poetvae.load_model(NAME), poetvae.VAE)
    assert "nor was it fetched before; HF_HUB_OFFLINE is set" in refused("someone/else")


def test_a_revision_has_files_of_its_own(served: Hub) -> None:
    served.files["README.md"] = b"newer"
    assert (hub.fetch(NAME) / "README.md").read_bytes() == b"newer"
    for older in (hub.fetch(f"{NAME}@v1"), hub.fetch(NAME, "v1")):
        assert older.name == OTHER
        assert (older / "README.md").read_bytes() == served.older["README.md"]
    assert "has no such revision of it" in refused(NAME, "v2")


def test_a_copy_that_is_damaged_is_fetched_again(served: Hub) -> None:
    weights = hub.fetch(NAME) / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(flipped(whole))
    assert (hub.fetch(NAME) / "model.safetensors").read_bytes() == whole
    weights.unlink()
    assert (hub.fetch(NAME) / "model.safetensors").read_bytes() == whole


# A hub that has not, may not, or cannot


def test_what_the_hub_does_not_have(served: Hub) -> None:
    assert "no such folder, and the hub http://127.0.0.1:" in refused("someone/else")
    for status, says in (
        (403, "for those alone who were granted access"),
        (401, "has no such model, or keeps it private"),
        (500, "gave no answer that could be used"),
    ):
        served.status = status
        assert says in refused()
    assert len(served.asked) == 4  # nothing is asked twice


@pytest.mark.parametrize(("there", "seconds"), [(False, 10), (True, 30)])
def test_a_hub_without_an_answer(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, seconds: float
) -> None:
    served.delay = 60.0
    if there:
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.1)
    else:
        point_to(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    began = time.monotonic()
    assert "gave no answer that could be used" in refused()
    assert time.monotonic() - began < seconds


# A hostile one


def test_a_pickle_is_neither_fetched_nor_loaded(served: Hub, tmp_path: Path) -> None:
    del served.files["model.safetensors"]
    served.files["pytorch_model.bin"] = pickle.dumps(print)
    line = refused()
    assert "is no model of poetvae: it has no model.safetensors" in line
    assert line.endswith("pytorch_model.bin may run code and is not fetched")
    assert not any("resolve" in path for path in served.asked)
    assert fetched(tmp_path / "cache") == set()


def test_a_flipped_byte_is_seen(served: Hub) -> None:
    served.files["model.safetensors"] = flipped(served.files["model.safetensors"])
    assert "model.safetensors is damaged: size or sha256 differ" in refused()


@pytest.mark.parametrize("name", ["../../evil.json", "/tmp/evil.json", "x/../config.json"])
def test_a_path_that_leads_out_is_not_followed(served: Hub, tmp_path: Path, name: str) -> None:
    served.files[name] = b"{}"
    hub.fetch(NAME)
    assert fetched(tmp_path / "cache") == {*MODEL, "README.md"}
    assert not list(tmp_path.rglob("evil.json"))
    assert not any("evil" in path or ".." in path for path in served.asked)


def test_what_is_no_json_is_no_model(served: Hub, model: Path) -> None:
    forge(model, "config.json", b"[" * 10_000)
    served.files.update(contents(model))
    with pytest.raises(CheckpointError, match=r"config\.json is not a JSON object"):
        Poet.from_pretrained(NAME)


# The command line


@pytest.mark.slow
def test_a_command_takes_a_name(served: Hub, poet: Poet, tmp_path: Path) -> None:
    where = {"HF_HOME": str(tmp_path), "PYTHONWARNINGS": "error"}
    info = partial(process, "info", "--json", "--model", NAME, **where)
    first = info(HF_ENDPOINT=constants.ENDPOINT, HF_HUB_OFFLINE="0")
    assert first.returncode == 0
    assert first.stderr == f"{NAME}: no such folder; asking the hub {constants.ENDPOINT}\n"
    assert json.loads(first.stdout)["parameters"] == poet.model.num_parameters()
    again = info(HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")


# Pushing


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What a push asks of huggingface_hub; what it uploads is `written`."""
    api = Mock(written={})

    def upload(folder_path: Path, **_: Any) -> None:
        api.written = contents(Path(folder_path))

    api.opened.return_value = api
    api.create_repo.side_effect = lambda name, **_: f"https://hub.invalid/{name}"
    api.upload_folder.side_effect = upload
    monkeypatch.setattr(huggingface_hub, "HfApi", api.opened)
    return api


def front_matter(card: str) -> dict[str, Any]:
    """What a hub reads of a card."""
    data = vars(huggingface_hub.ModelCard(card).data)
    return {key: value for key, value in data.items() if value is not None}


def test_a_model_is_pushed_whole_with_its_card(api: Mock, run: Path, tmp_path: Path) -> None:
    poet = Poet.from_pretrained(run)
    url = poet.push_to_hub(NAME, license="cc-by-4.0", private=True, token="a token")
    assert url == f"https://hub.invalid/{NAME}"
    assert api.opened.call_args.kwargs["token"] == "a token"
    api.create_repo.assert_called_once_with(NAME, private=True, exist_ok=True)
    uploaded = api.upload_folder.call_args.kwargs
    assert set(uploaded["allow_patterns"]) == set(api.written) == {*MODEL, "README.md"}
    card = api.written["README.md"].decode()
    assert front_matter(card) == {
        "language": "zh",
        "library_name": "poetvae",
        "license": "cc-by-4.0",
        "pipeline_tag": "text-generation",
        "tags": ["poetry", "variational-autoencoder"],
    }
    assert "Trained for 20 steps" in card or "Trained for 10 steps" in card
    for name, data in api.written.items():
        (tmp_path / name).write_bytes(data)
    again = Poet.from_pretrained(tmp_path)
    assert again.generate(2, seed=1) == poet.generate(2, seed=1)


def test_a_license_is_the_one_given_last(free_poet: Poet, api: Mock) -> None:
    free_poet.push_to_hub(NAME)
    assert "license" not in front_matter(api.written["README.md"].decode())
    free_poet.card = "A card without front matter.\n"
    free_poet.push_to_hub(NAME, license="mit")
    free_poet.card = api.written["README.md"].decode()
    free_poet.push_to_hub(NAME, license="cc0-1.0")
    card = api.written["README.md"].decode()
    assert card == "---\nlicense: cc0-1.0\n---\nA card without front matter.\n"
    free_poet.card = ""


def test_a_push_that_fails_is_one_line(api: Mock, poet: Poet) -> None:
    with pytest.raises(CheckpointError, match="leave out @v1"):
        poet.push_to_hub(f"{NAME}@v1")
    with pytest.raises(CheckpointError, match="is no name on a hub"):
        poet.push_to_hub("verse")
    api.create_repo.side_effect = OSError("no route\nto it")
    with pytest.raises(CheckpointError, match=rf"^{NAME}: the hub .*no route[^\n]*$"):
        poet.push_to_hub(NAME)
