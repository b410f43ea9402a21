"""What the errors of the Cassandra driver mean to the shop: nothing happened, or nobody knows (yet)."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from typing import Final

from cassandra import DriverException, RequestValidationException
from cassandra import Unavailable as TooFewReplicas
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage, IsBootstrappingErrorMessage
from cassandra.protocol import RequestValidationException as RequestValidationMessage

from store_kit.deadline import remaining_s
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable, Problem

NO_ANSWER: Final = "The database did not answer in time; try again shortly."
_PATIENCE_S: Final = 2.0
"""How long an outcome that is in doubt is looked for: a lost connection is back within a second."""
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.5
_REFUSED: Final = (NoHostAvailable, TooFewReplicas, IsBootstrappingErrorMessage)
"""No replica was asked: no connection, too few replicas, a coordinator that is not one yet.

A coordinator that is overloaded is not among them: it may find that out while it commits a compare-and-set
that the replicas have accepted.
"""
_OURS: Final = (RequestValidationException, RequestValidationMessage)
"""Wrong CQL, a missing table, a missing right: the statement was refused as such."""
_DRIVERS: Final = (DriverException, ErrorMessage, ConnectionException)
"""Timeouts, failures, lost connections, and what the driver has no exception for and hands out as the bare
message: CAS_WRITE_UNKNOWN (0x1700), SERVER_ERROR, OVERLOADED."""


def problem_of(error: BaseException) -> DatabaseUnavailable | DatabaseOutcomeUnknown | None:
    """Say what an error means; None for faults of ours. What is not known to be harmless is in doubt."""
    if isinstance(error, DatabaseUnavailable | DatabaseOutcomeUnknown):
        return error
    if isinstance(error, _REFUSED):
        return DatabaseUnavailable("The database cannot do this now; try again shortly.")
    if isinstance(error, _OURS):
        return None
    if isinstance(error, (*_DRIVERS, TimeoutError)):
        return still_unknown()
    return None


def unread(error: BaseException) -> DatabaseUnavailable | None:
    """Say what an error means to who only asked: there is no doubt about what a question changed."""
    problem = problem_of(error)
    return DatabaseUnavailable(NO_ANSWER) if isinstance(problem, DatabaseOutcomeUnknown) else problem


@contextlib.contextmanager
def told(meaning: Callable[[BaseException], Problem | None]) -> Iterator[None]:
    """Raise what an error means instead of the error, unless it is a fault of ours."""
    try:
        yield
    except Exception as error:
        problem = meaning(error)
        if problem is None or problem is error:
            raise
        raise problem from error


def still_unknown() -> DatabaseOutcomeUnknown:
    """Return what to raise when the outcome of a write could not be learnt."""
    return DatabaseOutcomeUnknown("The database did not confirm; repeat with the same key.")


class Patience:
    """Pauses between tries to learn an outcome, for as long as the request's budget and ours allow.

    Args:
        hopeless: whether no try can succeed as things are.
    """

    def __init__(self, hopeless: Callable[[], bool]) -> None:
        self._hopeless = hopeless
        self._until = time.monotonic() + min(_PATIENCE_S, remaining_s(_PATIENCE_S))
        self._pause_s = _FIRST_PAUSE_S

    async def pause(self) -> bool:
        """Wait a little; False when there is no time for that, or no sense in it."""
        pause_s = self._pause_s * random.uniform(0.5, 1)  # noqa: S311 - so that not all come back at once
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        if self._hopeless() or time.monotonic() + pause_s > self._until:
            return False
        await asyncio.sleep(pause_s)
        return True
