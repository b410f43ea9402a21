"""What tests ask Prometheus."""

import math
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp


class BadQuery(Exception):
    """Prometheus refuses the expression."""


class NotReady(Exception):
    """Prometheus is still starting."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one moment."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class PrometheusApi:
    """A running Prometheus."""

    session: aiohttp.ClientSession
    url: str

    async def query(self, expression: str) -> list[Sample]:
        """Return what an expression gives now; NaN counts as nothing, a panel shows none either."""
        answer = await self._get("query", query=expression)
        if answer["resultType"] == "scalar":
            return [Sample({}, float(answer["result"][1]))]
        found = [Sample(one["metric"], float(one["value"][1])) for one in answer["result"]]
        return [sample for sample in found if not math.isnan(sample.value)]

    async def total(self, expression: str) -> float:
        """Return the sum over all series."""
        return sum(sample.value for sample in await self.query(expression))

    async def exemplars(self, metric: str) -> list[dict[str, str]]:
        """Return the labels of the exemplars of the last five minutes."""
        now = time.time()
        found = await self._get("query_exemplars", query=metric, start=str(now - 300), end=str(now + 1))
        return [one["labels"] for series in found for one in series["exemplars"]]

    async def label_values(self, label: str, series: str) -> list[str]:
        """Return the values of a label, as a dashboard's variable does."""
        return list(await self._get(f"label/{label}/values", **{"match[]": series}))

    async def firing(self, name: str, **labels: str) -> bool:
        """Return whether an alert fires."""
        return any(
            alert["state"] == "firing" and {"alertname": name, **labels}.items() <= alert["labels"].items()
            for alert in (await self._get("alerts"))["alerts"]
        )

    async def unhealthy_targets(self) -> list[str]:
        """Return what is not scraped, with the reason."""
        targets = (await self._get("targets"))["activeTargets"]
        return [f"{one['scrapeUrl']}: {one['lastError']}" for one in targets if one["health"] != "up"]

    async def unhealthy_rules(self) -> list[str]:
        """Return which rules fail, with the reason."""
        groups = (await self._get("rules"))["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule["health"] == "err"
        ]

    async def _get(self, what: str, **parameters: str) -> Any:
        async with self.session.get(f"{self.url}/api/v1/{what}", params=parameters) as response:
            if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise NotReady
            answer = await response.json()
        if answer["status"] != "success":
            raise BadQuery(f"{parameters}: {answer['error']}")
        return answer["data"]
