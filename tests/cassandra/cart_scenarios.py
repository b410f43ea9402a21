"""The conditional writes of the cart service: carts with the operations that count once, and what was looked at."""

from collections.abc import Mapping
from typing import Any, Final

from store_cart.adapters.cassandra.carts import CassandraCartStore
from store_cart.adapters.cassandra.views import CassandraViewStore
from store_cart.domain.carts import Limits, Line, Ordered, Owner, Shown
from store_cart.domain.changes import add_units, replace_lines, set_units, show_prices
from store_cart.domain.ordering import give_back_lines, subtract_order, take_lines
from store_cart.domain.views import View
from store_cart.problems import CartChanged
from store_kit.cassandra.keyspace import Cassandra
from store_kit.problems import PreconditionFailed

from tests.cassandra.scenario import Rivalry, Scenario, Stage

_CARTS: Final = "store_cart.adapters.cassandra.carts."
_VIEWS: Final = "store_cart.adapters.cassandra.views."
_LIMITS: Final = Limits(max_quantity=1_000, max_lines=100)
_IDLE_S: Final = 3_600
_LONG_MS: Final = 10**15


def carts(db: Cassandra) -> CassandraCartStore:
    """Return the store as a process that has just started has it."""
    return CassandraCartStore(db, _LIMITS, _IDLE_S)


def user(key: str) -> Owner:
    """Return a shopper of a test."""
    return Owner("user", key)


def guest(key: str) -> Owner:
    """Return a guest of a test."""
    return Owner("guest", key)


def line(product_id: str, quantity: int) -> Line:
    """Return something to put into a cart."""
    return Line(product_id, quantity, None, product_id, 250, 1)


async def _add(db: Cassandra, key: str, name: str, quantity: int) -> str:
    change = add_units(line("mug", quantity), key=name, remember_ms=_LONG_MS)
    return "added" if (await carts(db).change_cart(user(key), change)).applied else "known"


async def add(db: Cassandra, key: str) -> str:
    """Put two mugs into the cart, with an Idempotency-Key."""
    return await _add(db, key, "mine", 2)


async def add_more(db: Cassandra, key: str) -> str:
    """Put three more in, at the same time."""
    return await _add(db, key, "other", 3)


async def filled(db: Cassandra, key: str) -> None:
    """Have mugs and a lamp in the cart."""
    await carts(db).change_cart(user(key), replace_lines([line("mug", 5), line("lamp", 1)], 1))


async def subtract(db: Cassandra, key: str) -> str:
    """Take three ordered mugs out."""
    await carts(db).change_cart(user(key), subtract_order(f"order-{key}", [Ordered("mug", 3)], 2, _LONG_MS))
    return "subtracted"


async def take(db: Cassandra, key: str) -> str:
    """Let an order take a cart that is at its first version."""
    return await _take(db, key, "mine")


async def take_too(db: Cassandra, key: str) -> str:
    """Let another order take the same cart."""
    return await _take(db, key, "other")


async def _take(db: Cassandra, key: str, order: str) -> str:
    try:
        await carts(db).change_cart(user(key), take_lines(f"{order}-{key}", 1, 2, _LONG_MS))
    except CartChanged:
        return "refused"
    return "took"


async def take_unseen(db: Cassandra, key: str) -> str:
    """Let an order take a cart that its process has read before, without looking whether it has been there."""
    store = carts(db)
    await store.read_cart(user(key))
    try:
        await store.change_cart(user(key), take_lines(f"mine-{key}", 1, 2, _LONG_MS))
    except CartChanged:
        return "refused"
    return "took"


async def taken(db: Cassandra, key: str) -> None:
    """Have an order that took a cart, into which a clock was put since."""
    await filled(db, key)
    await take(db, key)
    await carts(db).change_cart(user(key), set_units(line("clock", 1)))


async def give_back(db: Cassandra, key: str) -> str:
    """Turn the order back."""
    await carts(db).change_cart(user(key), give_back_lines(f"mine-{key}", 3, _LONG_MS))
    return "gave back"


async def back_and_shut(db: Cassandra, key: str) -> tuple[Mapping[str, int], str]:
    """Read the cart, and say whether the order could still take it as it is now."""
    version = (await carts(db).read_cart(user(key))).version
    found = await in_cart(db, key)
    try:
        await carts(db).change_cart(user(key), take_lines(f"mine-{key}", version, 4, _LONG_MS))
    except CartChanged:
        return found, "shut"
    return found, "open"


async def show(db: Cassandra, key: str) -> str:
    """Show another price of mugs."""
    await carts(db).change_cart(user(key), show_prices([Shown("mug", 250, 300)]))
    return "shown"


async def shown(db: Cassandra, key: str) -> Mapping[str, int]:
    """Read which prices were shown."""
    return {
        found.product_id: found.last_shown_minor for found in (await carts(db).read_cart(user(key))).lines
    }


async def guest_filled(db: Cassandra, key: str) -> None:
    """Have a guest with mugs, who turns out to be a shopper with others."""
    await filled(db, key)
    await carts(db).change_cart(guest(key), replace_lines([line("mug", 2), line("clock", 4)], 1))


async def merge(db: Cassandra, key: str) -> str:
    """Sign in: the guest's cart becomes part of the user's."""
    report = await carts(db).merge_carts(guest(key), user(key), 3, _LONG_MS)
    return "merged" if report.merged else "known"


async def replace_by_clock(db: Cassandra, key: str) -> str:
    """Make a clock the only line of a cart that is at its first version."""
    return await _replace(db, key, "clock")


