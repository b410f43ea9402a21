"""What the crash tests stand on: a plan kills once, where it says, or not at all; no two shops share a port."""

import importlib
import socket
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from store_kit.running.server import PortInUse, bind

from tests.chaos.boundaries import Boundary, Folder, Plan
from tests.chaos.crashing import CrashPoints
from tests.chaos.effects import EFFECTS, LOOKS, is_certain, missing
from tests.chaos.stories import SCENARIOS, Scenario
from tests.support.ports import hold_port, port_of


@dataclass(frozen=True)
class Hint:
    """Looks like a hint of the order service."""

    queue: str
    order_id: str
    version: int


class Shop:
    """A port, watched by a process that notes its deaths instead of dying."""

    def __init__(self, data_dir: Path, *, service: str = "order", port: str = "orders") -> None:
        self.folder = Folder(data_dir)
        self.deaths = 0
        self._points = CrashPoints(Folder(data_dir), self._die)
        self._port = (service, port)

    def _die(self) -> None:
        self.deaths += 1

    def call(self, method: str, *values: object, result: object = None) -> None:
        """Pass both sides of a call."""
        self._points.reach(self._port, method, "before", values)
        self._points.reach(self._port, method, "after", values, result)

    def passed(self) -> list[str]:
        """Return what was noted."""
        return [str(boundary) for boundary in self.folder.passed()]


def test_looks_are_not_counted_and_effects_are(tmp_path: Path) -> None:
    """However often a worker looks is one boundary; a second effect of the same look is another."""
    shop = Shop(tmp_path)
    shop.folder.arm(Plan(("o1",)))
    for _ in range(3):
        shop.call("find_order", "o1")
    shop.call("insert_order", "o1")
    shop.call("insert_order", "o1")
    shop.call("insert_order", "o2")
    assert set(shop.passed()) == {
        f"{side} order.orders.{call}"
        for side in ("before", "after")
        for call in ("find_order #1", "insert_order #1", "insert_order #2")
    }


def test_what_luck_brings_together_is_told_apart(tmp_path: Path) -> None:
    """A batch of hints passes the boundary of each of them, and of nobody else's."""
    shop = Shop(tmp_path, port="work")
    shop.folder.arm(Plan(("o1",)))
    shop.call("finish_hints", [Hint("notify", "o1", 3), Hint("clock", "o1", 4), Hint("notify", "o2", 3)])
    before = [name for name in shop.passed() if name.startswith("before")]
    assert before == [
        "before order.work.finish_hints[notify@3] #1",
        "before order.work.finish_hints[clock@4] #1",
    ]


def test_a_plan_kills_once(tmp_path: Path) -> None:
    """Of the processes that pass the boundary one dies; the test learns of it."""
    shop = Shop(tmp_path)
    shop.folder.arm(Plan(("o1",), kill=Boundary("order", "orders", "insert_order", "", "after")))
    shop.call("find_order", "o1")
    assert (shop.deaths, shop.folder.fired) == (0, False)
    shop.call("insert_order", "o1")
    shop.call("insert_order", "o1")
    assert (shop.deaths, shop.folder.fired, shop.folder.disarm()) == (1, True, True)


def test_a_plan_that_was_taken_back_kills_nobody(tmp_path: Path) -> None:
    """Not even a process that has read it and is on the very point of dying of it."""

    class Slow(Folder):
        def take_trigger(self, plan: Plan) -> bool:
            told.append(waiting.disarm())
            return super().take_trigger(plan)

    waiting = Folder(tmp_path).arm(Plan(("o1",), kill_nth=1))
    told: list[bool] = []
    deaths: list[str] = []
    points = CrashPoints(Slow(tmp_path), lambda: deaths.append("died"))
    points.reach(("order", "orders"), "find_order", "before", ("o1",))
    assert (told, deaths) == ([False], [])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_scenario_has_effects_with_two_sides(scenario: Scenario) -> None:
    """A side of an effect that was not seen is missed."""
    assert EFFECTS[scenario.name]
    assert len(missing(scenario.name, [])) == 2 * len(EFFECTS[scenario.name])


def test_first_charge_is_certain_and_a_second_is_luck() -> None:
    """No order is placed without a charge; being charged again is what happens to some."""
    first = Boundary("order", "payments", "charge_order", "", "before")
    assert is_certain("placing", first)
    assert str(first) in missing("placing", [])
    assert str(first) not in missing("placing", [first])
    assert not is_certain("placing", msgspec.structs.replace(first, nth=2))


def test_no_two_shops_share_a_port() -> None:
    """A held port is given to nobody else while its owner is down; its owner can listen on it, again and again."""
    with hold_port() as holder:
        port = port_of(holder)
        other = socket.socket()
        with other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        for _ in range(2):
            with bind("127.0.0.1", port) as server:
                server.listen()
                with pytest.raises(PortInUse):
                    bind("127.0.0.1", port)


def named_calls() -> set[tuple[str, str]]:
    """Return the service and the method of every call that the effects and the looks name."""
    effects = (effect.partition("[")[0].split(".") for found in EFFECTS.values() for effect in found)
    looks = ((*port.split("."), method) for port, methods in LOOKS.items() for method in methods)
    return {(service, method) for service, _, method in (*effects, *looks)}


@pytest.mark.parametrize(("service", "method"), sorted(named_calls()))
def test_a_call_that_crash_tests_name_is_a_port_s_method(service: str, method: str) -> None:
    """A method that gets another name must get it here, too, or no process would die there."""
    ports = vars(importlib.import_module(f"store_{service}.ports")).values()
    assert any(hasattr(port, method) for port in ports)
