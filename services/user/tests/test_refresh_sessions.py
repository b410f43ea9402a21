"""Refreshing a session: parallel, repeated, late, stolen."""

import asyncio

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import DataObject, data, floats, integers
from store_user.domain.accounts import Account, Role
from store_user.domain.sessions import Session
from store_user.problems import RefreshRefused
from store_user.use_cases.log_out import LogOut
from store_user.use_cases.refresh_session import RefreshSession

from services.user.tests.fakes import (
    MemoryAccounts,
    MemorySessions,
    PlainAccessTokens,
    PlainRefreshTokens,
    Told,
)
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio
GRACE_S = 10.0
LIFETIME_S = 1000.0


class Login:
    """One login and everything that happens to its refresh tokens."""

    def __init__(self, sessions: MemorySessions | None = None) -> None:
        self.clock = ManualClock()
        now_ms = self.clock.now_ms()
        self.sessions = sessions or MemorySessions()
        self.sessions.rows["f"] = Session("f", "ann", 1, 1, now_ms, now_ms + round(LIFETIME_S * 1000))
        self.accounts = MemoryAccounts()
        ann = Account("ann", "ann@example.com", None, "hash", frozenset({Role.CUSTOMER}), now_ms, now_ms)
        self.accounts.existing["ann"] = ann
        self.tokens = PlainRefreshTokens()
        access = PlainAccessTokens()
        self.use_case = RefreshSession(
            self.accounts, self.sessions, access, self.tokens, Told(), self.clock, round(GRACE_S * 1000)
        )

    async def refresh(self, token: str) -> str:
        successor = (await self.use_case(token)).refresh_token
        assert successor is not None
        return successor


async def test_each_refresh_gives_the_next_token() -> None:
    """A chain of refreshes goes on as long as the session lives."""
    session, token = Login(), "f/1"
    for generation in range(2, 50):
        session.clock.advance(20)
        token = await session.refresh(token)
        assert token == f"f/{generation}"


async def test_fifty_parallel_refreshes_get_one_successor() -> None:
    """A client with many tabs refreshes once, whatever the order."""
    session = Login()
    assert set(await asyncio.gather(*(session.refresh("f/1") for _ in range(50)))) == {"f/2"}


class RacedSessions(MemorySessions):
    """Another request is faster by a moment: it rotates, revokes or sweeps the session first."""

    async def rotate_session(self, session_id: str, *, generation: int, at_ms: int) -> bool:
        await self.race(session_id, at_ms)
        return await MemorySessions.rotate_session(self, session_id, generation=generation, at_ms=at_ms)

    async def race(self, session_id: str, at_ms: int) -> None:
        await MemorySessions.rotate_session(self, session_id, generation=1, at_ms=at_ms)


class RevokedMeanwhile(RacedSessions):
    async def race(self, session_id: str, at_ms: int) -> None:  # noqa: ARG002 - the shape of the one above
        await self.revoke_session(session_id)


class SweptMeanwhile(RacedSessions):
    async def race(self, session_id: str, at_ms: int) -> None:  # noqa: ARG002 - the shape of the one above
        await self.sweep_sessions(expired_before_ms=at_ms + 10**9, limit=1)


async def test_losing_the_rotation_to_a_twin_gives_the_twins_successor() -> None:
    """Both requests read the same generation; the slower one gets what the faster one got."""
    session = Login(RacedSessions())
    assert await session.refresh("f/1") == "f/2"


@pytest.mark.parametrize("sessions", [RevokedMeanwhile, SweptMeanwhile])
async def test_losing_the_rotation_to_the_end_of_the_session_is_a_refusal(
    sessions: type[MemorySessions],
) -> None:
    """A session that was ended a moment before gives nothing any more."""
    with pytest.raises(RefreshRefused):
        await Login(sessions()).refresh("f/1")


async def test_a_repeated_refresh_within_the_grace_gets_the_same_successor() -> None:
    """An answer that was lost can be asked for again for ten seconds."""
    session = Login()
    assert await session.refresh("f/1") == "f/2"
    session.clock.advance(GRACE_S)
    assert await session.refresh("f/1") == "f/2"
    assert await session.refresh("f/2") == "f/3"


