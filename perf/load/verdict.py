"""The end of a run: whether the shop held its thresholds, in words and as the exit code of a headless run."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner
from locust.stats import RequestStats

from perf.load.curves import SHAPES

HELD, BROKEN = 0, 1
_P99: Final = 0.99
_ORDERS: Final = ("/api/orders", "POST")


class Threshold(NamedTuple):
    """What was asked for and what was measured."""

    what: str
    limit: str
    measured: str
    held: bool


def thresholds(stats: RequestStats, exceptions: int, most_errors: int, p99_ms: float) -> Iterator[Threshold]:
    """Judge a run: errors, the P99 of all answers, and that anything was ordered at all.

    Args:
        stats: what was asked and answered.
        exceptions: answers that were not understood.
        most_errors: how many answers may be wrong.
        p99_ms: what the P99 may be, in milliseconds.
    """
    errors = stats.total.num_failures + exceptions
    yield Threshold("errors", f"<= {most_errors}", str(errors), errors <= most_errors)
    p99 = stats.total.get_response_time_percentile(_P99)
    yield Threshold("P99 of all answers", f"<= {p99_ms:g} ms", f"{p99} ms", 0 < p99 <= p99_ms)
    orders = stats.get(*_ORDERS)
    placed = orders.num_requests - orders.num_failures
    yield Threshold("orders placed", ">= 1", str(placed), placed >= 1)


def judge_by_thresholds() -> None:
    """Have Locust take the options below and judge every run by them."""
    events.init_command_line_parser.add_listener(_options)  # type: ignore[no-untyped-call] # Locust's
    events.quitting.add_listener(_judge)  # type: ignore[no-untyped-call] # Locust's


def _options(parser: LocustArgumentParser) -> None:
    ours = parser.add_argument_group("Product Store")
    ours.add_argument("--shape", choices=SHAPES, default=SHAPES[0], help="how the number of users changes")
    ours.add_argument("--pace", type=float, default=1.0, help="how long people think; 0.1: a tenth of that")
    ours.add_argument("--max-errors", type=int, default=0, help="more answers that are wrong fail the run")
    ours.add_argument("--p99-ms", type=float, default=500.0, help="a higher P99 of all answers fails the run")


def _judge(environment: Environment, **_: Any) -> None:
    if isinstance(environment.runner, WorkerRunner) or environment.parsed_options is None:
        return  # the master adds up what all workers measured
    options = environment.parsed_options
    runner = environment.runner
    exceptions = sum(int(one["count"]) for one in runner.exceptions.values()) if runner else 0
    found = list(thresholds(environment.stats, exceptions, options.max_errors, options.p99_ms))
    held = all(threshold.held for threshold in found)
    print("\nThresholds")
    for threshold in found:
        word = "held" if threshold.held else "BROKEN"
        print(f"  {threshold.what:<20} {threshold.limit:<12} {threshold.measured:<12} {word}")
    print("PASS" if held else "FAIL", flush=True)
    environment.process_exit_code = HELD if held else BROKEN
