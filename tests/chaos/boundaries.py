"""Where a process can be killed: the boundaries of calls to ports, and how tests tell a process about them.

Test and process share a folder. The test writes a plan and a trigger; a process notes what it passes, and dies only
if it could take the trigger away. The test takes it away too when it has waited enough: so one of the two has it,
and a process never dies of a plan that was taken back.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

When = Literal["before", "after"]
_PLAN = "plan.json"
_PASSED = "passed.jsonl"


class Boundary(msgspec.Struct, frozen=True, order=True):
    """One side of one call to a port.

    `detail` says what the call carries: an order's next step, a queue's hint, a cart's change. `nth` tells effects
    of the same look apart, from 1. Looks (see `effects.py`) are not counted: how often a worker polls is no property
    of an order, so the first look of its kind stands for all. After a call its effect is committed and nobody has been
    answered.
    """

    service: str
    port: str
    method: str
    detail: str
    when: When
    nth: int = 1

    @property
    def call(self) -> str:
        """Return what is called and what it carries, without the side."""
        return f"{self.service}.{self.port}.{self.method}" + (f"[{self.detail}]" if self.detail else "")

    def __str__(self) -> str:
        """Return it as people say it."""
        return f"{self.when} {self.call} #{self.nth}"


class Plan(msgspec.Struct, frozen=True):
    """What a process shall do at the boundaries of calls that carry one of `marks` (ids of an order, a user ...).

    It dies at `kill`, or at the side number `kill_nth` of all calls whose sides it passes; else it only notes them.
    """

    marks: tuple[str, ...]
    kill: Boundary | None = None
    kill_nth: int | None = None
    trigger: str = ""


class Folder:
    """The files through which a test and the processes it kills understand each other."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "chaos"
        self._path.mkdir(parents=True, exist_ok=True)
        self._trigger: Path | None = None

    @property
    def plan_path(self) -> Path:
        """Where the plan is, if there is one."""
        return self._path / _PLAN

    def arm(self, plan: Plan) -> Self:
        """Give the processes a plan; what was noted before is forgotten."""
        self.disarm()
        (self._path / _PASSED).unlink(missing_ok=True)
        self._trigger = self._path / uuid.uuid4().hex
        self._trigger.touch()
        draft = self._path / "draft.json"
        draft.write_bytes(msgspec.json.encode(msgspec.structs.replace(plan, trigger=self._trigger.name)))
        draft.replace(self.plan_path)
        return self

    def disarm(self) -> bool:
        """Take the plan back; return whether a process has died of it, or is just dying. If not, none will."""
        trigger, self._trigger = self._trigger, None
        if trigger is None:
            return False
        self.plan_path.unlink()
        return not _taken(trigger)

    @property
    def fired(self) -> bool:
        """Whether there is a plan and a process has died of it, or is just dying."""
        return self._trigger is not None and not self._trigger.exists()

    def passed(self) -> list[Boundary]:
        """Return what was passed since the last plan was given, in its order."""
        try:
            lines = (self._path / _PASSED).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Boundary) for line in lines]

    def read_plan(self) -> Plan:
        """Return the plan; process side."""
        return msgspec.json.decode(self.plan_path.read_bytes(), type=Plan)

    def note(self, boundary: Boundary) -> None:
        """Note a boundary that was passed; process side. One write, so that several processes may note."""
        with (self._path / _PASSED).open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(boundary) + b"\n")

    def take_trigger(self, plan: Plan) -> bool:
        """Return whether the process may die: nobody has done so, and the plan was not taken back; process side."""
        return _taken(self._path / plan.trigger)


def _taken(trigger: Path) -> bool:
    """Take a trigger away; False when somebody else was faster."""
    try:
        trigger.unlink()
    except FileNotFoundError:
        return False
    return True


def details_of(values: Sequence[Any], marks: Sequence[str]) -> list[str]:
    """Return what a call is about: steps and statuses of orders, hints of queues, changes of carts among its values.

    Each is a boundary of its own, so that it is no matter which of them luck brings together in one batch.
    """
    words: dict[str, None] = {}
    for value in _flat(values):
        if any(mark in repr(value) for mark in marks):
            words.update(dict.fromkeys(_words(value)))
    return list(words)


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat.extend(value if isinstance(value, list | tuple) and not hasattr(value, "_fields") else (value,))
    return flat


def _words(value: Any) -> list[str]:
    event = getattr(value, "event", None)
    if event is not None:
        return [f"{event.status}.{event.mark}"]
    if hasattr(value, "claim_of"):
        return [value.name]
    if hasattr(value, "queue"):
        return [f"{value.queue}@{value.version}"]
    return [str(value.status)] if hasattr(value, "status") else []
