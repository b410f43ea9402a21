"""A model of everything at once: buyers, clock, recovery, crashes, deaf peers, interleaved in every way."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from store_kit.problems import OutcomeUnknown, PeerUnavailable, Problem
from store_order.adapters.simulated_payments import TOKENS

from services.order.tests.world import (
    ALICE,
    BOB,
    PRODUCTS,
    Crash,
    Fuse,
    World,
    assert_every_promise_kept,
)

USERS = (ALICE, BOB)
KEYS = ("k1", "k2")
PEERS = ("reservations", "carts", "payments", "notifications")
Act = Callable[[World], Awaitable[Any]]


def _place(user: str, key: str, token: str) -> Act:
    return lambda world: world.place(key, token, user)


def _cancel(user: str, number: int) -> Act:
    async def act(world: World) -> None:
        mine = sorted(o.id for o in world.disk.orders.values() if o.user_id == user)
        if mine:
            await world.cancel(mine[number % len(mine)], user)

    return act


acts = st.one_of(
    st.builds(_place, st.sampled_from(USERS), st.sampled_from(KEYS), st.sampled_from(TOKENS)),
    st.builds(_cancel, st.sampled_from(USERS), st.integers(0, 3)),
    st.just(lambda world: world.do.recover_orders()),
    st.just(lambda world: world.do.run_clock()),
    st.just(lambda world: world.do.deliver_notifications()),
)
pauses = st.lists(st.integers(0, 3), min_size=1, max_size=7)
moments = st.sampled_from([0.0, 0.5, 1.1, 2.1, 5.1, 15.0])


class ShopOfOrders(RuleBasedStateMachine):
    """Two replicas of the order service on one database; each may die and start again at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World(stock=6)
        self.replicas = [self.world, self.world.another_process()]

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.runner.run(work)

    @rule(user=st.sampled_from(USERS), product=st.sampled_from(PRODUCTS), quantity=st.integers(1, 4))
    def fill_a_cart(self, user: str, product: str, quantity: int) -> None:
        """A buyer puts something into the cart."""
        self.world.carts.put(user, product, quantity)

    @rule(moment=moments)
    def time_passes(self, moment: float) -> None:
        """Leases run out, orders become due."""
        self.world.clock.advance(moment)

    @rule(act=acts, at=st.integers(0, 25), replica=st.integers(0, 1))
    def one_dies_doing(self, act: Act, at: int, replica: int) -> None:
        """A replica is killed at some boundary of what it does, and starts again."""
        self.run(self._broken(self.replicas[replica], act, Fuse(at)))

    @rule(
        act=acts,
        at=st.integers(0, 12),
        error=st.sampled_from([PeerUnavailable, OutcomeUnknown]),
        replica=st.integers(0, 1),
    )
    def a_peer_fails(self, act: Act, at: int, error: type[Problem], replica: int) -> None:
        """A neighbour does not answer, before or after it did what was asked."""
        self.run(self._broken(self.replicas[replica], act, Fuse(at, error, PEERS)))

    @rule(first=acts, second=acts, third=acts, pauses=pauses, moment=moments, at=st.integers(0, 60))
    def all_at_once(
        self, first: Act, second: Act, third: Act, pauses: list[int], moment: float, at: int
    ) -> None:
        """Three things happen at the same time on both replicas, time passes meanwhile, one replica may die."""

        async def race() -> None:
            one, two = self.replicas
            one.restart(Fuse(at, pauses=pauses))
            two.restart(Fuse(pauses=pauses[::-1]))
            tasks = [
                asyncio.create_task(_quietly(act(w)))
                for act, w in ((first, one), (second, two), (third, one))
            ]
            for _ in range(5):
                await asyncio.sleep(0)
            self.world.clock.advance(moment)
            await asyncio.wait(tasks)
            await self._rest(one, two)
            for task in tasks:
                task.result()

        self.run(race())

    @invariant()
    def histories_are_legal(self) -> None:
        """Whatever state things are in, histories are legal, stock adds up and money matches the status."""
        assert_every_promise_kept(self.world, at_rest=False)

    def teardown(self) -> None:
        """When nothing disturbs any more, everything comes to an end that keeps every promise."""
        for replica in self.replicas:
            replica.restart()
        self.run(self.world.come_to_rest())
        assert_every_promise_kept(self.world)
        self.runner.close()

    async def _broken(self, replica: World, act: Act, fuse: Fuse) -> None:
        replica.restart(fuse)
        await _quietly(act(replica))
        await self._rest(replica)

    async def _rest(self, *replicas: World) -> None:
        for replica in replicas:
            await replica.background.close()
            for worker in (replica.do.run_clock, replica.do.recover_orders, replica.do.recover_older_orders):
                await _quietly(worker.finish())
            replica.restart()


async def _quietly(act: Awaitable[Any]) -> None:
    with contextlib.suppress(Crash, Problem):
        await act


ShopOfOrders.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestShopOfOrders = ShopOfOrders.TestCase
