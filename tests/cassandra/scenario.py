"""What a test needs to know of a conditional write to get it into every kind of doubt."""

import enum
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from store_kit.cassandra.keyspace import Cassandra

Step = Callable[[Cassandra, str], Awaitable[Any]]
"""Does something in a keyspace, with rows that belong to a key which no other test has."""


async def _nothing(_db: Cassandra, _key: str) -> None:
    return None


class Stage(enum.Enum):
    """What the fault happens to."""

    FIRST_TRY = "the first try"
    RETRY_TOO = "the first try, whatever is asked next, and the second try"
    CRASH = "the first try, and then the process is gone; another one goes on"


ALL: Final = frozenset(Stage)


@dataclass(frozen=True)
class Scenario:
    """One use of a conditional write.

    Args:
        statement: name of its constant in the code.
        service: whose keyspace it works on.
        play: calls the port as its callers do: may be repeated, and reads before it writes where they do.
        told: what `play` answers when it can tell at once what happened.
        effect: reads what is true.
        ends: what there may be in the end; one effect, in whichever way it came about.
        prepare: what was there before.
        recover: what another process does after a crash.
        story: what it is about, where a statement has several.
        at: which occurrence of the statement is meant, from 1.
        stages: which of the stages it is meant for.
    """

    statement: str
    service: str
    play: Step
    told: Collection[Any]
    effect: Step
    ends: Collection[Any]
    prepare: Step = _nothing
    recover: Step | None = None
    story: str = ""
    at: int = 1
    stages: frozenset[Stage] = field(default=ALL)

    def __str__(self) -> str:
        """Return the test's id."""
        return _id(self.statement, self.story)


@dataclass(frozen=True)
class Rivalry:
    """Two processes want to change the same thing; the first one's try is in doubt, and the other comes in between.

    Args:
        statement: name of its constant in the code.
        service: whose keyspace it works on.
        play: what the first one does.
        rival: what the other does.
        outcome: reads who won.
        ends: what the first one and the rival may be told, together with who won.
        prepare: what was there before.
        story: what it is about, where a statement has several.
    """

    statement: str
    service: str
    play: Step
    rival: Step
    outcome: Step
    ends: Collection[tuple[Any, Any, Any]]
    prepare: Step = _nothing
    story: str = ""

    def __str__(self) -> str:
        """Return the test's id."""
        return _id(self.statement, self.story)


def _id(statement: str, story: str) -> str:
    short = statement.replace("store_", "", 1).replace(".adapters.", ".")
    return f"{short} ({story})" if story else short
