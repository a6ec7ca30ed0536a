"""A server of the page of `poetvae.web.app`, of the API of `poetvae.web.api`, or of both: what it
answers, on which port, until when.

Needs uvicorn; the page needs gradio, the API starlette.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import ipaddress
import os
import re
import signal
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, reason_of
from ..i18n import LANGUAGES, _, of_header, speaking, tag
from ..runtime import Stopped, interruption, share_freed_memory
from .middleware import App, Guard, Message, Receive, Send, canonical
from .models import Served

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..poet import Poet

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as missing:
    lacks = _("a server needs uvicorn: pip install 'poetvae[demo]', or 'poetvae[api]' for no page")
    raise ConfigError(lacks) from missing
LOCAL = ("127.0.0.1", "localhost", "::1")

# What the pages ask for, and the routes of their API; gradio has many more, among them those that
# take files in and give files out, and a path here has no segment that begins with a dot.
PAGE = f"/(?P<language>{'|'.join(map(tag, LANGUAGES))})/[\\w-]{{1,64}}"
ROUTES = {
    "GET": re.compile(
        r"/|/[\w-]{1,64}"
        rf"|{PAGE}(/|/config|/theme\.css|/favicon\.ico|/manifest\.json"
        r"|/(assets|static)(/[\w-][\w.-]*)+"
        r"|/gradio_api/(info|startup-events|queue/data|heartbeat/\w+))?",
        re.ASCII,
    ),
    "POST": re.compile(rf"{PAGE}/gradio_api/(queue/join|cancel|reset)", re.ASCII),
}

# gradio makes functions of strings and styles of attributes; its inline scripts are named by hash.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{hashes}; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
MAX_BODY = 64 * 1024  # bytes of what the page sends
CONNECTIONS = 256  # at once; a page that waits for its poem holds one
OF_ONE = CONNECTIONS // 2  # of one client
NONE: Mapping[str, bytes] = {}
HEAD_SECONDS = 10  # for the head of a request to come, and between two requests
READ_SECONDS = 30  # for a client to take what waits for it
STOP_SECONDS = 2  # for poems that are being written when the server is told to stop


@dataclass(frozen=True)
class Site:
    """What can be served: an app, the paths that it answers by method, what a request may have of
    bytes, and a path whose answer has these bytes in it where all is well."""

    app: App
    routes: Mapping[str, re.Pattern[str]]
    max_body: int
    probe: tuple[str, bytes]

    def guarded(self, hosts: Iterable[str] = LOCAL) -> Guard:
        """The app for those who name one of these hosts."""
        more: Any = {"routes": self.routes, "headers": HEADERS, "max_body": self.max_body}
        return Guard(self.app, hosts, **more)

    def beside(self, other: Site) -> Site:
        """This one, and at the paths that are not its own the other."""

        async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
            own = scope["type"] == "http" and any(
                known.fullmatch(scope["path"]) for known in self.routes.values()
            )
            await (self.app if own else other.app)(scope, receive, send)

        routes = {
            method: re.compile(f"{self.routes[method].pattern}|{known.pattern}", re.ASCII)
            for method, known in other.routes.items()
        }
        return Site(app, routes, max(self.max_body, other.max_body), other.probe)


def page(poets: Mapping[str, Poet]) -> Site:
    """A page for each model, by its name, and language at /zh-TW/chinese/, and {"status": "ok"} at
    /health; /chinese leads to the language that a browser wishes, and / to the first model.

    Raises:
        ConfigError: gradio is not installed.
    """
    from .app import admission, build, head, options

    # isort: split
    import fastapi
    import gradio
    from starlette.responses import PlainTextResponse, RedirectResponse

    first = next(iter(poets))
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def wished(request: Request) -> Response:
        model = request.path_params.get("model", first)
        if model not in poets:
            return PlainTextResponse("there is no such page\n", 404)
        language = of_header(request.headers.get("accept-language", ""))
        query = f"?{request.url.query}" if request.url.query else ""
        there = f"{path_of(language, model)}/{query}"
        return RedirectResponse(there, headers={"vary": "accept-language"})

    for path in ("/", "/{model}"):
        app.add_route(path, wished)

    async def mount() -> App:
        pages = {}
        for model, poet in poets.items():
            for language in LANGUAGES:
                with speaking(language):
                    page = pages[path_of(language, model)] = build(poet, model, list(poets))
                gradio.mount_gradio_app(app, page, path_of(language, model), **options())
        heads = {}
        for language in LANGUAGES:
            with speaking(language):
                heads[tag(language)] = head().encode()
        return admission(Policy(app, heads), pages)

    admitted = asyncio.run(mount())  # outside a loop gradio makes one, and leaves it open
    return Site(admitted, ROUTES, MAX_BODY, ("/", b"<gradio-app"))


def api(models: Mapping[str, Served]) -> Site:
    """The API of models by name, the first of which answers where none is named.

    Raises:
        ConfigError: starlette is not installed.
    """
    from .api import MAX_BODY, PATHS, application

    routes = {name: re.compile("|".join(map(re.escape, paths))) for name, paths in PATHS.items()}
    return Site(application(models), routes, MAX_BODY, ("/openapi.json", b'"openapi"'))


def path_of(language: str, model: str) -> str:
    """Where the page of a model is in a language."""
    return f"/{tag(language)}/{model}"


class Policy:
    """Gives every answer of `app` a Content-Security-Policy; that of a page names each of its
    inline scripts by its SHA-256, so that no other runs. A page tells its language, too, has its
    own of `heads` first, and nothing in it advertises Gradio."""

    ADVERTISED = re.compile(rb'<meta\s+(property|name)="(og|twitter):[^>]*>')
    PAGE = re.compile(f"{PAGE}/", re.ASCII)

    def __init__(self, app: App, heads: Mapping[str, bytes] = NONE) -> None:
        self.app, self.heads = app, heads

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        held: list[Message] = []
        page = self.PAGE.fullmatch(scope["path"]) if scope["type"] == "http" else None

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), policy()]}
                if page:  # its scripts are not known yet
                    return held.append(message)
            elif page and message["type"] == "http.response.body":
                held.append(message)
                if message.get("more_body", False):
                    return None
                start, *bodies = held
                text = b"".join(body.get("body", b"") for body in bodies)
                lang = f'lang="{page["language"]}"'.encode()
                text = self.ADVERTISED.sub(b"", text).replace(b'lang="en"', lang, 1)
                text = text.replace(b"<head>", b"<head>" + self.heads.get(page["language"], b""), 1)
                length = (b"content-length", str(len(text)).encode())
                heads = [pair for pair in start["headers"][:-1] if pair[0] != b"content-length"]
                heads += [length, policy(SCRIPT.findall(text))]
                await send({**start, "headers": heads})
                message = {"type": "http.response.body", "body": text}
            return await send(message)

        if page:  # what is compressed cannot be read
            headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
            scope = {**scope, "headers": headers}
        await self.app(scope, receive, sending)


def policy(scripts: Iterable[bytes] = ()) -> tuple[bytes, bytes]:
    """The header Content-Security-Policy (W3C CSP 3), which allows these inline scripts."""
    digests = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    hashes = "".join(f" 'sha256-{digest}'" for digest in digests)
    return b"content-security-policy", POLICY.format(hashes=hashes).encode()


class _Protocol(H11Protocol):
    """uvicorn's, which would wait for ever for the head of a request, and for a client to read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        clients = [getattr(other, "client", None) or [""] for other in self.connections]
        if [host for host, *_ in clients].count((self.client or [""])[0]) > OF_ONE:
            transport.close()
        self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.unread.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        self.loop.call_later(HEAD_SECONDS, self._give_up, self.cycle)

    def _give_up(self, last: object) -> None:
        if self.cycle is last:  # no other request has begun since
            self.timeout_keep_alive_handler()


