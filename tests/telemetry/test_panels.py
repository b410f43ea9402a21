"""Every query of every panel, annotation and rule has data in a shop that works."""

import re
from collections.abc import Iterator

import pytest
import yaml

from tests.support.wait import until, within
from tests.telemetry.boards import Asked, asked
from tests.telemetry.gateway import RETRIED
from tests.telemetry.rendering import hasten_expression, rule_files
from tests.telemetry.shopping import Shopping, in_the_background
from tests.telemetry.stack import Stack

pytestmark = pytest.mark.anyio

SCRAPE_S = 1.0
SOON_S = 60.0
_PARTS = re.compile(r"\s+or\s+|\s+unless on \(\w+\)\s+|\s+and (?:on \(\w+\) )?")
_COMPARISON = re.compile(r"\s*(>|<|==|>=) [\d.]+$")


def of_rules() -> Iterator[Asked]:
    """Yield the expressions of recording rules, and what alerts compare: both must have data in a healthy shop."""
    for path in rule_files():
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                name = rule.get("record") or rule["alert"]
                for part in parts(rule["expr"]) if "alert" in rule else [rule["expr"]]:
                    yield Asked(path.name, name, hasten_expression(part))


def parts(expr: str) -> list[str]:
    """Return what an alert looks at: without the comparison it is always there, firing or not."""
    return [_COMPARISON.sub("", part.strip()) for part in _PARTS.split(expr)]


async def test_everything_that_is_asked_has_data(stack: Stack, shopping: Shopping) -> None:
    """Panels, annotations and rules give numbers within a minute of the first customers; what may be empty is named."""
    people = [await shopping.customer() for _ in range(3)]
    async with in_the_background(shopping, people):
        # Ranges that are written out run ten times as fast; those of Grafana follow from the scrapes.
        left = [*await asked(stack.prometheus, SCRAPE_S, hasten_expression), *of_rules()]

        async def all_answered() -> bool:
            left[:] = [query for query in left if not await stack.prometheus.query(query.expr)]
            return not left

        await within(all_answered, SOON_S)
    assert not left, "no data:\n" + "\n".join(map(str, left))


async def test_a_request_that_was_retried_is_timed_once(stack: Stack, shopping: Shopping) -> None:
    """Nginx logs a time for each attempt; the exporter adds them up and counts one request."""
    person = await shopping.customer()
    for _ in range(10):
        (await person.ask("GET", f"/api/products/{shopping.plenty}")).expect(200)
    assert "(111: Connection refused) while connecting to upstream" in stack.said("nginx")
    counted = f'sum(gateway_http_response_count_total{{service="{RETRIED}"}})'
    timed = f'sum(gateway_http_upstream_time_seconds_hist_count{{service="{RETRIED}"}})'

    async def agree() -> bool:
        return await stack.prometheus.total(counted) == await stack.prometheus.total(timed) >= 10

    await until(agree, "every answer of a service that is retried has its time")


async def test_a_duration_leads_to_its_trace(stack: Stack, shopping: Shopping) -> None:
    """Prometheus keeps the trace id of a request beside the bucket that it fell into."""
    person = await shopping.customer()
    answered = await person.ask("GET", "/api/cart")
    trace = answered.headers["X-Trace-Id"]

    async def is_kept() -> bool:
        return {"trace_id": trace} in await stack.prometheus.exemplars("http_request_duration_seconds_bucket")

    await until(is_kept, "the exemplar is there")


async def test_nothing_is_wrong_with_the_watching_itself(stack: Stack) -> None:
    """Every target is scraped, every rule is evaluated, and nothing of the log is lost on the way."""
    assert await stack.prometheus.unhealthy_targets() == []
    assert await stack.prometheus.unhealthy_rules() == []
    assert await stack.prometheus.total("gateway_parse_errors_total") == 0
