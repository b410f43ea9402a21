"""Tokens that end early, scopes, and the events that tell of it."""

from typing import Any

import pytest
from store_kit.access.revocations import FollowRevocations, trust_in
from store_kit.access.tokens import TokenVerifier
from store_kit.client.client import ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.problems import InvalidToken
from store_kit.settings import StoreSettings
from store_kit.shop import Scope
from store_kit.telemetry.metrics import Metrics
from store_kit.telemetry.security_events import SecurityEvents

from tests.support.clock import ManualClock
from tests.support.services import TestIssuer, free_port

pytestmark = pytest.mark.anyio


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer(StoreSettings())


@pytest.fixture
def verifier(issuer: TestIssuer) -> TokenVerifier:
    return issuer.verifier()


async def test_a_token_of_an_earlier_epoch_ends(issuer: TestIssuer, verifier: TokenVerifier) -> None:
    """Known or not seen before, it is refused once the list names a later epoch; others and later ones are not."""
    known, unknown = (issuer.token("ann", epoch=1, jti=name) for name in "ab")
    later, bobs, old = issuer.token("ann", epoch=2), issuer.token("bob", epoch=1), issuer.token("eve")
    for token in (known, later, bobs, old):
        await verifier.verify(token)
    verifier.follow({"ann": 2, "eve": 2})
    for token in (known, unknown, old):
        with pytest.raises(InvalidToken, match="ended"):
            await verifier.verify(token)
    assert (await verifier.verify(later)).epoch == 2
    assert (await verifier.verify(bobs)).epoch == 1
    verifier.follow({})
    assert (await verifier.verify(known)).subject == "ann"


@pytest.mark.parametrize("claims", [{"epoch": "2"}, {"epoch": True}, {"epoch": 1.5}, {"scope": ["stock"]}])
async def test_claims_of_another_kind_are_refused(
    issuer: TestIssuer, verifier: TokenVerifier, claims: dict[str, Any]
) -> None:
    """An epoch is a number, a scope is text."""
    with pytest.raises(InvalidToken):
        await verifier.verify(issuer.token("ann", **claims))


async def test_scopes_are_read_from_the_token(issuer: TestIssuer, verifier: TokenVerifier) -> None:
    """A list in one text, as RFC 8693 writes it."""
    principal = await verifier.verify(issuer.token("service:order", ["service"], scope="stock carts.read"))
    assert principal.scopes == {Scope.STOCK, Scope.CARTS_READ}


async def test_a_list_that_cannot_be_fetched_changes_nothing_and_gets_old() -> None:
    """What was known stays; the age says how long ago that was."""
    settings = StoreSettings(user_url=f"http://127.0.0.1:{free_port()}", peer_attempts=1)
    metrics, issuer = Metrics("cart"), TestIssuer(settings)
    verifier = issuer.verifier()
    verifier.follow({"ann": 2})
    users = ServiceClient(
        "user", settings.user_url, settings=settings, metrics=PeerMetrics(metrics), tokens=None
    )
    await users.open()
    assert await FollowRevocations(verifier, users, metrics)() == 0
    await users.close()
    with pytest.raises(InvalidToken):
        await verifier.verify(issuer.token("ann", epoch=1))
    text = metrics.exposition()[0].decode()
    age = next(line for line in text.splitlines() if line.startswith("store_revocations_age_seconds "))
    assert float(age.split()[1]) > 0


def test_who_brings_a_verifier_follows_nobody(verifier: TokenVerifier) -> None:
    """A test's issuer has no list; without one the user service's is followed."""
    settings, metrics = StoreSettings(), Metrics("cart")
    users = ServiceClient(
        "user", settings.user_url, settings=settings, metrics=PeerMetrics(metrics), tokens=None
    )
    shared = {"settings": settings, "metrics": metrics, "clock": ManualClock()}
    assert trust_in(users, verifier=verifier, **shared).workers == ()  # type: ignore[arg-type]  # of several types
    assert len(trust_in(users, **shared).workers) == 1  # type: ignore[arg-type]


def test_a_flood_of_refusals_does_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Fifty lines a second are written, all are counted, and the next line says how many were left out."""
    metrics, now = Metrics("cart"), [100.0]
    events = SecurityEvents(metrics, now_s=lambda: now[0])
    for _ in range(1_000):
        events.record("token.refused")
    now[0] += 1
    events.record("access.refused", subject="ann")
    assert 'store_security_events_total{event="token.refused"} 1000.0' in metrics.exposition()[0].decode()
    lines = [line for line in capsys.readouterr().out.splitlines() if "refused" in line]
    assert len(lines) == 51
    assert "950" in lines[-1]
