"""What a web server that only its own page should use lets in: a wrapper around an ASGI app.

Other pages that its user visits reach a page on a private address through the user's browser (a
request from elsewhere) and by a name that is made to point here (DNS rebinding). So a request
passes when it names this server, comes from this server's page or none, asks for a route that the
page needs, and is small and quick. Standard library alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

# A host name with or without a port; an IPv6 address stands in brackets (RFC 3986, 3.2.2).
AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::[0-9]{1,5})?")
ANY = dict.fromkeys(("GET", "POST"), re.compile(".*", re.DOTALL))
NONE: Mapping[str, str] = {}


class RefusedError(Exception):
    """The status and the reason with which a request is answered that may not pass."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """Lets through to `app` what its own page asks for, and answers the rest itself.

    | answer | to |
    |---|---|
    | 421 | no Host, several, or one that is not among `hosts`, whatever the port |
    | 403 | an Origin that is not exactly this host and port, a Sec-Fetch-Site that is another, \
except where a link elsewhere leads here |
    | 405 | a method that is not among `routes` (HEAD goes with GET) |
    | 404 | a path that the pattern of its method does not match as a whole, after decoding |
    | 415 | a POST that is not JSON: no form, no upload |
    | 413 | a body of more than `max_body` bytes, whether or not its length was told |
    | 408 | a body that is not there after `seconds` |

    Websockets are closed. A body is read before `app` sees the request, which may refuse it by a
    `RefusedError`, too. X-Forwarded-Host is taken away, unchecked: a proxy must pass Host on.
    `headers` stand on every answer, in place of those of the same name.
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
        try:
            self._check(scope)
            body = await self._read(receive)
            if body is None:  # the client has left
                return None
            # Nor the length: what refuses a body may also shorten it.
            gone = (b"x-forwarded-host", b"content-length")
            headers = [pair for pair in scope["headers"] if pair[0] not in gone]
            return await self.app({**scope, "headers": headers}, replay(body, receive), dressed)
        except RefusedError as refusal:
            unread = body is None and refusal.status != 408
            posted = scope["method"] == "POST"
            return await self._refuse(refusal, posted, receive if unread else None, dressed)

    def _check(self, scope: MutableMapping[str, Any]) -> None:
        """Raise the `RefusedError` of a request, from its head alone."""

        def values(name: bytes) -> list[str]:
            return [value.decode("latin-1") for key, value in scope["headers"] if key == name]

        method, hosts = scope["method"], values(b"host")
        if len(hosts) != 1 or host_of(hosts[0]) not in self.hosts:
            reason = "this server does not go by that name; start it with --trust NAME if it is"
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
            raise RefusedError(403, "requests from other pages are not answered")
        if method not in self.routes:
            raise RefusedError(405, f"expected {', '.join(self.routes)}")
        if not self.routes[method].fullmatch(scope["path"]):
            raise RefusedError(404, "there is no such page")
        kinds = [value.partition(";")[0].strip().lower() for value in values(b"content-type")]
        if method == "POST" and kinds != ["application/json"]:
            raise RefusedError(415, "expected Content-Type: application/json")
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
            reason = f"the request was not complete after {self.seconds:g} s"
            raise RefusedError(408, reason) from None
        return None

    def _too_large(self) -> RefusedError:
        return RefusedError(413, f"the request has more than {self.max_body} bytes")

    def _dress(self, send: Send) -> Send:
        names = {name for name, _ in self.headers}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message.get("headers", []) if pair[0].lower() not in names]
                message = {**message, "headers": [*own, *self.headers]}
            await send(message)

        return dressed

    async def _refuse(
        self, refusal: RefusedError, posted: bool, unread: Receive | None, send: Send
    ) -> None:
        status, text = refusal.status, str(refusal)
        text = (
            json.dumps({"detail": text}) if posted else f"{text}\n"
        )  # read by the page, or people
        headers = {
            b"content-type": b"application/json" if posted else b"text/plain; charset=utf-8",
            b"content-length": str(len(text.encode())).encode(),
            b"connection": b"close",
        }
        if status == 405:
            headers[b"allow"] = ", ".join(self.routes).encode()
        await send({"type": "http.response.start", "status": status, "headers": [*headers.items()]})
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        # A connection closed on a client that still sends is reset, and the answer lost on its way.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(self.seconds, 2.0)):
                while unread and (await unread()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
