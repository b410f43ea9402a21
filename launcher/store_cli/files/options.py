"""Options of the commands that read a file."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.files.opening import STDIN


def a_file(path: Path | None) -> Path | None:
    """Return a path at which there is something to read; `-` is the standard input.

    Raises:
        BadParameter: nothing is there, or a folder.
    """
    if path is not None and path != STDIN:
        if not path.exists():
            raise typer.BadParameter(f"there is no file '{path}'.")
        if path.is_dir():
            raise typer.BadParameter(f"'{path}' is a folder.")
    return path


LedgerFile = Annotated[
    Path | None,
    typer.Argument(
        callback=a_file,
        metavar="FILE",
        help="Online Retail ledger as CSV, gzipped or not; - reads the standard input.",
        show_default="the ledger that comes with the shop",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse the file instead of leaving lines aside that cannot be sold.")
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of the file, for example cp1251.",
        show_default="found out: UTF-8, UTF-16, else what Windows writes",
    ),
]
