"""Where every command's errors end: one table from an error to its sentence and exit code.

What the machine, the network or a database refuses is told in one sentence. Anything else is a fault of the shop: it
is shown whole, with what to do about it.
"""

import errno
import io
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from store_kit.problems import Problem
from store_kit.refusals import Refusal

from store_cli.console import FOUND_SOMETHING, INTERRUPTED, WRONG_USAGE, fail, tell

OUR_FAULT: Final = 70
"""EX_SOFTWARE of sysexits.h."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_HINTS: Final = {
    errno.EACCES: "Use another place, or ask its owner.",
    errno.EPERM: "Use another place, or ask its owner.",
    errno.EROFS: "Use a place that can be written to.",
    errno.EMFILE: "Allow more open files: ulimit -n 4096.",
    errno.EIO: "The disk or its connection may be failing: look into the system's log.",
}


class WrongUsage(Refusal):
    """The command was given something that it cannot work with: a file, settings, or no credentials."""


def _of_the_system(error: OSError) -> str:
    where = ": ".join(
        os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)
    )
    reason = error.strerror or str(error) or type(error).__name__
    hint = (
        "Free some space, or use another place." if error.errno in _FULL else _HINTS.get(error.errno or 0, "")
    )
    return f"{where + ': ' if where else ''}{reason}. {hint}".rstrip()


_TABLE: Final[tuple[tuple[type[BaseException], int, Callable[[Any], str]], ...]] = (
    (WrongUsage, WRONG_USAGE, str),
    (Refusal, FOUND_SOMETHING, str),
    (Problem, FOUND_SOMETHING, lambda problem: problem.detail or problem.title),
    (OSError, FOUND_SOMETHING, _of_the_system),
    (
        sqlite3.Error,
        FOUND_SOMETHING,
        "A database of the shop cannot be used: {}. 'store doctor' looks into it.".format,
    ),
    (
        MemoryError,
        FOUND_SOMETHING,
        lambda _: "There is not enough memory for this; close something, or do less at once.",
    ),
    (KeyboardInterrupt, INTERRUPTED, lambda _: "Interrupted."),
)
"""Kind of error -> exit code and sentence; the first that fits counts."""


def outcome(error: BaseException) -> tuple[str, int] | None:
    """Return the sentence and the exit code of an error; None: it is a fault of the shop."""
    for kind, code, sentence in _TABLE:
        if isinstance(error, kind):
            return sentence(error), code
    return None


@contextmanager
def sentences(*, as_json: bool) -> Iterator[None]:
    """End the command with the sentence and the exit code of an error that is in the table."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if (found := outcome(error)) is None:
            raise
        fail(*found, as_json=as_json)


def run(command: Callable[[], object]) -> None:
    """Run a command of this process until it exits."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows ASCII only gets escapes instead of an error; JSON is ASCII there.
            stream.reconfigure(errors="backslashreplace")
    try:
        command()
    except BrokenPipeError:
        # The reader of the output is gone, as `head` is after its lines: print nothing more, not even at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FOUND_SOMETHING)
    except Exception as error:  # noqa: BLE001 - the edge: everything ends in a sentence
        traceback.print_exc()
        tell(
            f"This is a fault of the shop, not of what you did ({type(error).__name__}). Nothing that it had "
            "confirmed is lost. Please report it where you got the shop, with the lines above.",
            as_json="--json" in sys.argv[1:],
        )
        sys.exit(OUR_FAULT)
