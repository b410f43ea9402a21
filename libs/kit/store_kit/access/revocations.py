"""Which access tokens have ended before their time: a short list that every service follows from the user service.

Tokens stay verified locally. The list names accounts that changed within the life of an access token, each with the
epoch its tokens must have at least; it is fetched whole every few seconds. While it cannot be fetched, tokens live to
their end, and the age of the list says so.
"""

import time
from dataclasses import dataclass
from typing import Final

import msgspec

from store_kit.access.jwks import remote_verifier
from store_kit.access.tokens import TokenVerifier
from store_kit.client.client import ServiceClient
from store_kit.clock import Clock
from store_kit.problems import Problem
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import get_logger
from store_kit.telemetry.metrics import Metrics
from store_kit.workers import Worker

PATH: Final = "/internal/revocations"


class _List(msgspec.Struct):
    epochs: dict[str, int]


_decode: Final = msgspec.json.Decoder(_List).decode


class FollowRevocations:
    """One look at the list."""

    def __init__(self, verifier: TokenVerifier, users: ServiceClient, metrics: Metrics) -> None:
        self._verifier = verifier
        self._users = users
        self._known_at = time.monotonic()
        self._failing = False
        self._log = get_logger("revocations")
        metrics.gauge(
            "store_revocations_age_seconds",
            "How long ago the list of ended access tokens was fetched; tokens that ended since are still accepted.",
        ).set_function(lambda: time.monotonic() - self._known_at)

    async def __call__(self) -> int:
        """Fetch and apply it; what is there stays when that fails. Return 0: there is nothing more to do."""
        try:
            reply = await self._users.call("GET", PATH)
            epochs = _decode(reply.body).epochs if reply.ok else None
        except (Problem, msgspec.DecodeError):
            epochs = None
        if epochs is not None:
            self._verifier.follow(epochs)
            self._known_at = time.monotonic()
        elif not self._failing:
            # Once, not at every look: the age is a metric, and an alert is made of it.
            self._log.warning("revocations.not_fetched")
        self._failing = epochs is None
        return 0


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens a service believes, and what it runs to hear when they end."""

    verifier: TokenVerifier
    workers: tuple[Worker, ...] = ()


def trust_in(
    users: ServiceClient,
    *,
    settings: StoreSettings,
    metrics: Metrics,
    clock: Clock,
    verifier: TokenVerifier | None = None,
) -> Trust:
    """Return the trust in the user service.

    Args:
        users: how the user service is called, opened by the caller.
        settings: how often the list is fetched.
        metrics: where its age is shown.
        clock: whose time the pauses take.
        verifier: one that a test brings along; its issuer has no list to follow.
    """
    if verifier is not None:
        return Trust(verifier)
    verifier = remote_verifier(settings)
    follow = FollowRevocations(verifier, users, metrics)
    worker = Worker(f"{metrics.service}.revoke", follow, settings.revocations_every_s, clock)
    return Trust(verifier, (worker,))
