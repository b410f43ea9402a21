"""Whose database is this? Each one stores the id of its shop, its own name, and which others it still waits for.

A database that was lost looks like a new one. The others tell the two apart: one that the others know already is not
created again but reported as missing, and one with another shop's id is refused. These are pure rules;
`store_kit.sqlite.identity` and `store_kit.cassandra.identity` read and write the identities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from store_kit.refusals import Refusal

Kind = Literal["new", "old"]
"""Why a database is waited for: it has not been created yet, or it is older than these ids."""


class SchemaError(Refusal):
    """The database does not fit the code or its shop; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What one database says about itself.

    Args:
        name: which one it is, by its place: `user.db`, `store_user`.
        used: whether it has a schema; without one it is missing or empty.
        shop: the id of its shop; None when it has none.
        calls_itself: the name that is stored in it.
        awaits: the others and what they were, until all of the shop have been seen with its id; empty from then on.
        seen: whether it could be read.
    """

    name: str
    used: bool = False
    shop: str | None = None
    calls_itself: str | None = None
    awaits: Mapping[str, Kind] = field(default_factory=dict)
    seen: bool = True

    @property
    def kind(self) -> Kind:
        """What it is to the others while it has no id."""
        return "old" if self.used else "new"


def wanted_identity(
    own: Identity, others: Sequence[Identity], fresh: str, *, begin_anew: bool = False
) -> Identity:
    """Return the identity that a database should have; safe to repeat, and to do in several of them at once.

    Databases that are new together agree on the least id among them. Each makes an id once and from then on only
    lowers it, so once all have been seen with the same id, it does not change any more.

    Args:
        own: the database that is opened.
        others: all others of the shop.
        fresh: an id for a shop that has none.
        begin_anew: whether it may begin empty although the others miss it.

    Raises:
        SchemaError: it is missing, or belongs to another shop than the others; the text says what to do.
    """
    visible = [other for other in others if other.seen]
    awaits = dict(own.awaits)
    if own.shop is None:
        _must_be_awaited(own, visible, begin_anew=begin_anew)
        # An older shop was complete: what is missing was lost before, and is not waited for as something new.
        awaits = {other.name: other.kind if own.kind == "new" else own.kind for other in others}
    elif own.calls_itself != own.name:
        raise SchemaError(_elsewhere(own.name, own.calls_itself))
    shop = _agreed(own, [other for other in visible if other.shop is not None]) or fresh
    if all(other.shop == shop for other in others):
        awaits = {}
    return Identity(own.name, True, shop, own.name, awaits)


def _must_be_awaited(own: Identity, others: Sequence[Identity], *, begin_anew: bool) -> None:
    """Pass a database without an id only if the others have none either, or wait for it."""
    for other in others:
        if other.awaits.get(own.name) == own.kind:
            continue
        if own.kind == "new" and other.used and not begin_anew:
            raise SchemaError(_missing(own.name, other.name))
        if own.kind == "old" and other.shop is not None:
            raise SchemaError(_nameless(own.name, other.name))


def _agreed(own: Identity, others: Sequence[Identity]) -> str | None:
    """Return the id that the shop has agreed on; None when no database has one."""
    agreed = [one for one in (own, *others) if one.shop is not None and not one.awaits]
    for other in others:
        for one in agreed:
            if one.shop != other.shop:
                raise SchemaError(_stranger(one, other))
    if own.shop is not None and agreed and agreed[0].shop != own.shop:
        raise SchemaError(_stranger(own, agreed[0]))
    return min((one.shop for one in (own, *others) if one.shop is not None), default=None)


def _elsewhere(name: str, calls_itself: str | None) -> str:
    return (
        f"{name} is another database of a shop: it calls itself {calls_itself}. "
        "Put each one back where it was, or restore a backup (store restore)."
    )


def _missing(name: str, other: str) -> str:
    short = name.removesuffix(".db")
    return (
        f"{name} is missing or empty, although {other} next to it is in use: the shop would go on without its "
        "data. Restore a backup (store restore). If its data may be lost for good, start once with "
        f"STORE_BEGIN_ANEW={short}: it begins empty, all else stays."
    )


def _nameless(name: str, other: str) -> str:
    return (
        f"{name} has no shop id, although {other} next to it has one: it is another shop's, or from a backup of an "
        "older version. Restore a whole backup (store restore); all its databases have the same id, or none."
    )


def _stranger(one: Identity, other: Identity) -> str:
    return (
        f"{one.name} belongs to shop {one.shop}, {other.name} next to it to shop {other.shop}. Keep each shop's "
        "databases in a place of their own, or restore a backup (store restore); store doctor lists which is whose."
    )
