import asyncio
import json
import logging
import sys
from pathlib import Path

import pytest
from store_kit.problems import PeerUnavailable
from store_kit.telemetry.logs import configure_logs, get_logger, trace_id_var
from store_kit.telemetry.metrics import Metrics
from store_kit.workers import Worker

from tests.support.clock import ManualClock


def broken() -> None:
    """Fail with a secret at hand."""
    password = "hunter2"  # noqa: F841 - must not be shown
    raise ZeroDivisionError("broken")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    """Return what was logged, line by line."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_line_has_event_fields_and_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """An event is one line of JSON with its fields, the time, and the trace of the request."""
    configure_logs("info", "json")
    trace_id_var.set("0af7651916cd43dd8448eb211c80319c")
    get_logger("order").debug("order.read")
    get_logger("order").info("order.created", lines=2)
    trace_id_var.set("")
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "component": "order",
        "event": "order.created",
        "level": "info",
        "lines": 2,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


def test_secrets_by_name_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A field that has the name of something secret or personal shows nothing of it."""
    configure_logs("info", "json")
    get_logger("user").info("user.seen", email="ann@shop.example", password="hunter2", token="abc")
    told = capsys.readouterr().err
    assert "[redacted]" in told
    assert not any(secret in told for secret in ("ann@", "hunter2", "abc"))


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("who", ["ours", "a library"])
def test_error_shows_where_it_broke(form: str, who: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of ours and one that a library logs come with their traceback, without the values of variables."""
    configure_logs("info", form)
    try:
        broken()
    except ZeroDivisionError:
        if who == "ours":
            get_logger("order").exception("order.broken")
        else:
            logging.getLogger("asyncio").exception("Task exception was never retrieved")
    told = capsys.readouterr().err
    assert "in broken" in told
    assert "ZeroDivisionError: broken" in told
    assert "hunter2" not in told.replace('password = "hunter2"', "").replace('password = \\"hunter2\\"', "")


@pytest.mark.anyio
async def test_worker_says_once_that_something_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a row of steps that miss the same thing the first is logged and all are counted; after a good one anew."""
    configure_logs("info", "json")
    away = iter([True, True, False, True])
    over = asyncio.Event()

    async def step() -> int:
        is_away = next(away, None)
        if is_away is None:
            over.set()
        elif is_away:
            raise PeerUnavailable("away")
        return 0

    metrics, clock = Metrics("test"), ManualClock()
    worker = Worker("test", step, 10, clock)
    worker.start(metrics)
    while not over.is_set():
        clock.advance(10)
        await asyncio.sleep(0)
    await worker.stop()
    assert len(lines(capsys)) == 2
    assert b'store_worker_errors_total{worker="test"} 3.0' in metrics.exposition()[0]


def test_a_log_on_a_full_disk_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that find no room are lost; whoever wrote them goes on."""
    full = Path("/dev/full").open("w")  # noqa: SIM115 - closing it must fail
    monkeypatch.setattr(sys, "stderr", full)
    configure_logs("info", "json")
    get_logger("order").info("order.created")
    logging.getLogger("library").warning("said by a library")
    with pytest.raises(OSError, match="No space left"):
        full.close()
