"""Calls to other services."""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from store_catalog.ports import PeerHealth


class HealthClient:
    """HealthProbe over HTTP: `GET /health/ready` of each service, all at once.

    Args:
        urls: base URL by the service's name.
        timeout_s: the longest wait for one answer.
    """

    def __init__(self, urls: Mapping[str, str], timeout_s: float) -> None:
        self._urls = {name: f"{url.rstrip('/')}/health/ready" for name, url in urls.items()}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Prepare the connection pool."""
        self._session = aiohttp.ClientSession(timeout=self._timeout)

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask_all(self) -> list[PeerHealth]:
        """Return every service's answer."""
        return list(await asyncio.gather(*(self._ask(name, url) for name, url in self._urls.items())))

    async def _ask(self, name: str, url: str) -> PeerHealth:
        started = time.perf_counter()
        try:
            ready, answer = await self._get(url)
        except TimeoutError:
            return _down(name, started, f"no answer within {self._timeout.total} s")
        except aiohttp.ClientError:
            return _down(name, started, "not reachable")
        except msgspec.DecodeError:
            return _down(name, started, "answered something else than its health")
        dependencies = answer.get("dependencies", {})
        return PeerHealth(
            name=name,
            up=ready,
            status=str(answer.get("status", "up" if ready else "degraded")),
            latency_ms=_since(started),
            version=answer.get("version"),
            uptime_s=answer.get("uptime_s"),
            dependencies={key: found["status"] for key, found in dependencies.items()},
            detail=next((found["reason"] for found in dependencies.values() if "reason" in found), None),
        )

    async def _get(self, url: str) -> tuple[bool, dict[str, Any]]:
        if self._session is None:
            raise RuntimeError("the health probe is not open")
        async with self._session.get(url) as response:
            answer: dict[str, Any] = msgspec.json.decode(await response.read(), type=dict)
            return response.status == HTTPStatus.OK, answer


def _down(name: str, started: float, detail: str) -> PeerHealth:
    return PeerHealth(name, False, "down", _since(started), None, None, {}, detail)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
