"""The gateway's own configuration, run by the machine's nginx on free ports: no Docker needed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from store_cli.up.page_security import nginx_map

from tests.architecture.tree import ROOT
from tests.support.ports import lasting_port
from tests.support.wait import until

CONFIG = ROOT / "infra" / "nginx"
_STOP_TIMEOUT_S = 20
_RESOLVED = re.compile(r"server (\w+)[\w.-]*:\d+ resolve")
_HTTP2_SINCE = (1, 25, 1)
"""Before, it was a word behind `listen`."""


def nginx_program() -> str:
    """Return nginx' path.

    Raises:
        AssertionError: there is none; the text says how to get it.
    """
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert found, "tests/gateway needs nginx 1.22 or newer (Debian, Ubuntu: apt install nginx-light)"
    return found


def _speaks_http2_as_configured() -> bool:
    said = subprocess.run([nginx_program(), "-v"], check=True, capture_output=True, text=True).stderr  # noqa: S603
    version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    assert version, said
    return tuple(int(part) for part in version.groups()) >= _HTTP2_SINCE


class Gateway:
    """nginx as infra/nginx configures it; only addresses and folders are other ones.

    Args:
        folder: where its files go.
        services: name -> the ports of its replicas on this machine.
        pages: what it serves by itself.
        rate: requests a second of one client, and
        burst: how many it may have ahead.
        log_to: the port of the access log's listener, by UDP.
        workers: how many processes share the work.
        suffix: what services' names need behind them.
        edge: variables of infra/nginx/edge.sh.
    """

    def __init__(
        self,
        folder: Path,
        services: Mapping[str, list[int]],
        pages: Path,
        *,
        rate: int = 100_000,
        burst: int = 100_000,
        log_to: int = 9,
        workers: str = "auto",
        suffix: str = "",
        edge: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._services = services
        self._pages = pages
        self._variables = {
            "GATEWAY_RATE": rate,
            "GATEWAY_BURST": burst,
            "GATEWAY_RESOLVER": "127.0.0.1",
            "GATEWAY_LOG_TO": f"127.0.0.1:{log_to}",
            "GATEWAY_NAME_SUFFIX": suffix,
        }
        self._edge = edge or {}
        self._modern = _speaks_http2_as_configured()
        self._workers = workers
        self._moved: dict[str, bool] = {}
        """What is replaced in the configuration, and whether it was found there."""
        self.port, self.status_port, self.tls_port, self.inner_port = (lasting_port() for _ in range(4))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of its master."""
        assert self._process is not None
        return self._process.pid

    def url(self, path: str) -> str:
        """Return where a public path is served."""
        return self.base_url + path

    def render(self) -> Path:
        """Write the configuration for this machine and return its main file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for place in ("run", "store", "conf.d"):
            (self._folder / place).mkdir(exist_ok=True)
        for file in (CONFIG / "conf").iterdir():
            self._write(self._folder / "store" / file.name, file.read_text())
        for file in (CONFIG / "templates").iterdir():
            self._write(self._folder / "conf.d" / file.stem, self._filled(file.read_text()))
        self._write_edge()
        self._write(self._folder / "store" / "content_security.conf", nginx_map(self._pages))
        main = self._folder / "nginx.conf"
        # Started by root it would drop to a user who may not read a test's folders.
        head = "daemon off;\n" + ("user root;\n" if os.geteuid() == 0 else "")
        self._write(main, head + (CONFIG / "nginx.conf").read_text())
        assert all(self._moved.values()), self._moved
        return main

    def edge(self) -> "subprocess.CompletedProcess[str]":
        """Write how it meets the outside as the image's entry point does; return what that said."""
        (self._folder / "conf.d").mkdir(parents=True, exist_ok=True)
        places = {
            "GATEWAY_EDGE_DIR": str(self._folder / "conf.d"),
            "GATEWAY_TLS_DIR": str(self._folder / "tls"),
        }
        return subprocess.run(  # noqa: S603 - our own script
            [str(CONFIG / "edge.sh")],
            env={"PATH": os.environ["PATH"], **places, **self._edge},
            check=False,
            capture_output=True,
            text=True,
        )

    def _write_edge(self) -> None:
        done = self.edge()
        assert done.returncode == 0, done.stderr
        for name in ("listen.main", "real_ip.server", "to_https.servers"):
            file = self._folder / "conf.d" / name
            if file.exists():
                self._write(file, file.read_text())

    def upstreams(self) -> str:
        """Return the upstreams as the image has them, with names."""
        return self._filled((CONFIG / "templates" / "upstreams.conf.template").read_text())

    def _filled(self, template: str) -> str:
        for name, value in self._variables.items():
            template = template.replace(f"${{{name}}}", str(value))
        return template

    def _write(self, path: Path, text: str) -> None:
        moved = {
            "/etc/nginx/store": str(self._folder / "store"),
            "/etc/nginx/conf.d": str(self._folder / "conf.d"),
            "/tmp/nginx": str(self._folder / "run"),  # noqa: S108 - what the container calls it
            "/usr/share/nginx/store": str(self._pages),
            "/dev/stdout": str(self._folder / "access.log"),
            "/dev/stderr": str(self._folder / "error.log"),
            "worker_processes 2;": f"worker_processes {self._workers};",
            "listen 80 ": f"listen 127.0.0.1:{self.port} ",
            "listen 8082 ": f"listen 127.0.0.1:{self.inner_port} ",
            "listen 443 ssl": f"listen 127.0.0.1:{self.tls_port} ssl{self._http2()}",
            "/etc/nginx/tls": str(self._folder / "tls"),
            "listen 8081;": f"listen 127.0.0.1:{self.status_port};",
        }
        for there, here in moved.items():
            self._moved |= {there: there in text or self._moved.get(there, False)}
            text = text.replace(there, here)
        if self._http2():
            text = text.replace("http2 on;\n", "")
        path.write_text(re.sub(r" +server [\w.-]+:\d+ resolve ([^;]*);\n", self._replicas, text))

    def _http2(self) -> str:
        return "" if self._modern else " http2"

    def _replicas(self, line: re.Match[str]) -> str:
        """Return the addresses themselves: there is no name server here, and an older nginx cannot ask one."""
        name = _RESOLVED.search(line[0])
        assert name
        return "".join(f"    server 127.0.0.1:{port} {line[1]};\n" for port in self._services[name[1]])

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._launch()
        await until(self._listening, "nginx has written its pid")

    def _launch(self) -> None:
        command = [nginx_program(), "-p", str(self._folder), "-c", str(self.render())]
        with (self._folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)  # noqa: S603

    def _listening(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "start.log").read_text()
        return (self._folder / "run" / "nginx.pid").is_file()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_TIMEOUT_S)

    async def access_log(self, count: int) -> list[dict[str, Any]]:
        """Return what it logged of so many requests; nginx writes a line after the answer was sent."""
        log = self._folder / "access.log"
        await until(lambda: log.read_text().count("\n") >= count, f"{count} requests are logged")
        return [json.loads(line) for line in log.read_text().splitlines()]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()


if __name__ == "__main__":
    # For tools that read configurations: writes it below a folder, as for four services on this machine.
    target = Path(sys.argv[1])
    (target / "tls").mkdir(parents=True)
    for file in ("tls.crt", "tls.key"):
        (target / "tls" / file).touch()
    ports = {name: [8000 + n] for n, name in enumerate(("catalog", "cart", "order", "user"))}
    Gateway(target, ports, target, edge={"GATEWAY_PUBLIC_URL": "https://shop.example"}).render()
