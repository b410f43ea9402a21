"""Options of the commands that read a file."""

from pathlib import Path
from typing import Annotated

import typer

LedgerFile = Annotated[
    Path | None,
    typer.Argument(
        exists=True,
        dir_okay=False,
        readable=True,
        allow_dash=True,
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
