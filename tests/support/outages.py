"""Databases that cannot be used at one call, or from one call on: what a caller is told then must be true."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from store_kit.cassandra.keyspace import Cassandra
from store_kit.problems import DatabaseUnavailable, Problem, Unavailable
from store_kit.sqlite.database import Sqlite

from tests.support.services import empty

T = TypeVar("T")
_PLAIN: Final = ("all", "one", "pages")
"""What a database offers that is no coroutine: SQLite's reads, and Cassandra's reads in pages."""
_MOST: Final = 200


@dataclass
class Outage:
    """Makes one call fail before it does anything, with `DatabaseUnavailable`.

    Args:
        at: which call it is, of those made while it is armed; the first is 0.
        lasting: whether all later ones fail, too.
    """

    at: int
    lasting: bool
    armed: bool = False
    calls: int = 0
    struck: str = ""
    """The call that failed first."""

    def of(self, store: T) -> T:
        """Return a store or a database all of whose calls may fail."""
        return cast("T", _Cut(store, self))

    def reach(self, call: str) -> None:
        """Fail here if it is the turn of this call.

        Raises:
            DatabaseUnavailable: it is.
        """
        if not self.armed:
            return
        at, self.calls = self.calls, self.calls + 1
        if at == self.at or (self.lasting and at > self.at):
            self.struck = self.struck or call
            raise DatabaseUnavailable(f"cut off at {call}")


class _Cut:
    def __init__(self, real: Any, outage: Outage) -> None:
        self._real = real
        self._outage = outage

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            self._outage.reach(name)
            return await found(*args, **kwargs)

        def plain(*args: Any, **kwargs: Any) -> Any:
            self._outage.reach(name)
            return found(*args, **kwargs)

        if inspect.iscoroutinefunction(found):
            return awaited
        return plain if name in _PLAIN else found


@dataclass
class Databases:
    """Makes databases of one kind for a trial each, as often as it is asked.

    Args:
        kind: what the databases are, such as "sqlite".
        folder: for files.
        keyspace: a Cassandra's; it is emptied once, so the worlds in it need names of their own.
        worlds: how many trials there were.
    """

    kind: str
    folder: Path
    keyspace: Cassandra | None
    worlds: int = 0
    _opened: list[Sqlite] = field(default_factory=list)

    async def sqlite(self, schema: Traversable) -> Sqlite:
        """Return a new file, open."""
        self.worlds += 1
        db = Sqlite(self.folder / f"{self.worlds}.db", schema, synchronous="OFF")
        await db.open()
        self._opened.append(db)
        return db

    async def cassandra(self) -> Cassandra:
        """Return the keyspace."""
        assert self.keyspace is not None
        self.worlds += 1
        if self.worlds == 1:
            await empty(self.keyspace)
        return self.keyspace

    async def close(self) -> None:
        """Close what was opened."""
        for db in self._opened:
            await db.close()


@dataclass(frozen=True)
class Trial:
    """One request to a service whose database may fail.

    Args:
        request: makes it.
        state: returns what is durable, as whoever asks later is told.
    """

    request: Callable[[], Awaitable[object]]
    state: Callable[[], Awaitable[object]]


async def assert_unavailable_means_unchanged(begin: Callable[[Outage], Awaitable[Trial]]) -> int:
    """Fail each call of a request once, alone and with all that follow; return how many calls the request has.

    A request that ends with `DatabaseUnavailable` must have changed nothing. Without an outage it must change
    something, so that a request that does nothing does not pass.

    Args:
        begin: prepares a shop of its own, whose databases are those of the outage.
    """
    calls = 0
    for lasting in (False, True):
        for at in range(_MOST):
            outage = Outage(at, lasting)
            if not await _is_struck(await begin(outage), outage):
                calls = outage.calls
                break
        else:
            raise AssertionError(f"more than {_MOST} calls")
    return calls


async def _is_struck(trial: Trial, outage: Outage) -> bool:
    before = await trial.state()
    outage.armed = True
    told: Problem | None = None
    try:
        await trial.request()
    except Problem as problem:
        told = problem
    outage.armed = False
    after = await trial.state()
    if not outage.struck:
        if isinstance(told, Unavailable):
            raise told
        assert after != before, "the request changes nothing"
    elif isinstance(told, DatabaseUnavailable):
        where = f"call {outage.at} ({outage.struck}), lasting: {outage.lasting}"
        assert after == before, f"it was changed, though the caller heard that nothing was: {where}"
    return bool(outage.struck)
