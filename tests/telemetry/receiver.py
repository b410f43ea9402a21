"""Whom Alertmanager tells: a webhook that remembers everything it hears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Heard:
    """One alert in one notification."""

    receiver: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]

    def is_about(self, alert: str, service: str) -> bool:
        """Return whether it is this alert of this service."""
        return self.labels["alertname"] == alert and self.labels.get("service") == service


@dataclass(slots=True)
class Receiver:
    """All that was heard, oldest first."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)

    def has(self, status: str, alertname: str, **labels: str) -> bool:
        """Return whether such an alert was reported, `firing` or `resolved`."""
        wanted = {"alertname": alertname, **labels}.items()
        return any(one.status == status and wanted <= one.labels.items() for one in self.heard)

    def forget(self) -> None:
        """Forget what was heard so far."""
        self.heard.clear()

    async def listen(self, request: web.Request) -> web.Response:
        """Remember one notification."""
        told: dict[str, Any] = await request.json()
        self.heard += [
            Heard(told["receiver"], alert["status"], alert["labels"], alert["annotations"])
            for alert in told["alerts"]
        ]
        return web.Response()


@asynccontextmanager
async def receiving(port: int) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_post("/{name}", receiver.listen)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield receiver
    finally:
        await runner.cleanup()
