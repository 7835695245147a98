"""Signals while votes are asked for: the first lets the calls under way end, which may have been paid for."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import AsyncIterator
from types import FrameType, TracebackType
from typing import Any

from medcalc_assets.auditors.flow import Flow, Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger(__name__)


class Drained:
    """Within it the first SIGINT or SIGTERM stops the flow, and is raised once it is left: when the calls under way have
    ended, and their answers are in the ledger. A second one acts at once, as it does elsewhere.

    Signals are those of the main thread; in another nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._received: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flows: list[Flow] = []

    def __enter__(self) -> "Drained":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._restore()
        if self._received is not None:
            signal.raise_signal(self._received)

    @contextlib.asynccontextmanager
    async def by(self, flow: Flow) -> AsyncIterator[None]:
        """While calls of this flow are made."""
        self._loop = asyncio.get_running_loop()
        self._flows.append(flow)
        if self._received is not None:
            flow.stop(Stopped())
        yield

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._received = number
        self._restore()
        if self._loop:
            under_way = sum(flow.in_flight for flow in self._flows)
            log.info("%d calls under way are waited for. Once more to stop at once.", under_way)
            for flow in self._flows:
                self._loop.call_soon_threadsafe(flow.stop, Stopped())

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
