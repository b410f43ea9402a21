"""Counters say exactly what happened: no more, no less."""

import time
from collections.abc import Iterable

import pytest

from tests.support.wait import until, within
from tests.telemetry.prometheus_api import PrometheusApi
from tests.telemetry.shopping import Account, Shopping, plan, some_hundred_orders
from tests.telemetry.stack import Stack

pytestmark = pytest.mark.anyio

CUSTOMERS, ORDERS = 15, 20
SCRAPED_WITHIN_S = 15.0
DELIVERED_WITHIN_S = 60.0


def expected(done: Account) -> dict[str, float]:
    """Return what Prometheus should have counted: expression -> value."""
    created = done.checkouts["created"]
    return {
        "store_users_registered_total": done.registered,
        "store_cart_items_added_total": done.added,
        "store_orders_created_total": created,
        "store_order_value_sum": done.money_minor,
        'store_orders_status_total{status="REJECTED"}': done.checkouts.total()
        - created
        - done.checkouts["repeated"],
        'store_stock_reservations_total{outcome="insufficient"}': done.checkouts["insufficient-stock"],
        **{f'store_logins_total{{outcome="{name}"}}': times for name, times in done.logins.items()},
        **{f'store_checkouts_total{{outcome="{name}"}}': times for name, times in done.checkouts.items()},
        **{
            f'http_requests_total{{service="order", method="POST", handler="/api/orders", status="{status}"}}': times
            for status, times in done.orders_by_http_status.items()
        },
        'http_requests_total{service="user", handler="/api/users", status="201"}': done.registered,
        'http_requests_total{service="user", handler="/api/auth/token", status="400"}': done.registered,
        'gateway_http_response_count_total{service="user", status="400"}': done.registered,
        'gateway_http_response_count_total{service="order", status="402"}': done.orders_by_http_status["402"],
        'gateway_http_upstream_time_seconds_hist_count{service="order", status="201"}': created,
    }


async def read(prometheus: PrometheusApi, expressions: Iterable[str]) -> dict[str, float]:
    """Return the sums over all replicas."""
    return {expression: await prometheus.total(f"sum({expression})") for expression in expressions}


async def settled(prometheus: PrometheusApi) -> None:
    """Wait until Prometheus has heard all that happened until now, and orders from before have come to rest."""
    now = time.time()

    async def heard() -> bool:
        return (await prometheus.query('min(timestamp(up{job=~"shop|nginxlog"}))'))[0].value > now

    await until(heard, "everybody has been asked since", SCRAPED_WITHIN_S)
    moving = (
        "sum(increase(store_orders_status_total[5s])) + sum(increase(gateway_http_response_count_total[5s]))"
    )

    async def quiet() -> bool:
        return await prometheus.total(moving) == 0

    await until(quiet, "orders from before have been delivered", DELIVERED_WITHIN_S)


async def test_counters_agree_with_what_was_done(stack: Stack, shopping: Shopping) -> None:
    """Three hundred orders, refusals, repeats, registrations and sign-ins are counted exactly, at nginx too."""
    await settled(stack.prometheus)
    planned = plan(CUSTOMERS, ORDERS)
    should = expected(planned)
    before = await read(stack.prometheus, should)
    shopping.done = Account()
    await some_hundred_orders(shopping, CUSTOMERS, ORDERS)
    assert shopping.done == planned
    grown: dict[str, float] = {}

    async def agree() -> bool:
        after = await read(stack.prometheus, should)
        grown.update({name: after[name] - before[name] for name in should})
        return grown == should

    await within(agree, SCRAPED_WITHIN_S)
    assert grown == should

    async def delivered() -> bool:
        final = (
            'sum(store_orders_in_status{status=~"PENDING|CREATED|PROCESSING|SHIPPING|REJECTING|CANCELLING"})'
        )
        return await stack.prometheus.total(final) == 0

    await until(delivered, "every order has come to rest", DELIVERED_WITHIN_S)
