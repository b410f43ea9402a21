"""What the errors of the Cassandra driver mean to the shop: nothing happened, or the outcome is not known yet."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from cassandra import DriverException, RequestValidationException
from cassandra import Unavailable as TooFewReplicas
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage, IsBootstrappingErrorMessage
from cassandra.protocol import RequestValidationException as RequestValidationMessage

from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable, Problem

NO_ANSWER: Final = "The database did not answer in time; try again shortly."
_REFUSED: Final = (NoHostAvailable, TooFewReplicas, IsBootstrappingErrorMessage)
"""No replica was asked: no connection, too few replicas, a coordinator that is still starting.

A coordinator that is overloaded is not among them: it may find that out while it commits a compare-and-set
that the replicas have accepted.
"""
_OURS: Final = (RequestValidationException, RequestValidationMessage)
"""Wrong CQL, a missing table, a missing right: the statement was refused as such."""
_DRIVERS: Final = (DriverException, ErrorMessage, ConnectionException)
"""Timeouts, failures, lost connections, and what the driver has no exception for and hands out as the bare
message: CAS_WRITE_UNKNOWN (0x1700), SERVER_ERROR, OVERLOADED."""


def classify(error: BaseException) -> DatabaseUnavailable | DatabaseOutcomeUnknown | None:
    """Return what an error means; None for a fault in our code. What is not known to be harmless is in doubt."""
    if isinstance(error, DatabaseUnavailable | DatabaseOutcomeUnknown):
        return error
    if isinstance(error, _REFUSED):
        return DatabaseUnavailable("The database cannot do this now; try again shortly.")
    if isinstance(error, _OURS):
        return None
    if isinstance(error, (*_DRIVERS, TimeoutError)):
        return still_unknown()
    return None


def read_error(error: BaseException) -> DatabaseUnavailable | None:
    """Return what an error means to a caller that only read: nothing can have changed."""
    problem = classify(error)
    return DatabaseUnavailable(NO_ANSWER) if isinstance(problem, DatabaseOutcomeUnknown) else problem


@contextlib.contextmanager
def translate_errors(meaning: Callable[[BaseException], Problem | None]) -> Iterator[None]:
    """Raise what an error means in place of the error, unless it is a fault in our code."""
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
