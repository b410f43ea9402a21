"""The vocabulary of requests: what all services mean by an id, a page or a version.

`Annotated[Uuid, Path(description="The order's id.")]` in a path, `Annotated[Uuid, Field(...)]` in a body; a header or a
query parameter of this page is described by `Annotated[IfMatch, Field(description="The ETag of the cart.")]`.
"""

from typing import Annotated, Final

from fastapi import Header, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

UUID_PATTERN: Final = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
"""How a UUID may be written by others: in either case (RFC 9562, 4). Ours are in lower case."""
LOWER_CASE: Final = StringConstraints(to_lower=True)
"""For an id that may look like anything: in our spelling."""
LONGEST_CURSOR: Final = 2048
LONGEST_KEY: Final = 255


class StrictBody(BaseModel):
    """A body in which every field is known and of the type it should be."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _whole(value: object) -> object:
    """Take 2.0 for 2: to JSON Schema both are integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digits(value: object) -> object:
    """Refuse what only a lenient parser takes for a number: blanks around it, signs, other scripts' digits."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be written in digits")
    return value


Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN, to_lower=True)]
"""A UUID in our spelling."""
ID_PATTERN: Final = r"^[0-9A-Za-z_-]{1,64}$"
OpaqueId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""An id of another service, whatever it looks like."""
Whole: Final = BeforeValidator(_whole)
"""For integers in a body. Comes last in an annotation: bounds in front of it stay in the API document."""
Digits: Final = BeforeValidator(_digits)
"""For numbers in a query."""
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the page before.")
]
IfMatch = Annotated[str | None, Header(alias="If-Match")]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=LONGEST_KEY, pattern=r"^[!-~]+$")
]
"""Chosen by the client: a request repeated with it counts once."""
