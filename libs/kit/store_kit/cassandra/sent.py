"""A statement on its way: the driver's, without what it does for threads that wait (ADR 44)."""

import asyncio
import contextlib
import time
from typing import Any

from cassandra import OperationTimedOut
from cassandra.cluster import ExecutionProfile, ResponseFuture, Session
from cassandra.protocol import BatchMessage, ExecuteMessage

from store_kit.cassandra.codec import Codec
from store_kit.cassandra.hosts import SuspectHosts
from store_kit.cassandra.loop_connection import Loop
from store_kit.cassandra.prepared import Bound

Answer = tuple[list[tuple[Any, ...]], bytes | None]
"""Rows, and where the next page begins."""


class _Answered:
    """Whether there is an answer; it replaces the driver's `threading.Event`, which costs 6 us."""

    __slots__ = ("_answer",)

    def __init__(self, answer: "asyncio.Future[Answer]") -> None:
        self._answer = answer

    def is_set(self) -> bool:
        return self._answer.done()


class Sent(ResponseFuture):  # type: ignore[misc]  # the driver ships no types
    """Sends a statement; which hosts are asked, and when a second one is, is up to the driver.

    Args:
        session: the driver's.
        message: to be sent.
        bound: the statement in it, or the first of them: it decides which replicas are asked.
        profile: how it is sent.
        timeout_s: how long an answer may take.
        loop: where it is made, and where the answer goes.
        suspects: where a host is noted that did not answer.
    """

    _protocol_handler = Codec

    def __init__(
        self,
        session: Session,
        message: ExecuteMessage | BatchMessage,
        bound: Bound,
        profile: ExecutionProfile,
        timeout_s: float,
        loop: Loop,
        suspects: SuspectHosts,
    ) -> None:
        # Not the driver's own: its locks and lists cost more than all of this.
        self.session = session
        self.message = message
        self.query = bound
        self.prepared_statement = bound.prepared if type(message) is ExecuteMessage else None
        self.timeout = timeout_s
        self.row_factory = profile.row_factory
        self._load_balancer = profile.load_balancing_policy
        self._retry_policy = profile.retry_policy
        if bound.is_idempotent:
            self._spec_execution_plan = profile.speculative_execution_policy.new_plan(bound.keyspace, bound)
        self._start_time = time.time()
        self._errors: dict[Any, Exception] = {}
        self.attempted_hosts: list[Any] = []
        self.answer: asyncio.Future[Answer] = loop.asyncio.create_future()
        self._event = _Answered(self.answer)
        self._loop = loop
        self._suspects = suspects
        self._make_query_plan()
        self._start_timer()
        self.send_request()

    # The driver calls these where an answer or a failure is final: failures on any of its threads.

    def _set_final_result(self, response: list[tuple[Any, ...]] | None) -> None:
        self._cancel_timer()
        self._hand_over((response or [], self._paging_state), None)

    def _set_final_exception(self, response: Exception) -> None:
        self._cancel_timer()
        self._final_exception = response
        if isinstance(response, OperationTimedOut) and response.last_host is not None:
            self._suspects.add(response.last_host)
        self._hand_over(None, response)

    def _hand_over(self, result: Answer | None, error: Exception | None) -> None:
        if self._loop.is_here:
            _settle(self.answer, result, error)
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: there is nothing left to wake
                self._loop.soon(_settle, self.answer, result, error)


def _settle(answer: "asyncio.Future[Answer]", result: Answer | None, error: Exception | None) -> None:
    if answer.done():  # the caller is gone
        return
    if result is not None:
        answer.set_result(result)
    else:
        answer.set_exception(error or RuntimeError("no answer"))
