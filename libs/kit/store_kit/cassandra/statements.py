"""Sending one statement to a keyspace: prepared once, bounded in time, counted, its errors translated."""

import asyncio
import functools
import time
from collections.abc import Sequence
from typing import Any

from cassandra.cluster import Session

from store_kit.cassandra.connection import Connection
from store_kit.cassandra.driver import WRITE, batch_of, message_of
from store_kit.cassandra.errors import classify, read_error, translate_errors
from store_kit.cassandra.prepared import Bound, Known, Prepared
from store_kit.cassandra.sent import Answer
from store_kit.deadline import remaining_s
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.telemetry.metrics import Metrics

Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
"""CQL with `?` for its parameters, and the parameters."""


class Statements:
    """What sends statements; `Reads` and `Writes` say what they mean.

    Args:
        connection: the way to the cluster.
        metrics: where operations are counted.
        timeout_s: the longest wait for one answer; never longer than the request's budget.
    """

    def __init__(self, connection: Connection, metrics: Metrics, timeout_s: float) -> None:
        self._connection = connection
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._in_flight = 0
        in_flight = metrics.gauge("store_cassandra_in_flight", "Statements that wait for their answer.")
        in_flight.set_function(lambda: self._in_flight)
        unknown = metrics.counter(
            "store_cassandra_unknown_outcomes_total", "Writes whose answer never came.", ("operation",)
        )
        # To find a series by its label costs 2 us.
        self._unknown = functools.cache(unknown.labels)

    def _time_left(self) -> float:
        """Return how long an answer may take: no longer than our caller waits."""
        timeout_s = min(self._timeout_s, remaining_s(self._timeout_s))
        if timeout_s <= 0:
            raise DatabaseUnavailable("No time was left to ask the database.")
        return timeout_s

    async def _prepare(self, prepared: Prepared, cql: str) -> Known:
        with translate_errors(read_error):
            return await asyncio.wait_for(asyncio.shield(prepared.asked(cql)), self._time_left())

    async def _execute(
        self,
        session: Session,
        operation: str,
        bound: Sequence[Bound],
        profile: str | object,
        size: int | None = None,
        state: bytes | None = None,
    ) -> Answer:
        timeout_s = self._time_left()
        started, outcome = time.perf_counter(), "cancelled"
        # There before the first loss: a rate over a series that just appeared would miss its first step.
        unknown = self._unknown(operation) if profile is WRITE else None
        self._in_flight += 1
        try:
            how = session.get_execution_profile(profile)
            message = (
                batch_of(session, bound, how)
                if len(bound) > 1
                else message_of(session, bound[0], how, size, state)
            )
            answer = await self._connection.send(session, message, bound[0], how, timeout_s)
        except Exception as error:
            problem = classify(error)
            outcome = type(error).__name__ if problem is None else problem.slug
            if isinstance(problem, DatabaseOutcomeUnknown) and unknown is not None:
                unknown.inc()
            if problem is None or problem is error:
                raise
            raise problem from error
        else:
            outcome = "ok"
            return answer
        finally:
            self._in_flight -= 1
            self._metrics.observe_db("cassandra", operation, outcome, time.perf_counter() - started)
