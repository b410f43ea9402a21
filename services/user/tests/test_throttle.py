"""The throttle of sign-ins: guessing is refused, the owner is never shut out, and it costs nothing."""

import asyncio
import time
from typing import Any

import pytest
from store_kit.clock import Clock, SystemClock
from store_kit.problems import TooManyRequests
from store_kit.running.service import Service
from store_user.adapters.memory_throttle import MemoryThrottle
from store_user.app import create_service
from store_user.ports import Caller
from store_user.settings import UserSettings
from store_user.use_cases import UseCases

from services.user.tests.conftest import Configure
from tests.support.clock import ManualClock
from tests.support.services import serve_service
from tests.support.wait import until

pytestmark = pytest.mark.anyio
EMAIL = "ann@example.com"
ACCOUNTS = 'lane="accounts",listener="user"'


def throttle(clock: Clock, **limits: str) -> MemoryThrottle:
    often = {"limit_account": "1000/hour", "slow_account": "1000/hour", "limit_address": "100000/hour"}
    settings = {f"user_login_{name}": rate for name, rate in (often | limits).items()}
    return MemoryThrottle(UserSettings.model_validate(settings), clock)


async def refused(attempts: MemoryThrottle, address: str) -> bool:
    """Say whether an attempt is refused at once."""
    try:
        await asyncio.wait_for(attempts.admit_login(EMAIL, Caller(address)), 0.05)
    except TooManyRequests:
        return True
    except TimeoutError:
        return False
    return False


async def test_guessing_from_one_address_does_not_lock_the_owner_out() -> None:
    """After far too many guesses the guesser's address is refused; the owner passes from anywhere else, at once."""
    attempts = throttle(ManualClock(), limit_account="20/hour")
    outcomes = [await refused(attempts, "203.0.113.9") for _ in range(100)]
    assert outcomes == [False] * 20 + [True] * 80
    async with asyncio.timeout(10):
        # If it had to wait, it would for ever: the clock stands still.
        await attempts.admit_login(EMAIL, Caller("198.51.100.1"))


async def test_guessing_from_everywhere_slows_the_account_for_two_seconds_at_most() -> None:
    """While an account is tried from many addresses, a new attempt waits and is then let through."""
    clock = ManualClock()
    attempts = throttle(clock, slow_account="10/hour")
    for number in range(10):
        await attempts.admit_login(EMAIL, Caller(f"203.0.113.{number}"))
    owner = asyncio.create_task(attempts.admit_login(EMAIL, Caller("198.51.100.1")))
    await asyncio.sleep(0)
    assert not owner.done()
    clock.advance(2.0)
    await owner


async def test_an_address_that_signed_in_before_does_not_wait() -> None:
    """The owner's own address is let through at once, however many try the account."""
    clock = ManualClock()
    attempts = throttle(clock, slow_account="10/hour")
    await attempts.forgive_attempts(EMAIL, Caller("198.51.100.1"))
    for number in range(10):
        await attempts.admit_login(EMAIL, Caller(f"203.0.113.{number}"))
    await attempts.admit_login(EMAIL, Caller("198.51.100.1"))
    assert not await refused(attempts, "203.0.113.77")  # it waits, as the clock stands still


async def test_those_who_wait_are_bounded() -> None:
    """Eight wait for one account, the ninth is told to come back; once they passed there is room again."""
    clock = ManualClock()
    attempts = throttle(clock, slow_account="1/hour")
    await attempts.admit_login(EMAIL, Caller("first"))
    waiting = [asyncio.create_task(attempts.admit_login(EMAIL, Caller(f"a{n}"))) for n in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests) as told:
        await attempts.admit_login(EMAIL, Caller("b"))
    assert told.value.headers["Retry-After"] == "2"
    clock.advance(2.0)
    await asyncio.gather(*waiting)
    assert not await refused(attempts, "c")


async def attempt_us(accounts: int) -> float:
    """Return what an attempt costs when so many accounts are being tried, in microseconds."""
    attempts = throttle(SystemClock())
    for number in range(accounts):
        await attempts.admit_login(f"p{number}@example.com", Caller(f"10.0.{number % 200}.1"))
    best = float("inf")
    for _ in range(5):
        begun = time.thread_time()  # of the processor: what others have of it meanwhile does not count
        for number in range(500):
            await attempts.admit_login(f"p{number}@example.com", Caller("10.1.1.1"))
        best = min(best, time.thread_time() - begun)
    return best / 500 * 1e6


async def test_an_attempt_costs_the_same_at_40_000_accounts_as_at_1_000() -> None:
    """The throttle must not become the attack: at most four times as much, and 50 us at most."""
    few, many = await attempt_us(1_000), await attempt_us(40_000)
    assert many <= max(50.0, 4 * few), (few, many)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/auth/token", {"data": {"username": EMAIL, "password": "x"}}),
        ("/api/auth/password-reset", {"json": {"token": "nobody.x", "new_password": "four red kettles"}}),
    ],
)
async def test_who_waits_takes_no_place_of_others(
    configure: Configure, path: str, body: dict[str, Any]
) -> None:
    """Attempts that the throttle lets wait, on a password or a one-time token, are not among the requests in hand."""
    service = create_service(configure(user_login_slow_account="1/hour"))
    async with serve_service(service) as client:
        assert (await client.post(path, **body)).status == 400
        waiting = asyncio.ensure_future(client.post(path, **body))

        async def stepped_aside() -> bool:
            text = await (await client.get("/metrics")).text()
            return f"store_requests_in_hand{{{ACCOUNTS}}} 0.0" in text and waits(service)

        await until(stepped_aside, "it waits beside the requests in hand")
        assert not waiting.done()
        assert (await waiting).status == 400


def waits(service: Service) -> bool:
    """Say whether an attempt waits in the throttle of a service."""
    cases: UseCases = service.app.state.api.use_cases
    attempts = cases.delete_account.confirm.throttle
    assert isinstance(attempts, MemoryThrottle)
    return attempts.waiting == 1


async def test_no_password_waits_long_for_a_thread(configure: Configure) -> None:
    """With one slow thread and a short wait allowed, a crowd is answered soon: some by 400, the rest by 503."""
    slow = {"user_argon2_threads": 1, "user_argon2_memory_kib": 65536, "user_argon2_time_cost": 4}
    service = create_service(configure(user_argon2_wait_s=1.0, **slow))
    async with serve_service(service) as client:
        form = {"username": EMAIL, "password": "x"}
        answers = await asyncio.gather(*(client.post("/api/auth/token", data=form) for _ in range(60)))
        assert {answer.status for answer in answers} == {400, 503}
        assert {answer.headers["Retry-After"] for answer in answers if answer.status == 503} == {"2"}
        assert (await client.post("/api/auth/token", data=form)).status == 400
