"""Whether every panel of the dashboards has data in a shop in compose: `python -m infra.ci.panels URL`.

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


async def main(url: str) -> int:
    """Ask until everything has been answered."""
    began = time.monotonic()
    left: list[Asked] = []
    async with aiohttp.ClientSession() as session:
        prometheus = PrometheusApi(session, url)

        async def all_answered() -> bool:
            left[:] = [
                query for query in await asked(prometheus, SCRAPE_S) if not await prometheus.query(query.expr)
            ]
            return not left

        if await within(all_answered, SOON_S):
            print(f"every panel has data after {time.monotonic() - began:.0f} s")
            return 0
    print("no data:", *left, sep="\n  ")
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
