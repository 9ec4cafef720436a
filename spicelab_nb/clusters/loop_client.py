"""A Dask client that leaves nothing behind when it cannot connect.

Dask's own one starts its loop under a lock of the process, waiting ten seconds for the thread. A
client that failed to connect stays open until it is collected; where that happens in the new
thread, it waits for the same lock, and the one that is being made fails with a bare
``AssertionError``. This one is closed when it fails, and brings its loop along.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from distributed import client
from tornado.ioloop import IOLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["Client"]

END_LIMIT = 5.0
"""Seconds for which the end of a loop is waited for; its thread is a daemon."""

_Untyped: Any = client.Client  # half of its methods have no types


class Client(_Untyped):  # type: ignore[misc]
    """A client with a loop of its own, which ends with it.

    Parameters
    ----------
    address
        The scheduler's.
    name
        The client's, and its thread's.
    options
        As for ``distributed.Client``.
    """

    def __init__(self, address: str, *, name: str, **options: Any) -> None:
        self._own = _LoopThread(name)
        try:
            super().__init__(address, name=name, loop=self._own.loop, **options)
        except BaseException:
            self._own.stop()
            raise

    def start(self, **options: Any) -> None:
        """Connect, or be closed."""
        try:
            super().start(**options)
        except BaseException:
            self.close(timeout=END_LIMIT)
            raise

    def close(self, *args: Any, **options: Any) -> Any:
        """Disconnect, and end the loop."""
        try:
            return super().close(*args, **options)
        finally:
            self._own.stop()


class _LoopThread:
    """A running loop in a thread."""

    def __init__(self, name: str) -> None:
        self._running: Future[IOLoop] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(self._main(),), name=name, daemon=True
        )
        self._thread.start()
        self.loop = self._running.result()

    def _run(self, main: Coroutine[Any, Any, None]) -> None:
        try:
            asyncio.run(main)
        except BaseException as error:
            if self._running.done():
                raise
            self._running.set_exception(error)

    async def _main(self) -> None:
        self._stopped = asyncio.Event()
        self._running.set_result(IOLoop.current())
        await self._stopped.wait()

    def stop(self) -> None:
        """Cancel what still runs on the loop, and end it."""
        if self._thread.is_alive():
            self.loop.add_callback(self._stopped.set)
            if threading.current_thread() is not self._thread:
                self._thread.join(END_LIMIT)
