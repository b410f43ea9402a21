"""Password hashes by argon2id, in a few threads, with a bounded queue."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher
from store_kit.running.memory import give_back_memory
from store_kit.telemetry.metrics import Metrics

from store_user.problems import TooBusy
from store_user.settings import UserSettings

T = TypeVar("T")
_NICENESS: Final = 10
_WEIGHT_OF_THE_LAST: Final = 0.2
_LULL_S: Final = 2.0


class Argon2Passwords:
    """The port `Passwords`.

    A hash costs 19 MiB and some 20 ms by design. So two are computed at once and 256 may wait. Any more, and those that
    would wait longer than some seconds, are told to come back: memory and waiting time stay bounded. The threads yield
    to the event loop, so on a busy machine a hash takes much longer than alone. Their memory is kept from hash to hash,
    since new pages would make each a third dearer, and given back once no password has come for two seconds.
    """

    def __init__(self, settings: UserSettings, metrics: Metrics) -> None:
        self._hasher = Argon2Hasher(
            settings.user_argon2_time_cost, settings.user_argon2_memory_kib, settings.user_argon2_lanes
        )
        self._threads = settings.user_argon2_threads
        self._most = settings.user_argon2_threads + settings.user_argon2_queue
        self._longest_wait_s = settings.user_argon2_wait_s
        self._present = 0
        self._hash_s = 0.0
        self._pool: ThreadPoolExecutor | None = None
        self._decoy = ""
        self._lull: asyncio.TimerHandle | None = None
        metrics.gauge("store_password_hashes_pending", "Passwords being hashed or waiting.").set_function(
            lambda: self._present
        )
        self._seconds = metrics.histogram("store_password_hash_seconds", "Time in the queue and of hashing.")
        self._refused = metrics.counter("store_password_hashes_refused_total", "Answered 503: queue full.")

    async def open(self) -> None:
        """Start the threads; make the hash that passwords of unknown accounts are compared with."""
        self._pool = ThreadPoolExecutor(
            self._threads, thread_name_prefix="argon2", initializer=_lower_priority
        )
        self._decoy = await self.hash_password(secrets.token_urlsafe())

    async def close(self) -> None:
        """Finish what is being hashed, then end the threads."""
        pool, self._pool = self._pool, None
        if self._lull is not None:
            self._lull.cancel()
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def hash_password(self, password: str) -> str:
        """Return the hash to store."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify_password(self, password: str, password_hash: str | None) -> bool:
        """Compare; without a hash it takes the same time and fails."""
        matches = await self._run(lambda: self._hasher.verify(password, password_hash or self._decoy))
        return matches and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._present >= self._most or self._expected_wait_s() > self._longest_wait_s:
            raise self._refuse()
        self._present += 1
        started = time.perf_counter()
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work, started)
        # Counted until the thread is done with it, even if the caller has gone.
        future.add_done_callback(lambda _: self._done(started))
        return await asyncio.shield(future)

    def _expected_wait_s(self) -> float:
        """Return how long a new password would wait for a thread."""
        return max(0, self._present - self._threads) * self._hash_s / self._threads

    def _refuse(self) -> TooBusy:
        self._refused.inc()
        return TooBusy("Too many people are signing in; try again in a moment.", retry_after_s=2)

    def _timed(self, work: Callable[[], T], asked_at: float) -> T:
        """Do the work, in a thread, unless it waited for too long; remember how long one takes these days."""
        begun = time.perf_counter()
        if begun - asked_at > self._longest_wait_s:
            raise self._refuse()
        done = work()
        self._hash_s += (time.perf_counter() - begun - self._hash_s) * _WEIGHT_OF_THE_LAST
        return done

    def _done(self, started: float) -> None:
        self._present -= 1
        self._seconds.observe(time.perf_counter() - started)
        if self._lull is not None:
            self._lull.cancel()
        self._lull = asyncio.get_running_loop().call_later(_LULL_S, self._give_memory_back)

    def _give_memory_back(self) -> None:
        if self._pool is not None and not self._present:
            # Not in the pool: others wait for the heap meanwhile, and its threads yield to everybody.
            asyncio.get_running_loop().run_in_executor(None, give_back_memory)


def _lower_priority() -> None:
    """Lower the priority of this thread alone: the event loop serves every request.

    On Linux niceness belongs to the thread; elsewhere it would slow the whole process, so it is left alone.
    """
    if sys.platform == "linux":
        os.nice(_NICENESS)