class _Server(uvicorn.Server):
    """uvicorn's, which stops within `STOP_SECONDS`, whatever still goes on."""

    def __init__(self, config: uvicorn.Config, stopped: Stopped) -> None:
        super().__init__(config)
        self.stopped = stopped
        self.patience: threading.Timer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.should_exit |= bool(self.stopped.signum)  # it came before there was a server to end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.patience is None:  # a thread that computes cannot be stopped otherwise
            self.patience = threading.Timer(STOP_SECONDS, os._exit, (128 + sig,))
            self.patience.daemon = True
            self.patience.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # The event streams of open pages end when their connections do, and else never.
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        await super().shutdown(sockets)


def serve(
    site: Site,
    host: str = "127.0.0.1",
    port: int = 7860,
    *,
    trust: Iterable[str] = (),
    check: bool = False,
    verbose: bool = False,
) -> None:
    """Serve a site until a signal comes; its URL is the one line on stdout.

    It answers to its own `host`, the names of this machine to itself, and those of `trust`, under
    which others know it; a proxy has to pass Host on. `port` is as of `listen`. With `check` it
    serves itself one request instead, and returns.

    Raises:
        ConfigError: no such host, or no free port there; the site does not answer.
        KeyboardInterrupt, SystemExit: SIGINT; SIGTERM, with code 143.
    """
    share_freed_memory()
    app = site.guarded([*LOCAL, host, *trust])
    listener = listen(host, port)
    address, bound = listener.getsockname()[:2]
    if bound != port:
        taken = _("port {port} is taken; using {bound}", port=port, bound=bound)
        _note(taken if port else _("port {n}", n=bound))
    ip = ipaddress.ip_address(address.partition("%")[0])
    if not ip.is_loopback:
        names = ", ".join(sorted(app.hosts))
        _note(
            _(
                "warning: open to other machines, without a password; answers to the names {names}",
                names=names,
            )
        )
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_level="info" if verbose else "error",
        access_log=verbose,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=HEAD_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        forwarded_allow_ips="127.0.0.1,::1",
    )
    if ip.is_unspecified:
        host = "127.0.0.1" if ip.version == 4 else "::1"
    name = canonical(host)
    url = f"http://{f'[{name}]' if ':' in name else name}:{bound}"
    with interruption() as stopped:
        server = _Server(config, stopped)
        print(url, flush=True)
        if check:
            _ask(server, listener, url, site.probe)
        else:
            _note(_("stop it with Ctrl-C"))
            server.run([listener])
    # The patience goes on: the interpreter would wait at its end for threads that compute.
    if stopped.signum == signal.SIGINT:
        raise KeyboardInterrupt
    if stopped.signum:
        sys.exit(128 + stopped.signum)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket on that port, or the first free one of the ten after it; 0 is any.

    Raises:
        ConfigError: no such host here, or no free port.
    """
    name = canonical(host)
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        unknown = _("host {host!r} is not known here; try 127.0.0.1", host=host)
        raise ConfigError(unknown) from error
    family, address = found[0][0], found[0][4]
    last = min(port + 10, 65535) if port else 0
    for candidate in range(port, last + 1):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address[0], candidate, *address[2:]))
            listener.listen(CONNECTIONS)
            return listener
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                where: Any = {"host": host, "port": candidate, "why": reason_of(error)}
                cannot = _("cannot listen on {host}, port {port} ({why})", **where)
                raise ConfigError(cannot) from error
    raise ConfigError(
        _(
            "ports {first} to {last} are taken; give another --port, or 0 for any",
            first=port,
            last=last,
        )
    )


def _ask(
    server: uvicorn.Server, listener: socket.socket, url: str, probe: tuple[str, bytes]
) -> None:
    """Serve in a thread until the site has answered; raises ConfigError where it does not."""
    path, wanted = probe
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url + path, timeout=30) as answer:
            if wanted not in answer.read():
                raise ConfigError(_("{url} does not give what it serves", url=url + path))
    except OSError as error:
        raise ConfigError(_("{url} does not answer: {why}", url=url, why=error)) from error
    finally:
        server.should_exit = True
        thread.join()
    _note("ok")


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
