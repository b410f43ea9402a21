"""The edge of the `store` command: what no command has caught ends here, in a sentence and an exit code.

What the machine, the network or a database refuses is told in one sentence. What nobody thought of is a fault of the
shop: it is shown whole, with what to do about it.
"""

import errno
import io
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

from store_cli.console import FOUND_SOMETHING, INTERRUPTED, WRONG_USAGE, plain_console, print_json

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


def run(command: Callable[[], object]) -> None:
    """Run a command of this process until it exits."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows ASCII only gets escapes instead of an error; JSON is ASCII there.
            stream.reconfigure(errors="backslashreplace")
    try:
        command()
    except KeyboardInterrupt:
        _end("Interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # Who read the output has gone, as `head` does: nothing more is to be said, also not at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FOUND_SOMETHING)
    except Exception as error:  # noqa: BLE001 - the edge: everything is told, nothing passes by
        told = sentence_of(error)
        if told is None:
            traceback.print_exc()
            _end(
                f"This is a fault of the shop, not of what you did ({type(error).__name__}). Nothing that it had "
                "confirmed is lost. Please report it to whom you have the shop from, with the lines above.",
                OUR_FAULT,
            )
        _end(told, WRONG_USAGE if _is_wrong_usage(error) else FOUND_SOMETHING)


def sentence_of(error: Exception) -> str | None:
    """Return what to tell a person of an error that is no fault of the shop; None: it is one."""
    if isinstance(error, OSError):
        return _of_the_system(error)
    if isinstance(error, sqlite3.Error):
        return f"A database of the shop cannot be used: {error}. 'store doctor' looks into it."
    if isinstance(error, MemoryError):
        return "There is not enough memory for this; close something, or do less at once."
    return _ours(error)


def _of_the_system(error: OSError) -> str:
    where = ": ".join(
        os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)
    )
    reason = error.strerror or str(error) or type(error).__name__
    hint = (
        "Free some space, or use another place." if error.errno in _FULL else _HINTS.get(error.errno or 0, "")
    )
    return f"{where + ': ' if where else ''}{reason}. {hint}".rstrip()


def _ours(error: Exception) -> str | None:
    # Loaded only here: most commands need none of it, and start faster.
    from store_kit.migrations import SchemaError  # noqa: PLC0415
    from store_kit.problems import Problem  # noqa: PLC0415
    from store_kit.secrets import SecretError  # noqa: PLC0415
    from store_kit.settings import ServiceUrlWithoutPort  # noqa: PLC0415

    from store_cli.files.opening import FileError  # noqa: PLC0415
    from store_cli.reading_settings import WrongSettings  # noqa: PLC0415
    from store_cli.shop_client import ShopError  # noqa: PLC0415

    if isinstance(error, Problem):
        return error.detail or error.title
    known = (SchemaError, SecretError, ServiceUrlWithoutPort, FileError, WrongSettings, ShopError)
    return str(error) if isinstance(error, known) else None


def _is_wrong_usage(error: Exception) -> bool:
    from store_cli.files.opening import FileError  # noqa: PLC0415
    from store_cli.reading_settings import WrongSettings  # noqa: PLC0415

    return isinstance(error, FileError | WrongSettings)


def _end(message: str, code: int) -> NoReturn:
    plain_console(stderr=True).print(message, style="red")
    if "--json" in sys.argv[1:]:
        print_json({"ok": False, "error": message})
    sys.exit(code)
