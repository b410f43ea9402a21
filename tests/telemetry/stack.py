"""The whole shop and all that watches it, as processes on this machine: what the compose file runs, without Docker."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.support.cassandra import Node
from tests.support.ports import lasting_port
from tests.support.services import free_port
from tests.support.shop import SERVICES, FourServices, Process
from tests.support.wait import until
from tests.telemetry import gateway, rendering
from tests.telemetry.programs import log_exporter, path_of
from tests.telemetry.prometheus_api import NotReady, PrometheusApi
from tests.telemetry.receiver import Receiver, receiving

TEN_TIMES_FASTER = {
    "STORE_ORDER_PROCESSING_AFTER_S": "0.5",
    "STORE_ORDER_SHIPPING_AFTER_S": "0.5",
    "STORE_ORDER_DELIVERY_MIN_S": "6",
    "STORE_ORDER_DELIVERY_MAX_S": "30",
}
_RESEND = "6s"
"""How often Prometheus repeats a firing alert to Alertmanager: a tenth of the minute that is its default."""


@dataclass(slots=True)
class Stack:
    """What runs.

    Args:
        shop: the four services.
        gateway_url: nginx.
        prometheus: to be asked.
        receiver: whom Alertmanager tells.
        folder: of Prometheus' files of targets.
    """

    shop: FourServices
    gateway_url: str
    prometheus: PrometheusApi
    receiver: Receiver
    folder: Path
    addresses: Mapping[str, str]

    def url(self, path: str) -> str:
        """Return where a public path is served: at nginx."""
        return self.gateway_url + path

    def said(self, name: str) -> str:
        """Return what a program has written to its log."""
        return (self.folder.parent / f"{name}.log").read_text()

    def vanish(self, name: str) -> None:
        """Let Prometheus no longer find a name, as after `docker-compose stop`."""
        rendering.vanish(self.folder, name)

    def appear(self, name: str) -> None:
        """Let Prometheus find it again."""
        rendering.appear(self.folder, name, self.addresses[name])


@asynccontextmanager
async def running(folder: Path, node: Node) -> AsyncIterator[Stack]:
    """Start everything beside a Cassandra that runs; end it afterwards."""
    async with AsyncExitStack() as life:
        env = {**TEN_TIMES_FASTER, "STORE_DATABASE": node.url}
        shop = await life.enter_async_context(FourServices(folder / "shop", env))
        ports = {name: lasting_port() for name in (*_PROGRAMS, "stub_status", "webhook", "nobody")}
        ports["syslog"] = free_port()
        receiver = await life.enter_async_context(receiving(ports["webhook"]))
        addresses = {
            **{name: f"127.0.0.1:{shop.ports[name]}" for name in SERVICES},
            **{name: f"127.0.0.1:{ports[name]}" for name in _WATCHED},
            "cassandra-nodes": f"127.0.0.1:{node.more['CASS_METRICS']}",
        }
        _render(folder, shop, ports, addresses, receiver)
        for name, command in _commands(folder, ports).items():
            process = Process(command, folder / f"{name}.log", {})
            process.start()
            life.callback(process.stop)  # a SIGKILL would leave the workers of nginx behind
        session = await life.enter_async_context(aiohttp.ClientSession())
        api = PrometheusApi(session, f"http://127.0.0.1:{ports['prometheus']}")
        stack = Stack(
            shop, f"http://127.0.0.1:{ports['nginx']}", api, receiver, folder / "prometheus", addresses
        )
        await until(lambda: _all_watched(stack), f"Prometheus watches everything; see {folder}")
        yield stack


_WATCHED = ("nginx-exporter", "nginxlog-exporter", "node-exporter", "alertmanager")
_PROGRAMS = (*_WATCHED, "nginx", "prometheus")


def _render(
    folder: Path,
    shop: FourServices,
    ports: Mapping[str, int],
    addresses: Mapping[str, str],
    receiver: Receiver,
) -> None:
    services = {name: shop.ports[name] for name in SERVICES}
    listening = {"status": ports["stub_status"], "syslog": ports["syslog"], "nobody": ports["nobody"]}
    gateway.render(folder / "nginx", services, port=ports["nginx"], **listening)
    rendering.prometheus(folder / "prometheus", addresses, own=f"127.0.0.1:{ports['prometheus']}")
    rendering.alertmanager(folder, receiver.url)
    rendering.log_exporter(folder, port=ports["nginxlog-exporter"], syslog=ports["syslog"])


def _commands(folder: Path, ports: Mapping[str, int]) -> dict[str, list[str]]:
    """Return what runs, in the order in which it is started."""

    def listen(name: str) -> str:
        return f"--web.listen-address=127.0.0.1:{ports[name]}"

    stub_status = f"http://127.0.0.1:{ports['stub_status']}/stub_status"
    return {
        "nginx": [path_of("nginx"), "-p", str(folder / "nginx"), "-c", str(folder / "nginx/nginx.conf")],
        "nginx-exporter": [
            path_of("prometheus-nginx-exporter"), listen("nginx-exporter"), f"--nginx.scrape-uri={stub_status}",
            "--nginx.retries=50", "--nginx.retry-interval=100ms",
        ],
        "nginxlog-exporter": [log_exporter(), "-config-file", str(folder / "nginxlog.yml")],
        "node-exporter": [path_of("prometheus-node-exporter"), listen("node-exporter")],
        "alertmanager": [
            path_of("prometheus-alertmanager"), listen("alertmanager"), "--cluster.listen-address=",
            f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'alertmanager'}",
        ],
        "prometheus": [
            path_of("prometheus"), listen("prometheus"), f"--config.file={folder / 'prometheus/prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}", f"--rules.alert.resend-delay={_RESEND}",
            "--enable-feature=exemplar-storage",
        ],
    }  # fmt: skip


async def _all_watched(stack: Stack) -> bool:
    try:
        up = await stack.prometheus.total("sum(up)")
    except (aiohttp.ClientConnectionError, NotReady):
        return False
    return up == len(stack.addresses) + 1 and not await stack.prometheus.unhealthy_targets()
