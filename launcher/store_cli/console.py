"""What every command shares: where output goes, progress bars, options, and exit codes."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

FAULTS_SHOWN = 20
LINE_EVERY_S = 10.0
DEFAULT_DATA = Path(".store")
DEFAULT_BASE_URL = "http://127.0.0.1:8080"
GOOD, FOUND_SOMETHING, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def _is_an_address(value: str | None) -> str | None:
    if value is not None and not re.match(r"https?://[^/\s]", value):
        raise typer.BadParameter(f"'{value}' is not a shop address; it must begin with http:// or https://.")
    return value


def an_address(value: str) -> str:
    """Return the address of an option, without the brackets that IPv6 has in URLs.

    Raises:
        BadParameter: it is a URL, has a port, or is nothing.
    """
    host = value.strip().removeprefix("[").removesuffix("]")
    if not host or "/" in host or host.count(":") == 1:
        raise typer.BadParameter(
            f"'{value}' is not an address to listen on; give a host such as 0.0.0.0, ::1 or localhost."
        )
    return host


BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        envvar="STORE_BASE_URL",
        help="Address of the shop; the demo's own when its data folder names one.",
        show_default=DEFAULT_BASE_URL,
        callback=_is_an_address,
    ),
]
DataFolder = Annotated[
    Path,
    typer.Option(
        "--data", envvar="STORE_DATA_DIR", help="Data folder of the demo shop, for its credentials."
    ),
]
ShopFolder = Annotated[Path, typer.Option("--data", envvar="STORE_DATA_DIR", help="Data folder of the shop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of text.")]


class Meter(Protocol):
    """Shows how far long work has come."""

    def track(self, what: str, total: int | None) -> "Step":
        """Begin a bar; call what is returned with how much was done since."""


class Step(Protocol):
    """Moves one bar on."""

    def __call__(self, done: int = 1, /) -> None:
        """Count `done` more."""


class LineMeter:
    """A line every few seconds, for a log; nothing of what is over sooner."""

    def __init__(self, out: Console, every_s: float = LINE_EVERY_S) -> None:
        self._out = out
        self._every_s = every_s

    def track(self, what: str, total: int | None) -> Step:
        """Begin to count."""
        begun = said = time.monotonic()
        so_far = 0

        def step(done: int = 1, /) -> None:
            nonlocal so_far, said
            so_far += done
            now = time.monotonic()
            if now - said >= self._every_s:
                said = now
                of = "" if total is None else f" of {total}"
                self._out.print(f"{what}: {so_far}{of}, {now - begun:.0f} s")

        return step


class BarMeter:
    """Progress bars on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def track(self, what: str, total: int | None) -> Step:
        """Add a bar."""
        task = self._progress.add_task(what, total=total)
        return lambda done=1: self._progress.advance(task, done)


def plain_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Return a console that prints texts as they are: `[work]` in a path is not markup, and `:x:` not an emoji."""
    return Console(
        stderr=stderr, width=width, markup=False, emoji=False, highlight=False, soft_wrap=width is None
    )


@contextmanager
def meter() -> Iterator[Meter]:
    """Give progress on stderr while inside: bars on a terminal, else a line every few seconds."""
    errors = plain_console(stderr=True)
    if not errors.is_terminal:
        yield LineMeter(errors)
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, refresh_per_second=5) as progress:
        yield BarMeter(progress)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def tell(message: str, *, as_json: bool) -> None:
    """Say what is wrong on stderr, and as JSON on stdout when that was asked for."""
    plain_console(stderr=True).print(message, style="red")
    if as_json:
        print_json({"ok": False, "error": message})


def fail(message: str, code: int, *, as_json: bool = False) -> NoReturn:
    """Say what is wrong and exit with `code`."""
    tell(message, as_json=as_json)
    raise typer.Exit(code)


def say(values: Mapping[str, object], text: str, *, as_json: bool) -> None:
    """Print the result on stdout: one line of JSON, or the text for a person."""
    if as_json:
        print_json(values)
    else:
        plain_console().print(text)


def end(faults: Sequence[str], *, as_json: bool) -> None:
    """Exit with 1 and the faults in words on stderr, if there are any."""
    if not faults:
        return
    errors = plain_console(stderr=True)
    if not as_json:
        for fault in faults[:FAULTS_SHOWN]:
            errors.print(fault, style="red")
        if len(faults) > FAULTS_SHOWN:
            errors.print(f"... and {len(faults) - FAULTS_SHOWN} more")
    raise typer.Exit(FOUND_SOMETHING)


def print_json(values: Mapping[str, object]) -> None:
    """Print one line of JSON on stdout; where the terminal knows ASCII only, with letters escaped."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    typer.echo(json.dumps(values, ensure_ascii=encoding != "utf8"))
