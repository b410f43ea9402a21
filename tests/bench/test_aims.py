import math
from pathlib import Path
from typing import cast

import pytest

from perf.bench.aims import CASSANDRA, SQLITE, aimed
from perf.bench.counted import Counted
from perf.bench.lives import BUYERS, LINES, Lives
from perf.bench.load import Result
from perf.bench.loads import WholeLives, all_loads
from perf.bench.setups import Setup
from perf.bench.shoppers import Figure, at_least, at_most, show
from tests.support.cassandra import Node

MEMORY = "memory at rest (PSS)"


def test_a_limit_that_is_not_kept_is_said() -> None:
    """The limit itself keeps it; of two limits the one is named that is not kept."""
    assert at_least(0.12, 0.2).told(0.2) == ">= 0.12, 0.2"
    assert at_least(0.12, 0.2).told(0.167) == ">= 0.12, 0.2: NOT REACHED 0.2"
    assert at_least(0.12, 0.2).told(0.1) == ">= 0.12, 0.2: NOT REACHED 0.12, 0.2"
    assert at_most(150).told(150) == "<= 150"
    assert at_most(150).told(178) == "<= 150: NOT REACHED 150"


def test_what_is_no_number_reaches_nothing() -> None:
    """The p99 of no answers is not a good one."""
    assert at_least(1).missed(math.nan) == [1]
    assert at_most(1).missed(math.nan) == [1]


def test_each_database_has_its_own_aims(capsys: pytest.CaptureFixture[str]) -> None:
    """What the shop in one process is held to; several processes on the same cores are not held to it."""
    adds = [Figure("add to cart: requests/s", 600, "", ""), Figure(MEMORY, 160, "MB", "")]
    node = cast("Node", Path())
    show([*aimed(adds, Setup()), *aimed(adds, Setup(1, node)), *aimed(adds, Setup(4))])
    wanted = [line[73:] for line in capsys.readouterr().out.splitlines()]
    assert wanted == [">= 1700: NOT REACHED 1700", "<= 150: NOT REACHED 150", ">= 500", "", "", ""]


def test_what_has_an_aim_is_measured() -> None:
    """An aim under a name that no load gives would never be missed."""
    loads = all_loads(seconds=30, warm_up_s=10, buyers=BUYERS, lines=LINES)
    lived = Lives(Result(latencies_s=[1.0], seconds=1), 0, {"loop": 1.0}, 0.0, Counted(), 0.0, {})
    names = {m.name for load in loads if isinstance(load, WholeLives) for m in load.figures(lived)}
    assert {name for name in [*SQLITE, *CASSANDRA] if name.startswith("lives")} <= names
    asked = {name.partition(":")[0] for name in [*SQLITE, *CASSANDRA] if ":" in name}
    assert asked <= {load.name for load in loads}
