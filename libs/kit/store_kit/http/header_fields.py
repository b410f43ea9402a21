"""How header fields are read (RFC 9110, 5 and 12): every rule of their grammar in one place."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.types import Scope

Line = tuple[bytes, bytes]

_BLANKS: Final = b" \t"
_BLANK: Final = 0x20
_ONE_LINE_ONLY: Final = frozenset(
    {
        b"authorization",
        b"cart-token",
        b"content-type",
        b"idempotency-key",
        b"last-event-id",
        b"store-timeout-ms",
    }
)
"""Fields that are no lists: two lines of them contradict each other, and whoever reads the other one is fooled."""
_LISTS: Final = frozenset({b"accept", b"forwarded", b"if-match", b"if-none-match", b"x-forwarded-for"})
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's name for a word
_ENTITY_TAG: Final = re.compile(r'(?:^|,)[ \t]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?=,|$)')
_MEMBER: Final = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
"""A member of a list: a comma in a quoted string is part of it. Never fails, so it is linear whatever it is given."""
_RANGE: Final = re.compile(rf"({_TOKEN})/({_TOKEN})")
_PARAMETER: Final = re.compile(rf'\s*;\s*(?:({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*"))?')
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class RepeatedField(ValueError):
    """A field that may stand once stands twice."""


def read_fields(scope: Scope) -> dict[bytes, bytes]:
    """Return a request's fields by name, and leave each of them as one tidy line in its scope.

    Blanks around a value are no part of it (RFC 9110, 5.5), the lines of a list are one list (5.3), and two lines of
    `traceparent` are none. Nearly every request is tidy already: finding that out costs a third of a microsecond.

    Raises:
        RepeatedField: one that is no list stands twice, such as `Authorization`.
    """
    lines: list[Line] = scope["headers"]
    fields = dict(lines)
    if len(fields) != len(lines) or _has_blanks_behind(fields.values()):
        scope["headers"] = lines = _tidy(lines)
        fields = dict(lines)
    return fields


def _has_blanks_behind(values: Iterable[bytes]) -> bool:
    # A plain loop: half as dear as any other way to say it.
    for value in values:  # noqa: SIM110
        if value and value[-1] <= _BLANK:
            return True
    return False


def _tidy(lines: Sequence[Line]) -> list[Line]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in lines:
        found.setdefault(name, []).append(value.strip(_BLANKS))
    return [line for name, values in found.items() for line in _joined(name, values)]


def _joined(name: bytes, values: list[bytes]) -> list[Line]:
    if len(values) == 1:
        return [(name, values[0])]
    if name in _ONE_LINE_ONLY:
        raise RepeatedField(f"{name.decode()} was sent {len(values)} times; send it once.")
    if name == b"traceparent":
        return []
    return [(name, b", ".join(values))] if name in _LISTS else [(name, value) for value in values]


def credentials(authorization: str, scheme: str) -> str | None:
    """Return what follows a scheme: its name in any case, then one blank or more (RFC 9110, 11.4)."""
    name, _, value = authorization.strip(" \t").partition(" ")
    return value.strip(" ") or None if name.lower() == scheme else None


def entity_tags(field: str, *, weak: bool) -> frozenset[str]:
    """Return the opaque tags an If-Match or If-None-Match names, `*` for whichever there is.

    Args:
        field: the header's value; what is no entity tag is left aside.
        weak: whether a weak tag counts too (RFC 9110, 8.8.3.2): it does for If-None-Match.
    """
    if field.strip(" \t") == "*":
        return frozenset("*")
    return frozenset(tag for mark, tag in _ENTITY_TAG.findall(field) if weak or not mark)


def list_members(field: str) -> list[str]:
    """Return the members of a list field without the blanks around them (RFC 9110, 5.6.1)."""
    members = field.split(",") if '"' not in field else _MEMBER.findall(field)
    return [tidy for member in members if (tidy := member.strip(" \t"))]


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """Return which of the offered media types a request would rather have (RFC 9110, 12.5.1).

    Of several that are as welcome the first one; the first one also when none is, or when nothing was asked for.
    """
    if not accept:
        return offered[0]
    ranges = [found for member in list_members(accept) if (found := _media_range(member))]
    return max(offered, key=lambda kind: _quality(kind, ranges)) if ranges else offered[0]


def _media_range(member: str) -> tuple[str, str, float] | None:
    """Return type, subtype and weight; None for what is no media range, or asks for a parameter we never have."""
    named = _RANGE.match(member)
    if named is None:
        return None
    weight, position = 1.0, named.end()
    while found := _PARAMETER.match(member, position):
        position = found.end()
        if found[1] is not None and found[1].lower() == "q":
            if not _WEIGHT.fullmatch(found[2]):
                return None
            weight = float(found[2])
        elif found[1] is not None and found[1].lower() != "charset":
            return None
    return (named[1].lower(), named[2].lower(), weight) if position == len(member) else None


def _quality(kind: str, ranges: Sequence[tuple[str, str, float]]) -> float:
    """Return how welcome a media type is: the most specific range decides."""
    main, _, sub = kind.partition("/")
    for wanted in ((main, sub), (main, "*"), ("*", "*")):
        weights = [weight for one, other, weight in ranges if (one, other) == wanted]
        if weights:
            return max(weights)
    return 0.0
