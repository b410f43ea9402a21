"""A payment provider that is built in: a durable store of its own, test tokens for every way it can answer.

A real provider's adapter takes its place behind the same port. The rules are those of the good ones: the key
(the order's id) makes a charge repeatable, a key has one amount for ever, and a refund of a key that was never
charged voids it, so that a charge that arrives late finds the door shut.
"""

from dataclasses import replace
from typing import Final, Protocol

from store_kit.problems import OutcomeUnknown

from store_order.ports import ChargeDeclined, ChargeRefused, Payment

APPROVE: Final = "tok_approve"
DECLINE: Final = "tok_decline"
TIMEOUT: Final = "tok_timeout"
"""The charge happens, its answer is lost."""
TIMEOUT_LOST: Final = "tok_timeout_lost"
"""The charge never arrives, and so has no answer."""
TOKENS: Final = (APPROVE, DECLINE, TIMEOUT, TIMEOUT_LOST)

_CHARGED, _DECLINED, _VOIDED, _REFUNDED = "CHARGED", "DECLINED", "VOIDED", "REFUNDED"
_CLOSED_AS: Final = {_CHARGED: _REFUNDED, _DECLINED: _VOIDED}


class PaymentStore(Protocol):
    """What the provider needs from a database: a row for each key, changed by compare-and-set."""

    async def insert_payment(self, key: str, payment: Payment) -> Payment:
        """Write a payment unless the key is known; return what is known now."""

    async def close_payment(self, key: str, was: str, to: Payment) -> bool:
        """Replace a payment that is in state `was`; return whether it is now as given."""

    async def find_payment(self, key: str) -> Payment | None:
        """Return what is known under a key; None when nothing is."""


class SimulatedPayments:
    """The simulated provider.

    Args:
        payments: where it keeps what it knows.
    """

    def __init__(self, payments: PaymentStore) -> None:
        self._payments = payments

    async def charge_order(self, order_id: str, amount_minor: int, currency: str, token: str) -> None:
        """Take the money, once by order id; what the token says decides the answer.

        Raises:
            ChargeDeclined: the token says so.
            ChargeRefused: the key has another amount, or was voided or refunded.
            OutcomeUnknown: the answer was lost.
        """
        if token == TIMEOUT_LOST:
            raise OutcomeUnknown("The payment provider did not answer.")
        state = _DECLINED if token == DECLINE else _CHARGED
        asked = Payment(state, amount_minor, currency, int(state == _CHARGED), 0)
        known = await self._payments.insert_payment(order_id, asked)
        if token == TIMEOUT:
            raise OutcomeUnknown("The payment provider did not answer in time.")
        _judge(known, amount_minor, currency)

    async def find_payment(self, order_id: str) -> Payment | None:
        """Return what is known under an order's id; None when nothing is."""
        return await self._payments.find_payment(order_id)

    async def refund_order(self, order_id: str) -> None:
        """Give back what was taken, once; without a charge void the key."""
        known = await self._payments.find_payment(order_id)
        if known is None:
            known = await self._payments.insert_payment(order_id, Payment(_VOIDED, 0, "", 0, 0))
        # A charge may have come between the two: then it is refunded like any other.
        if known.state in _CLOSED_AS:
            to = _CLOSED_AS[known.state]
            back = known.refunds + int(known.state == _CHARGED)
            closed = replace(known, state=to, refunds=back)
            await self._payments.close_payment(order_id, known.state, closed)


def _judge(known: Payment, amount_minor: int, currency: str) -> None:
    if known.state in (_VOIDED, _REFUNDED):
        raise ChargeRefused
    if (known.amount_minor, known.currency) != (amount_minor, currency):
        raise ChargeRefused
    if known.state == _DECLINED:
        raise ChargeDeclined
