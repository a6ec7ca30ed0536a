"""What a web server that only its own page should use lets in: a wrapper around an ASGI app.

Other pages that its user visits reach a page on a private address through the user's browser (a
request from elsewhere) and by a name that is made to point here (DNS rebinding). So a request
passes when it names this server, comes from this server's page or none, asks for a route that the
page needs, and is small and quick. Nothing beside the standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from ..i18n import _, of_header, speaking

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

# A host name with or without a port; an IPv6 address stands in brackets (RFC 3986, 3.2.2).
AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::[0-9]{1,5})?")
ANY = dict.fromkeys(("GET", "POST"), re.compile(".*", re.DOTALL))
NONE: Mapping[str, str] = {}


class RefusedError(Exception):
    """The status, the reason and further headers with which a request is answered that may not
    pass.

    `error` is the class of what Python would have raised of the same values, if it would.
    """

    def __init__(
        self, status: int, reason: str, *, error: str = "", headers: Mapping[str, str] = NONE
    ) -> None:
        super().__init__(reason)
        self.status, self.error, self.headers = status, error, headers

    def problem(self) -> dict[str, object]:
        """Problem details for programs (RFC 9457), with what the class of the error is called."""
        found = {"title": HTTPStatus(self.status).phrase, "status": self.status}
        return found | {"detail": str(self)} | ({"error": self.error} if self.error else {})


class Guard:
    """Lets through to `app` what its own page asks for, and answers the rest itself.

    | answer | to |
    |---|---|
    | 421 | no Host, several, or one that is not among `hosts`, whatever the port |
    | 403 | an Origin that is not exactly this host and port, a Sec-Fetch-Site that is another, \
