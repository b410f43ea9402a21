"""`store up` and `store run` in the process of the test: from the first line they print to the last."""

import gc
import io
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_cli.main import main
from store_cli.up.gateway import SITE

from tests.support.ports import lasting_port
from tests.support.shop import SERVICES

pytestmark = pytest.mark.slow
LASTS_AT_MOST_S = 180


class Terminal(io.StringIO):
    """Output that lets a thread know when it holds certain words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.came = threading.Event()

    def write(self, text: str, /) -> int:
        written = super().write(text)
        if self._words in self.getvalue():
            self.came.set()
        return written


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Put every service on a free port; the gateway's is for the command line."""
    found = {name: lasting_port() for name in (*SERVICES, "gateway")}
    for name in SERVICES:
        monkeypatch.setenv(f"STORE_{name.upper()}_URL", f"http://127.0.0.1:{found[name]}")
    return found


@contextmanager
def meanwhile(ready: threading.Event, work: Callable[[], object]) -> Iterator[list[object]]:
    """Do something in a thread once it is time, then end this process's shop as Ctrl-C does; yield what it gave."""
    came: list[object] = []

    def visit() -> None:
        try:
            if ready.wait(LASTS_AT_MOST_S):
                came.append(work())
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=visit)
    thread.start()
    yield came
    thread.join(LASTS_AT_MOST_S)


def store(monkeypatch: pytest.MonkeyPatch, out: io.StringIO, *words: object) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it said."""
    errors, thresholds = io.StringIO(), gc.get_threshold()
    monkeypatch.setattr("sys.argv", ["store", *map(str, words)])
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", errors)
    with pytest.raises(SystemExit) as ended:
        main()
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    return int(ended.value.code or 0), out.getvalue(), errors.getvalue()


def status(url: str, method: str = "GET", **headers: str) -> int:
    """Return the status of an answer."""
    request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_the_shop_comes_up_welcomes_and_drains(
    tmp_path: Path, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start loads the catalogue and shows the administrator; the second one does neither again."""
    base, data = f"http://127.0.0.1:{ports['gateway']}", tmp_path / "shop"
    words = ("up", "--port", ports["gateway"], "--data", data)

    def look() -> list[int]:
        site = [f"{base}{path}" for path in ("/", "/docs", "/docs/problems", "/swagger", "/swagger/start.js")]
        parts = [status(f"{base}/docs/", Range="bytes=0-9"), status(f"{base}/docs/", Range="lines=1")]
        documents = [status(f"{base}/openapi.json"), status(f"{base}/none"), status(f"{base}/docs/", "POST")]
        return [*map(status, site), *parts, *documents]

    said = Terminal("Register, fill a cart, order:")
    with meanwhile(said.came, look) as came:
        code, shown, complaints = store(monkeypatch, said, *words)
    assert (code, came) == (0, [[200, 200, 200, 200, 200, 206, 200, 200, 404, 405]])
    password = json.loads((data / "secrets" / "demo_admin.json").read_text())["password"]
    assert f"password {password}" in shown
    assert f"{base}/api/orders" in shown
    assert complaints.endswith("Drained and stopped.\n")

    said = Terminal("Register, fill a cart, order:")
    with meanwhile(said.came, lambda: status(f"{base}/api/products")) as came:
        code, shown, _ = store(monkeypatch, said, *words)
    assert (code, came) == (0, [200])
    assert "as you changed it, or in" in shown
    assert SITE.is_dir()


def test_a_catalogue_that_cannot_be_loaded_stops_nothing(
    tmp_path: Path, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop comes up without it and says why; without a product there is nothing to try."""
    monkeypatch.setattr("store_cli.importing.ledger.LEDGER_FILE", "none.csv.gz")
    said = Terminal("Product Store is up")
    with meanwhile(said.came, lambda: status(f"http://127.0.0.1:{ports['gateway']}/api/products")) as came:
        code, shown, complaints = store(
            monkeypatch, said, "up", "--port", ports["gateway"], "--data", tmp_path / "shop"
        )
    assert (code, came) == (0, [200])
    assert "The catalogue was not loaded" in complaints
    assert "Register, fill a cart" not in shown


def test_a_service_runs_alone(tmp_path: Path, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """`store run` serves until it is told to end."""
    url = f"http://127.0.0.1:{ports['user']}/health/ready"
    listening = threading.Event()

    def until_ready() -> int:
        while True:
            try:
                return status(url)
            except OSError:  # it does not listen yet
                listening.clear()

    listening.set()
    with meanwhile(listening, until_ready) as came:
        code, _, _ = store(monkeypatch, io.StringIO(), "run", "user", "--data", tmp_path / "shop")
    assert (code, came) == (0, [200])


def test_secrets_that_others_may_read(
    tmp_path: Path, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In production they stop the start; the sentence says which, and how to mend it."""
    secrets = tmp_path / "secrets"
    assert store(monkeypatch, io.StringIO(), "secrets", "init", tmp_path / "made")[0] == 0
    secrets.mkdir()
    for made in (tmp_path / "made").glob("*/*"):
        (secrets / made.name).write_bytes(made.read_bytes())
    secrets.chmod(0o755)
    monkeypatch.setenv("STORE_ENVIRONMENT", "production")
    monkeypatch.setenv("STORE_SECRETS_DIR", str(secrets))
    words = ("up", "--port", ports["gateway"], "--data", tmp_path / "shop")
    code, _, complaints = store(monkeypatch, io.StringIO(), *words)
    assert code == 1
    assert "chmod -R go-rwx" in complaints
