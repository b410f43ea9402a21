"""Whether the panels of the dashboards have data in a shop in compose: `python -m tests.compose.panels URL`.

Asks Prometheus at URL until all have some, and ends with 1 and what is missing when a minute was not enough.
"""

import asyncio
import sys
import time

import aiohttp

from tests.support.wait import within
from tests.telemetry.boards import Asked, asked
from tests.telemetry.prometheus_api import PrometheusApi

SCRAPE_S = 10.0
"""As prometheus.yml says."""
SOON_S = 60.0
LATER = {"Time to delivery"}
"""Panels that stay empty for longer: an order is delivered one to five minutes after it was placed."""


async def main(url: str) -> int:
    """Ask until everything has been answered."""
    began = time.monotonic()
    left: list[Asked] = []
    async with aiohttp.ClientSession() as session:
        prometheus = PrometheusApi(session, url)

        async def all_answered() -> bool:
            wanted = [query for query in await asked(prometheus, SCRAPE_S) if query.panel not in LATER]
            left[:] = [query for query in wanted if not await prometheus.query(query.expr)]
            return not left

        if await within(all_answered, SOON_S):
            print(f"every panel has data after {time.monotonic() - began:.0f} s")
            return 0
    print("no data:", *left, sep="\n  ")
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