except where a link elsewhere leads here |
    | 404 | a path that no pattern among `routes` matches as a whole, after decoding |
    | 405 | a method whose pattern does not match it, or that has none (HEAD goes with GET) |
    | 415 | a POST that is not JSON: no form, no upload |
    | 413 | a body of more than `max_body` bytes, whether or not its length was told |
    | 408 | a body that is not there after `seconds` |

    Websockets are closed. A body is read before `app` sees the request, which may refuse it by a
    `RefusedError`, too. X-Forwarded-Host is taken away, unchecked: a proxy must pass Host on.
    `headers` stand on every answer, in place of those of the same name. A refusal is told in the
    language that the client prefers: as problem details, or to a browser that asks for a page as a
    line of text.
    """

    def __init__(
        self,
        app: App,
        hosts: Iterable[str],
        *,
        routes: Mapping[str, re.Pattern[str]] = ANY,
        headers: Mapping[str, str] = NONE,
        max_body: int = 64 * 1024,
        seconds: float = 10.0,
    ) -> None:
        self.app, self.max_body, self.seconds = app, max_body, seconds
        self.hosts = {canonical(host) for host in hosts}
        self.routes = {**routes, "HEAD": routes["GET"]}
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        dressed, body = self._dress(send), None
        language = language_of(scope)
        try:
            with speaking(language):
                self._check(scope)
                body = await self._read(receive)
            if body is None:  # the client has left
                return None
            # Nor the length: what refuses a body may also shorten it.
            gone = (b"x-forwarded-host", b"content-length")
            headers = [pair for pair in scope["headers"] if pair[0] not in gone]
            return await self.app({**scope, "headers": headers}, replay(body, receive), dressed)
        except RefusedError as refusal:
            text = f"{refusal}\n".encode()
            kind = "text/plain; charset=utf-8"
            if scope["method"] == "POST" or b"text/html" not in header(scope, b"accept"):
                text = json.dumps(refusal.problem(), ensure_ascii=False).encode()
                kind = "application/problem+json"
            told = {"content-type": kind, "content-length": str(len(text))}
            told |= {"content-language": language.replace("_", "-"), **refusal.headers}
            told |= {"connection": "close"} if body is None else {}
            unread = body is None and refusal.status != 408
            return await self._refuse(refusal.status, told, text, unread, receive, dressed)

    def _check(self, scope: MutableMapping[str, Any]) -> None:
        """Raise the `RefusedError` of a request, from its head alone."""

        def values(name: bytes) -> list[str]:
            return [value.decode("latin-1") for key, value in scope["headers"] if key == name]

        method, hosts = scope["method"], values(b"host")
        if len(hosts) != 1 or host_of(hosts[0]) not in self.hosts:
            reason = _("this server does not go by that name; start it with --trust NAME if it is")
            raise RefusedError(421, reason)
        origins, sites = values(b"origin"), values(b"sec-fetch-site")
        ours = {f"{scheme}://{hosts[0].lower()}" for scheme in ("http", "https")}
        linked = (
            method in ("GET", "HEAD")
            and values(b"sec-fetch-mode") == ["navigate"]
            and values(b"sec-fetch-dest") == ["document"]
        )
        same = {"same-origin", "none"}.issuperset(sites) or linked
        if not (same and ours.issuperset(origins) and len(origins) <= 1):
            raise RefusedError(403, _("requests from other pages are not answered"))
        path = scope["path"]
        allowed = [name for name, known in self.routes.items() if known.fullmatch(path)]
        if method not in self.routes or (allowed and method not in allowed):
            names = ", ".join(allowed or self.routes)
            raise RefusedError(405, _("expected {names}", names=names), headers={"allow": names})
        if not allowed:
            raise RefusedError(404, _("there is no such page"))
        kinds = [value.partition(";")[0].strip().lower() for value in values(b"content-type")]
        if method == "POST" and kinds != ["application/json"]:
            raise RefusedError(415, _("expected Content-Type: application/json"))
        lengths = values(b"content-length")
        if any(not length.isdecimal() or int(length[:20]) > self.max_body for length in lengths):
            raise self._too_large()

    async def _read(self, receive: Receive) -> bytes | None:
        """The body of a request; None where the client has left."""
        body = bytearray()
        try:
            async with asyncio.timeout(self.seconds):
                while (message := await receive())["type"] != "http.disconnect":
                    body += message.get("body", b"")
                    if len(body) > self.max_body:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            reason = _("the request was not complete after {n:g} s", n=self.seconds)
            raise RefusedError(408, reason) from None
        return None

    def _too_large(self) -> RefusedError:
        return RefusedError(413, _("the request has more than {n} bytes", n=self.max_body))

    def _dress(self, send: Send) -> Send:
        names = {name for name, _ in self.headers}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message.get("headers", []) if pair[0].lower() not in names]
                message = {**message, "headers": [*own, *self.headers]}
            await send(message)

        return dressed

    async def _refuse(
        self,
        status: int,
        headers: Mapping[str, str],
        text: bytes,
        unread: bool,
        receive: Receive,
        send: Send,
    ) -> None:
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": text, "more_body": True})
        # A connection closed on a client that still sends is reset, and the answer lost on its way.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(self.seconds, 2.0)):
                while unread and (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def header(scope: MutableMapping[str, Any], name: bytes) -> bytes:
    """The values of a header of a request, one after another."""
    return b", ".join(value for key, value in scope["headers"] if key == name)


def language_of(scope: MutableMapping[str, Any]) -> str:
    """The language that a request prefers, see `i18n.of_header`."""
    return of_header(header(scope, b"accept-language").decode("latin-1"))


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read, then what comes after it."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return rest.pop() if rest else await receive()

    return again


def canonical(host: str) -> str:
    """A host name in lower case, an IP address in its shortest spelling, without brackets."""
    bare = host.strip().lower().removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def host_of(authority: str) -> str | None:
    """The canonical host of a Host header, which may have a port; None where it is malformed."""
    match = AUTHORITY.fullmatch(authority.lower())
    return canonical(match[1]) if match else None
