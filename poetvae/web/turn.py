"""Who may use a model now: one at a time, and clients in rotation.

Requests come from threads (the page) and from coroutines (the API) of one process. A client with
many requests waits behind each of the others once for every request of its own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")
LONGEST_WAIT = 60  # seconds after which a client that was sent away may ask again


class Turn:
    """A turn after another; whoever leaves while he waits is passed over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Future[None]]] = {}  # by client, in the order of rotation
        self._began: float | None = None  # of the turn that goes on
        self._mean = 1.0  # seconds of a turn, lately
        # One thread for all that coroutines have done: torch keeps threads and memory for each.
        self._thread = ThreadPoolExecutor(1, "turn")

    def waiting(self, client: str | None = None) -> int:
        """How many wait, of all clients or of one."""
        with self._lock:
            lines = [line for name, line in self._waiting.items() if client in (None, name)]
            return sum(not place.cancelled() for line in lines for place in line)

    @property
    def patience(self) -> int:
        """Seconds after which it is worth while to come again: all clients had a turn by then."""
        with self._lock:
            return min(LONGEST_WAIT, 1 + int(self._mean * len(self._waiting)))

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """A turn for what stands in the block, in the thread of the caller."""
        self._ask(client).result()
        try:
            yield
        finally:
            self._end()

    async def run(self, client: str, work: Callable[[], T]) -> T:
        """What `work` gives, done in a turn and in a thread.

        Cancelled it leaves the queue; work that has begun goes on to its end, and so does its turn.
        """
        place = self._ask(client)
        try:
            await asyncio.wrap_future(place)
        except asyncio.CancelledError:
            if not place.cancel():  # it came in the meantime
                self._end()
            raise
        loop, context = asyncio.get_running_loop(), copy_context()
        return await asyncio.shield(loop.run_in_executor(self._thread, context.run, self._do, work))

    def _do(self, work: Callable[[], T]) -> T:
        try:
            return work()
        finally:
            self._end()

    def _ask(self, client: str) -> Future[None]:
        """A place in the queue: done when its turn has come, which then has to be ended."""
        place: Future[None] = Future()
        with self._lock:
            self._waiting.setdefault(client, deque()).append(place)
            if self._began is None:
                self._next()
        return place

    def _end(self) -> None:
        with self._lock:
            assert self._began is not None
            self._mean += (time.monotonic() - self._began - self._mean) / 8
            self._next()

    def _next(self) -> None:
        """Begin the turn of the next one, if any waits; inside the lock."""
        self._began = None
        while self._waiting and self._began is None:
            client = next(iter(self._waiting))
            line = self._waiting.pop(client)
            place = line.popleft()
            if line:  # the client comes again after all others
                self._waiting[client] = line
            if place.set_running_or_notify_cancel():
                self._began = time.monotonic()
                place.set_result(None)


MODEL, RULES = Turn(), Turn()
"""Of all models, and of what needs none but takes a processor for a while."""
