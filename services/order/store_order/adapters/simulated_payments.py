"""A payment provider that is built in: durable books of its own, test tokens for every way it can answer.

A real provider's adapter takes its place behind the same port. The rules are those of the good ones: the key
(the order's id) makes a charge repeatable, a key has one amount for ever, and a refund of a key that was never
charged voids it, so that a charge that arrives late finds the door shut.
"""

import sqlite3
from collections.abc import Callable
from typing import Final

from store_kit.clock import Clock
from store_kit.problems import OutcomeUnknown
from store_kit.sqlite import Sqlite

from store_order.ports import ChargeDeclined, ChargeRefused, Payment

APPROVE: Final = "tok_approve"
DECLINE: Final = "tok_decline"
TIMEOUT: Final = "tok_timeout"
"""The charge happens, its answer is lost."""
TIMEOUT_LOST: Final = "tok_timeout_lost"
"""The charge never arrives, and so has no answer."""
TOKENS: Final = (APPROVE, DECLINE, TIMEOUT, TIMEOUT_LOST)

_GET: Final = "SELECT state, amount_minor, currency, charges, refunds FROM payments WHERE payment_key = ?"
_PUT: Final = "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?)"
_REFUND: Final = (
    "UPDATE payments SET state = 'REFUNDED', refunds = refunds + 1, updated_ms = ? WHERE payment_key = ?"
)
_VOID: Final = "UPDATE payments SET state = 'VOIDED', updated_ms = ? WHERE payment_key = ?"


class SimulatedPayments:
    """The simulated provider on its own SQLite file."""

    def __init__(self, db: Sqlite, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def charge(self, order_id: str, amount_minor: int, currency: str, token: str) -> None:
        """Take the money, once by order id; what the token says decides the answer.

        Raises:
            ChargeDeclined: the token says so.
            ChargeRefused: the key has another amount, or was voided or refunded.
            OutcomeUnknown: the answer was lost.
        """
        if token == TIMEOUT_LOST:
            raise OutcomeUnknown("The payment provider did not answer.")
        state = "DECLINED" if token == DECLINE else "CHARGED"
        known = await self._db.write(
            "payments.charge", _charge(order_id, amount_minor, currency, state, self._clock.now_ms())
        )
        if token == TIMEOUT:
            raise OutcomeUnknown("The payment provider did not answer in time.")
        _judge(known, amount_minor, currency)

    async def find(self, order_id: str) -> Payment | None:
        """Return what is known under an order's id; None when nothing is."""
        row = self._db.one("payments.get", _GET, (order_id,))
        return Payment(*row) if row else None

    async def refund(self, order_id: str) -> None:
        """Give back what was taken, once; without a charge void the key."""
        await self._db.write("payments.refund", _refund(order_id, self._clock.now_ms()))


def _charge(
    key: str, amount_minor: int, currency: str, state: str, now_ms: int
) -> Callable[[sqlite3.Connection], Payment]:
    def work(connection: sqlite3.Connection) -> Payment:
        row = connection.execute(_GET, (key,)).fetchone()
        if row is not None:
            return Payment(*row)
        made = Payment(state, amount_minor, currency, int(state == "CHARGED"), 0)
        connection.execute(_PUT, (key, state, amount_minor, currency, made.charges, 0, now_ms))
        return made

    return work


def _refund(key: str, now_ms: int) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        row = connection.execute(_GET, (key,)).fetchone()
        if row is None:
            connection.execute(_PUT, (key, "VOIDED", 0, "", 0, 0, now_ms))
        elif row[0] == "CHARGED":
            connection.execute(_REFUND, (now_ms, key))
        elif row[0] == "DECLINED":
            connection.execute(_VOID, (now_ms, key))

    return work


def _judge(known: Payment, amount_minor: int, currency: str) -> None:
    if known.state in ("VOIDED", "REFUNDED"):
        raise ChargeRefused("This payment was voided; it cannot be charged any more.")
    if (known.amount_minor, known.currency) != (amount_minor, currency):
        raise ChargeRefused("This payment is known with another amount.")
    if known.state == "DECLINED":
        raise ChargeDeclined("The payment provider declined the payment.")
