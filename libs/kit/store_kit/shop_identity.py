"""Whose database is this? Each one bears the id of its shop, its own name, and which others it still waits for.

An empty database looks like a new one. What tells them apart is the others: a database that the others know already
is not made again but missed, and one that bears another shop's id is a stranger. Pure rules; `sqlite_identity` and
`cassandra_schema` read and write what they speak of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from store_kit.refusals import Refusal

Kind = Literal["new", "old"]
"""Why a database is waited for: it has not been made yet, or it was made before databases bore ids."""


class SchemaError(Refusal):
    """The database does not fit to the code or to its shop; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What one database says of itself.

    Args:
        name: which one it is by its place: `user.db`, `store_user`.
        used: whether it has a schema; without one it is missing or empty.
        shop: the id of its shop; None when it bears none.
        calls_itself: the name that it bears.
        awaits: until all of its shop have been seen with its id: the others, and what they were; empty from then on.
        seen: whether it could be looked at.
    """

    name: str
    used: bool = False
    shop: str | None = None
    calls_itself: str | None = None
    awaits: Mapping[str, Kind] = field(default_factory=dict)
    seen: bool = True

    @property
    def kind(self) -> Kind:
        """What it is to others while it bears no id."""
        return "old" if self.used else "new"


def settle(own: Identity, others: Sequence[Identity], fresh: str, *, begin_anew: bool = False) -> Identity:
    """Return what a database should bear; safe to repeat, and to do in several of them at once.

    Those that are new together agree on the least id among them. Each makes an id once and from then on only lowers
    it, so once all have been seen to bear the same nobody changes any more.

    Args:
        own: the database that is opened.
        others: all others of the shop.
        fresh: an id for a shop that has none.
        begin_anew: an operator wants it empty where it is missed.

    Raises:
        SchemaError: it is missing, or a stranger among the others; the text says what to do.
    """
    visible = [other for other in others if other.seen]
    awaits = dict(own.awaits)
    if own.shop is None:
        _must_be_awaited(own, visible, begin_anew=begin_anew)
        # An older shop was whole: what is not there was lost before, and is not waited for as something new.
        awaits = {other.name: other.kind if own.kind == "new" else own.kind for other in others}
    elif own.calls_itself != own.name:
        raise SchemaError(_elsewhere(own.name, own.calls_itself))
    shop = _agreed(own, [other for other in visible if other.shop is not None]) or fresh
    if all(other.shop == shop for other in others):
        awaits = {}
    return Identity(own.name, True, shop, own.name, awaits)


def _must_be_awaited(own: Identity, others: Sequence[Identity], *, begin_anew: bool) -> None:
    """Pass a database without an id only where the others have none either, or wait for it."""
    for other in others:
        if other.awaits.get(own.name) == own.kind:
            continue
        if own.kind == "new" and other.used and not begin_anew:
            raise SchemaError(_missing(own.name, other.name))
        if own.kind == "old" and other.shop is not None:
            raise SchemaError(_nameless(own.name, other.name))


def _agreed(own: Identity, others: Sequence[Identity]) -> str | None:
    """Return the id that is to be borne; None when nobody bears one."""
    settled = [one for one in (own, *others) if one.shop is not None and not one.awaits]
    for other in others:
        for one in settled:
            if one.shop != other.shop:
                raise SchemaError(_stranger(one, other))
    if own.shop is not None and settled and settled[0].shop != own.shop:
        raise SchemaError(_stranger(own, settled[0]))
    return min((one.shop for one in (own, *others) if one.shop is not None), default=None)


def _elsewhere(name: str, calls_itself: str | None) -> str:
    return (
        f"{name} is another database of a shop: it calls itself {calls_itself}. "
        "Put each one back where it was, or restore a backup (store restore)."
    )


def _missing(name: str, other: str) -> str:
    short = name.removesuffix(".db")
    return (
        f"{name} is missing or empty, although {other} beside it is in use: the shop would go on without what was in "
        "it. Restore a backup (store restore). If what was in it may be lost for good, start once with "
        f"STORE_BEGIN_ANEW={short}: it begins empty, all else stays."
    )


def _nameless(name: str, other: str) -> str:
    return (
        f"{name} bears no shop's id, although {other} beside it does: it is another shop's, or from a backup of an "
        "older version. Restore a whole backup (store restore); all databases of one bear the same id, or none."
    )


def _stranger(one: Identity, other: Identity) -> str:
    return (
        f"{one.name} belongs to shop {one.shop}, {other.name} beside it to shop {other.shop}. Keep each shop's "
        "databases in a place of their own, or restore a backup (store restore); store doctor lists whose is whose."
    )