async def test_a_token_used_again_after_the_grace_ends_the_session() -> None:
    """Reuse reveals a copy: the thief's and the owner's tokens are both worthless then."""
    session = Login()
    await session.refresh("f/1")
    session.clock.advance(GRACE_S + 0.001)
    for token in ("f/1", "f/2", "f/1"):
        with pytest.raises(RefreshRefused):
            await session.refresh(token)


async def test_an_older_token_has_no_grace() -> None:
    """Two generations back is reuse, even a moment later."""
    session = Login()
    await session.refresh(await session.refresh("f/1"))
    with pytest.raises(RefreshRefused):
        await session.refresh("f/1")
    with pytest.raises(RefreshRefused):
        await session.refresh("f/3")


async def test_a_session_ends_by_age() -> None:
    """The lifetime counts from the login, refreshed or not."""
    session = Login()
    session.clock.advance(LIFETIME_S - 1)
    token = await session.refresh("f/1")
    session.clock.advance(1)
    with pytest.raises(RefreshRefused):
        await session.refresh(token)


async def test_logging_out_ends_it_and_can_be_repeated() -> None:
    """Any token of the session ends it; a token of nothing ends nothing."""
    session = Login()
    token = await session.refresh("f/1")
    log_out = LogOut(session.sessions, session.tokens, Told())
    for given in ("f/1", "f/1", "nonsense", "other/1"):
        await log_out(given)
    with pytest.raises(RefreshRefused):
        await session.refresh(token)


async def test_a_changed_password_ends_it() -> None:
    """A session of an earlier password is dead without anybody touching it."""
    session = Login()
    ann = session.accounts.existing["ann"]
    session.accounts.existing["ann"] = ann.with_password("other", at_ms=1)
    with pytest.raises(RefreshRefused):
        await session.refresh("f/1")


async def test_roles_are_those_of_now() -> None:
    """A promotion shows with the next refresh."""
    session = Login()
    ann = session.accounts.existing["ann"]
    session.accounts.existing["ann"] = ann.with_roles(frozenset(Role), at_ms=1)
    assert (await session.use_case("f/1")).access_token == "ann as admin,customer in 1"


@pytest.mark.parametrize("token", ["nonsense", "other/1", "f/2", "f/99"])
async def test_tokens_that_were_never_given_are_refused_and_do_no_harm(token: str) -> None:
    """Guessing ends no session."""
    session = Login()
    with pytest.raises(RefreshRefused):
        await session.refresh(token)
    assert await session.refresh("f/1") == "f/2"


class RefreshHistories(RuleBasedStateMachine):
    """Any order of refreshing with any token at any time, against the rule said plainly.

    The rule is that of docs/protocols.md, Accounts and sessions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session = Login()
        self.given, self.rotated_at_s, self.now_s, self.dead = 1, 0.0, 0.0, False

    def expected(self, generation: int) -> int | None:
        """Return the generation that must be answered, None for a refusal."""
        newest, previous = generation == self.given, generation == self.given - 1
        if self.dead or self.now_s >= LIFETIME_S:
            return None
        if newest:
            self.given, self.rotated_at_s = self.given + 1, self.now_s
        elif not previous or round(self.now_s - self.rotated_at_s, 3) > GRACE_S:
            self.dead = True
            return None
        return generation + 1

    @rule(draw=data())
    def use_any_token_given_so_far(self, draw: DataObject) -> None:
        generation = draw.draw(integers(max(1, self.given - 3), self.given))
        wanted = self.expected(generation)
        try:
            answer = asyncio.run(self.session.refresh(f"f/{generation}"))
        except RefreshRefused:
            assert wanted is None
        else:
            assert answer == f"f/{wanted}"

    @rule(seconds=floats(0, 15).map(lambda s: round(s, 3)))
    def time_passes(self, seconds: float) -> None:
        self.session.clock.advance(seconds)
        self.now_s = round(self.now_s + seconds, 3)

    @invariant()
    def the_store_agrees(self) -> None:
        session = self.session.sessions.rows["f"]
        assert session.generation == self.given
        assert session.revoked or not self.dead


TestRefreshHistories = RefreshHistories.TestCase
TestRefreshHistories.settings = hypothesis_settings(max_examples=60, stateful_step_count=25, deadline=None)