async def replace_by_card(db: Cassandra, key: str) -> str:
    """Make a card the only line of a cart that is at its first version."""
    return await _replace(db, key, "card")


async def _replace(db: Cassandra, key: str, product_id: str) -> str:
    try:
        await carts(db).change_cart(
            user(key), replace_lines([line(product_id, 1)], 2, versions=frozenset({1}))
        )
    except PreconditionFailed:
        return "refused"
    return "replaced"


async def in_cart(db: Cassandra, key: str) -> Mapping[str, int]:
    """Read how much of what is in the user's cart."""
    return {found.product_id: found.quantity for found in (await carts(db).read_cart(user(key))).lines}


async def in_both(db: Cassandra, key: str) -> tuple[Mapping[str, int], int, bool]:
    """Read the user's cart, what is left in the guest's, and whether that is closed."""
    left = (await carts(db).read_cart(guest(key))).lines
    return await in_cart(db, key), len(left), await carts(db).is_cart_merged(guest(key))


async def _look(db: Cassandra, key: str, product_id: str, at_ms: int) -> str:
    await CassandraViewStore(db, _IDLE_S).record_view(user(key), View(product_id, at_ms))
    return "recorded"


async def look(db: Cassandra, key: str) -> str:
    """Look at a mug."""
    return await _look(db, key, "mug", 5)


async def look_at_lamp(db: Cassandra, key: str) -> str:
    """Look at a lamp, in another tab."""
    return await _look(db, key, "lamp", 6)


async def looked_at(db: Cassandra, key: str) -> list[Any]:
    """Read what was looked at."""
    return await CassandraViewStore(db, _IDLE_S).list_views(user(key), 10)


_MERGED: Final = ({"mug": 7, "lamp": 1, "clock": 4}, 0, True)

SCENARIOS: Final = (
    *(
        Scenario(
            _CARTS + statement,
            "cart",
            play=add,
            told=("added",),
            effect=in_cart,
            ends=({"mug": 2},),
            story="add",
        )
        for statement in ("_SET", "_REMEMBER")
    ),
    Scenario(
        _CARTS + "_SET",
        "cart",
        story="subtract",
        prepare=filled,
        play=subtract,
        told=("subtracted",),
        effect=in_cart,
        ends=({"mug": 2, "lamp": 1},),
    ),
    Scenario(
        _CARTS + "_SET",
        "cart",
        story="take",
        prepare=filled,
        play=take,
        told=("took",),
        effect=in_cart,
        ends=({},),
    ),
    Scenario(
        _CARTS + "_CLAIM_FIRST",
        "cart",
        prepare=filled,
        play=take_unseen,
        told=("took",),
        effect=in_cart,
        ends=({},),
    ),
    Scenario(
        _CARTS + "_SET",
        "cart",
        story="give back",
        prepare=taken,
        play=give_back,
        told=("gave back",),
        effect=back_and_shut,
        ends=(({"mug": 5, "lamp": 1, "clock": 1}, "shut"),),
    ),
    Scenario(
        _CARTS + "_SET",
        "cart",
        story="give back what was never taken",
        prepare=filled,
        play=give_back,
        told=("gave back",),
        effect=back_and_shut,
        ends=(({"mug": 5, "lamp": 1}, "shut"),),
    ),
    Scenario(
        _CARTS + "_SET",
        "cart",
        story="recovery gives back",
        prepare=filled,
        play=take,
        recover=give_back,
        told=("took",),
        effect=back_and_shut,
        ends=(({"mug": 5, "lamp": 1}, "shut"),),
        stages=frozenset({Stage.CRASH}),
    ),
    Scenario(
        _CARTS + "_SET",
        "cart",
        story="show",
        prepare=filled,
        play=show,
        told=("shown",),
        effect=shown,
        ends=({"mug": 300, "lamp": 250},),
    ),
    *(
        Scenario(
            _CARTS + "_SET",
            "cart",
            story=f"merge, {step}",
            at=at,
            prepare=guest_filled,
            play=merge,
            told=("merged",),
            effect=in_both,
            ends=(_MERGED,),
        )
        for at, step in enumerate(("note", "close", "bring"), start=1)
    ),
    Scenario(
        _VIEWS + "_SET",
        "cart",
        play=look,
        told=("recorded",),
        effect=looked_at,
        ends=([View("mug", 5)],),
    ),
)
RIVALRIES: Final = (
    Rivalry(
        _CARTS + "_SET",
        "cart",
        story="both add",
        play=add,
        rival=add_more,
        outcome=in_cart,
        ends=(("added", "added", {"mug": 5}), ("known", "added", {"mug": 5})),
    ),
    Rivalry(
        _CARTS + "_SET",
        "cart",
        story="both replace one version",
        prepare=filled,
        play=replace_by_clock,
        rival=replace_by_card,
        outcome=in_cart,
        ends=(("replaced", "refused", {"clock": 1}), ("refused", "replaced", {"card": 1})),
    ),
    Rivalry(
        _CARTS + "_SET",
        "cart",
        story="two orders take one cart",
        prepare=filled,
        play=take,
        rival=take_too,
        outcome=in_cart,
        ends=(("took", "refused", {}), ("refused", "took", {})),
    ),
    Rivalry(
        _VIEWS + "_SET",
        "cart",
        play=look,
        rival=look_at_lamp,
        outcome=looked_at,
        ends=(("recorded", "recorded", [View("lamp", 6), View("mug", 5)]),),
    ),
)
