"""Several processes that train one model, as `torchrun` starts them: who they are, what they share.

A batch is worked off in slices, each with noise of its own, so that it does not matter which
process takes which: the gradients of all are summed, and every process takes the same step. That is
data parallelism without wrapping the model; at the size of text models one sum a step is enough.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import compress

import torch
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from ..errors import PoetVAEError
from ..i18n import _
from ..runtime import choose_device

# A process that has died is noticed by its connection; those that wait may wait for a long reading.
_PATIENCE = timedelta(days=1)
_MET = timedelta(seconds=15)  # torchrun, whose store it is, was there before
_GRACE = 30.0  # seconds


class LostProcessError(PoetVAEError):
    """Another process of the training has gone."""


@dataclass(frozen=True)
class Group:
    """The processes of a training, `size` of them, seen from the one that computes on `device`.

    Rank 0 alone reads the corpus, validates, writes and speaks; `restarted` tells whether
    `torchrun` started them anew after a failure.
    """

    device: torch.device
    rank: int = 0
    size: int = 1
    restarted: bool = False

    @property
    def main(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, slices: int) -> range:
        """Which of so many slices are this process's."""
        return range(self.rank, slices, self.size)

    def wait(self) -> None:
        """Until all processes are here."""
        self.highest([0])

    def highest(self, values: Sequence[int]) -> list[int]:
        """The highest value of all processes at each place; LostProcessError: one has gone."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values)  # on the CPU: nobody waits for a GPU to know
        with _lost():
            distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return list(map(int, shared.tolist()))

    def all_reduce(self, parameters: Iterable[Tensor], others: Sequence[Tensor]) -> None:
        """Sum the gradients, and other tensors, over the processes: in place, in one message.

        A parameter without gradient in all processes stays without; LostProcessError: one has gone.
        """
        if self.size == 1:
            return
        parts, known = list(others), list(parameters)
        reached = self.highest([p.grad is not None for p in known])
        for parameter in compress(known, reached):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parts.append(parameter.grad)
        flat = torch.cat([part.flatten() for part in parts])
        with _lost():
            distributed.all_reduce(flat)
        for part, total in zip(parts, torch.split(flat, [p.numel() for p in parts]), strict=True):
            part.copy_(total.view_as(part))


def alone(device: torch.device | str = "cpu") -> Group:
    """A process that trains by itself."""
    return Group(torch.device(device))


@contextlib.contextmanager
def processes(device: str = "auto") -> Iterator[Group]:
    """The group that `torchrun` has started this process in; without it, a group of one.

    The device is that of `choose_device`; of several GPUs each process takes its own. Raises
    ConfigError: it cannot be used here; LostProcessError: another process has gone.
    """
    with _ending_with_agent():
        yield from _processes(choose_device(device))


def _processes(chosen: torch.device) -> Iterator[Group]:
    size = int(os.environ.get("WORLD_SIZE", "1"))
    restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    if size == 1 or "RANK" not in os.environ:
        yield Group(chosen, restarted=restarted)
        return
    if chosen.type == "cuda" and chosen.index is None:
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
    there = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    with _lost():
        store, rank, size = next(rendezvous("env://", timeout=_MET if there else _PATIENCE))
        store.set_timeout(_PATIENCE)
        store = meeting(store, rank, size)
        how = {"rank": rank, "world_size": size, "timeout": _PATIENCE}
        distributed.init_process_group(backend, store=store, **how)
    group = Group(chosen, rank, size, restarted)
    yield group  # after a failure the process ends, and what it is connected with notices
    group.wait()
    distributed.destroy_process_group()


@contextlib.contextmanager
def _ending_with_agent() -> Iterator[None]:
    """While this lasts, a process that torchrun has started ends with torchrun's own: that stops it
    as SIGTERM does, with a checkpoint, and what hangs after `_GRACE` at once. Without anybody to
    start them anew, or to stop them, processes would be in the way of the next training."""
    parent, over = os.getppid(), threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                if not over.wait(_GRACE):
                    os._exit(128 + signal.SIGTERM)

    if "TORCHELASTIC_RUN_ID" in os.environ:
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def meeting(store: Store, rank: int, size: int) -> Store:
    """A part of a store that all processes of a start share, and none of a start before.

    torchrun gives processes that it starts anew the store of those that have gone, whose addresses
    they would then wait for. So each brings a token, the first one lists the tokens it has got, and
    once all have seen their own among them, that list names the part.
    """
    mine = secrets.token_hex(8)
    store.set(f"token/{rank}", mine)
    while True:
        if rank == 0:
            store.set("plan", " ".join(store.get(f"token/{r}").decode() for r in range(size)))
        plan = store.get("plan").decode()
        if mine in plan:
            store.set(f"seen/{rank}", plan)
        seen = [f"seen/{r}" for r in range(size)]
        if rank == 0 and store.check(seen) and all(store.get(r).decode() == plan for r in seen):
            store.set("agreed", plan)
        if store.check(["agreed"]) and mine in (agreed := store.get("agreed").decode()):
            return PrefixStore(agreed, store)
        time.sleep(0.02)


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            _(
                "another process of this training has gone; the last checkpoint stands: "
                "start them again with --resume, or let torchrun do it by --max-restarts"
            )
        ) from error
