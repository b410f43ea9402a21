"""Where a process can be killed: the boundaries of calls to ports, and how tests tell a process about them.

Test and process share a folder. The test writes a plan; a process notes what it passes, and what it died of.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

When = Literal["before", "after"]
_PLAN = "plan.json"
_PASSED = "passed.jsonl"
_FIRED = "fired.json"


class Boundary(msgspec.Struct, frozen=True, order=True):
    """One side of one call to a port.

    `detail` tells calls of one method apart by what they carry (an order's next status, a queue); `nth` counts
    those that look the same, from 1. After a call its effect is committed and nobody has been answered yet.
    """

    service: str
    port: str
    method: str
    detail: str
    when: When
    nth: int

    def __str__(self) -> str:
        """Return it as people say it."""
        detail = f"[{self.detail}]" if self.detail else ""
        return f"{self.when} {self.service}.{self.port}.{self.method}{detail} #{self.nth}"


class Plan(msgspec.Struct, frozen=True):
    """What a process shall do at the boundaries of calls that carry one of `marks` (ids of an order, a user ...).

    It dies at `kill`, or at the boundary number `kill_nth` of all that it passes; else they are only recorded.
    """

    marks: tuple[str, ...]
    kill: Boundary | None = None
    kill_nth: int | None = None


class Folder:
    """The files through which a test and the processes it kills understand each other."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "chaos"
        self._path.mkdir(parents=True, exist_ok=True)

    @property
    def plan_path(self) -> Path:
        """Where the plan is, if there is one."""
        return self._path / _PLAN

    def arm(self, plan: Plan) -> Self:
        """Give the processes a plan; what was recorded before is forgotten."""
        self.disarm()
        draft = self._path / "draft.json"
        draft.write_bytes(msgspec.json.encode(plan))
        draft.replace(self.plan_path)
        return self

    def disarm(self) -> None:
        """Take plan, records and last words away."""
        for name in (_PLAN, _PASSED, _FIRED):
            (self._path / name).unlink(missing_ok=True)

    def read_plan(self) -> Plan:
        """Return the plan; process side."""
        return msgspec.json.decode(self.plan_path.read_bytes(), type=Plan)

    def note(self, boundary: Boundary) -> None:
        """Record a boundary that was passed; process side. One write, so that several processes may record."""
        with (self._path / _PASSED).open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(boundary) + b"\n")

    def last_words(self, boundary: Boundary) -> None:
        """Say what the process is about to die of; process side."""
        draft = self._path / "fired.draft"
        draft.write_bytes(msgspec.json.encode(boundary))
        draft.replace(self._path / _FIRED)

    @property
    def armed(self) -> bool:
        """Whether there is a plan."""
        return self.plan_path.exists()

    @property
    def fired(self) -> bool:
        """Whether a process has died as planned."""
        return (self._path / _FIRED).exists()

    def passed(self) -> list[Boundary]:
        """Return what was passed since the plan was given, in its order."""
        try:
            lines = (self._path / _PASSED).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Boundary) for line in lines]


def detail_of(values: Sequence[Any], marks: Sequence[str]) -> str:
    """Return what a call is about: statuses of orders, marks of changes, queues of hints among its values."""
    words: dict[str, None] = {}
    for value in _flat(values):
        if any(mark in repr(value) for mark in marks):
            words.update(dict.fromkeys(_words(value)))
    return ",".join(words)


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat.extend(value if isinstance(value, list | tuple) and not hasattr(value, "_fields") else (value,))
    return flat


def _words(value: Any) -> list[str]:
    event = getattr(value, "event", None)
    if event is not None:
        return [f"{event.status}.{event.mark}"]
    return [str(getattr(value, name)) for name in ("status", "queue") if hasattr(value, name)]
