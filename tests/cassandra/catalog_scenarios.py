"""The conditional writes of the catalogue: products and their SKUs, stock, what orders hold, the number of shards."""

from dataclasses import replace
from typing import Any, Final

from store_catalog.adapters.cassandra.shards import _DECIDED, Shards
from store_catalog.adapters.cassandra.skus import _INSERT as _CLAIM
from store_catalog.adapters.cassandra.stores import CassandraStores
from store_catalog.domain.products import Details, NewProduct, Product
from store_catalog.domain.reservations import Line
from store_catalog.domain.stock import Adjustment
from store_catalog.problems import (
    InsufficientStock,
    ProductChanged,
    ReservationReleased,
    SkuTaken,
    StockBelowZero,
)
from store_catalog.settings import CatalogSettings
from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import SystemClock
from store_kit.ids import new_id

from tests.cassandra.scenario import Rivalry, Scenario, Stage

_ADAPTERS: Final = "store_catalog.adapters.cassandra."
_PRODUCTS: Final = _ADAPTERS + "products."
_SKUS: Final = _ADAPTERS + "skus."
_STOCK: Final = _ADAPTERS + "shard_rows."
_SHARDS: Final = _ADAPTERS + "shards."
_LATER_MS: Final = 10**15
_LONG_AGO_MS: Final = 120_000
_STATE: Final = "SELECT claim FROM shelves WHERE shard = ? AND kind = 5 AND id = ? AND ref = ''"


async def _shards(db: Cassandra) -> Shards:
    shards = Shards(8)
    await shards.load(db)
    return shards


async def stores(db: Cassandra) -> CassandraStores:
    """Return the stores as a process that has just started has them."""
    return CassandraStores.on(db, await _shards(db), CatalogSettings(), SystemClock())


# -------------------------------------------------------------------------------------------------- products


async def mine(db: Cassandra, key: str) -> dict[str, Product]:
    """Return the live products of a test by their names."""
    products, found, after = (await stores(db)).products, dict[str, Product](), ""
    while page := await products.scan_products(after, 500):
        found |= {one.name.removeprefix(key): one for one in page if one.name.startswith(key)}
        after = page[-1].id
    return found


async def _add(db: Cassandra, key: str, name: str, sku: str, stock: int = 10) -> str:
    new = NewProduct(Details(key + sku, key + name, "", "Things", 250), stock)
    (added,) = await (await stores(db)).products.insert_products([new])
    return "created" if added.created else "known"


async def add(db: Cassandra, key: str) -> str:
    """Add a mug."""
    return await _add(db, key, "mug", "")


async def add_twin(db: Cassandra, key: str) -> str:
    """Add something else with the same SKU."""
    return await _add(db, key, "twin", "")


async def a_mug(db: Cassandra, key: str) -> None:
    """Have a mug."""
    assert await add(db, key) == "created"


async def mug_and_lamp(db: Cassandra, key: str) -> None:
    """Have two products."""
    await a_mug(db, key)
    assert await _add(db, key, "lamp", ".lamp") == "created"


async def _edit(db: Cassandra, key: str, name: str, **edits: Any) -> str:
    """Edit the first version of a product, as somebody with If-Match does."""
    found = (await mine(db, key))[name]
    if found.version > 1:
        return "edited before"
    try:
        await (await stores(db)).products.update_product(replace(found, version=2, **edits), 1)
    except ProductChanged:
        return "edited before"
    except SkuTaken:
        return "taken"
    return "saved"


async def reprice(db: Cassandra, key: str) -> str:
    """Give the mug another price."""
    return await _edit(db, key, "mug", price_minor=300)


async def reprice_otherwise(db: Cassandra, key: str) -> str:
    """Give it yet another one."""
    return await _edit(db, key, "mug", price_minor=400)


async def mug_gets_sku(db: Cassandra, key: str) -> str:
    """Give the mug another SKU."""
    return await _edit(db, key, "mug", sku=f"{key}.new")


async def lamp_gets_sku(db: Cassandra, key: str) -> str:
    """Give the lamp that SKU."""
    return await _edit(db, key, "lamp", sku=f"{key}.new")


async def claimed_by_nobody(db: Cassandra, key: str) -> None:
    """Have a mug, and a claim on its next SKU by a product that there is not."""
    await a_mug(db, key)
    await _claim(db, f"{key}.new", new_id(), 5)


async def claimed_long_ago(db: Cassandra, key: str) -> None:
    """Have a mug that was about to get a SKU two minutes ago, and a lamp."""
    await mug_and_lamp(db, key)
    await _claim(db, f"{key}.new", (await mine(db, key))["mug"].id, 2)


async def _claim(db: Cassandra, sku: str, product_id: str, version: int) -> None:
    row = ((await _shards(db)).of(sku), sku, product_id, version, SystemClock().now_ms() - _LONG_AGO_MS)
    assert await db.apply("skus.insert", (_CLAIM, row))


async def shelf(db: Cassandra, key: str) -> dict[str, Any]:
    """Say of each product its price, version and SKU; and of each SKU whose it is."""
    found = await mine(db, key)
    names = {one.id: name for name, one in found.items()}
    skus = ["", ".lamp", ".new"]
    owners = await (await stores(db)).products._skus.owners([key + sku for sku in skus], serial=True)
    return {
        **{n: (one.price_minor, one.version, (one.sku or "").removeprefix(key)) for n, one in found.items()},
        **{f"SKU{sku}": names[owners[key + sku].id] for sku in skus if key + sku in owners},
    }


_RESKUED: Final = {"mug": (250, 2, ".new"), "SKU.new": "mug"}
_BOTH: Final = {
    "mug": (250, 1, ""),
    "lamp": (250, 1, ".lamp"),
    "SKU": "mug",
    "SKU.lamp": "lamp",
}
_MUG_HAS_IT: Final = {
    "mug": (250, 2, ".new"),
    "lamp": (250, 1, ".lamp"),
    "SKU.lamp": "lamp",
    "SKU.new": "mug",
}
_LAMP_HAS_IT: Final = {"mug": (250, 1, ""), "lamp": (250, 2, ".new"), "SKU": "mug", "SKU.new": "lamp"}


# ----------------------------------------------------------------------------------------------------- stock


def order(key: str) -> str:
    """Return an order of a test."""
    return f"{key}-order"


async def _reserve(db: Cassandra, key: str, order_id: str, wanted: dict[str, int]) -> str:
    found = await mine(db, key)
    lines = [Line(found[name].id, quantity) for name, quantity in wanted.items()]
    try:
        await (await stores(db)).stock.reserve_stock(order_id, lines, _LATER_MS)
    except InsufficientStock:
        return "short"
    except ReservationReleased:
        return "refused"
    return "held"


async def reserve(db: Cassandra, key: str) -> str:
    """Hold mugs and a lamp for an order."""
    return await _reserve(db, key, order(key), {"mug": 3, "lamp": 1})


async def reserve_most(db: Cassandra, key: str) -> str:
    """Hold most of the mugs for an order."""
    return await _reserve(db, key, order(key), {"mug": 8})


async def other_reserves_most(db: Cassandra, key: str) -> str:
    """Hold most of the mugs for another order."""
    return await _reserve(db, key, f"{key}-other", {"mug": 8})


async def reserved(db: Cassandra, key: str) -> None:
    """Have an order that holds what it wants."""
    await mug_and_lamp(db, key)
    assert await reserve(db, key) == "held"


async def release(db: Cassandra, key: str) -> str:
    """Give back what the order holds, or leave a marker."""
    await (await stores(db)).stock.release_stock(order(key))
    return "released"


async def ship(db: Cassandra, key: str) -> str:
    """Sell what the order holds."""
    await (await stores(db)).stock.ship_stock(order(key))
    return "shipped"


async def receive(db: Cassandra, key: str) -> str:
    """Get five mugs more."""
    return await _adjust(db, key, 5)


async def write_off(db: Cassandra, key: str) -> str:
    """Lose eight mugs."""
    return await _adjust(db, key, -8)


async def _adjust(db: Cassandra, key: str, delta: int) -> str:
    mug = (await mine(db, key))["mug"]
    try:
        await (await stores(db)).stock.adjust_stock(Adjustment(mug.id, delta, "counted", f"adjust {key}"))
    except StockBelowZero:
        return "refused"
    return "adjusted"


async def stock(db: Cassandra, key: str) -> dict[str, Any]:
    """Say of each product what was received, is available, was sold and is held; and where the order stands."""
    books, found, after = (await stores(db)).stock, dict[str, Any](), ""
    names = {one.id: name for name, one in (await mine(db, key)).items()}
    while page := await books.list_stock(after, 500):
        for row in page:
            if row.product_id in names:
                holds = {hold.order_id.removeprefix(key): hold.quantity for hold in row.holds}
                found[names[row.product_id]] = (
                    row.stock.received,
                    row.stock.available,
                    row.stock.sold,
                    holds,
                )
        after = page[-1].product_id
    shard = (await _shards(db)).of(order(key))
    state = await db.one("reservations.state", _STATE, (shard, order(key)), serial=True)
    return found | ({"order": state[0]} if state else {})


_HELD: Final[dict[str, Any]] = {
    "mug": (10, 7, 0, {"-order": 3}),
    "lamp": (10, 9, 0, {"-order": 1}),
    "order": "HELD",
}
_RELEASED: Final[dict[str, Any]] = {"mug": (10, 10, 0, {}), "lamp": (10, 10, 0, {}), "order": "RELEASED"}
_SHIPPED: Final[dict[str, Any]] = {"mug": (10, 7, 3, {}), "lamp": (10, 9, 1, {}), "order": "SHIPPED"}


# ---------------------------------------------------------------------------------------------------- shards


async def undecided(db: Cassandra, key: str) -> None:
    """Have a keyspace that does not know yet how many shards it has."""
    del key
    await db.run("TRUNCATE constants")


async def decide(db: Cassandra, key: str) -> int:
    """Want sixteen shards."""
    del key
    shards = Shards(16)
    await shards.load(db)
    return shards.count


async def decide_otherwise(db: Cassandra, key: str) -> int:
    """Want thirty-two."""
    del key
    shards = Shards(32)
    await shards.load(db)
    return shards.count


async def decided(db: Cassandra, key: str) -> int:
    """Read how many there are."""
    del key
    row = await db.one("constants.get", _DECIDED, ("shards",), serial=True)
    assert row is not None
    return int(row[0])


_CRASH: Final = frozenset({Stage.CRASH})
SCENARIOS: Final = (
    Scenario(
        _PRODUCTS + "_INSERT",
        "catalog",
        play=add,
        told=("created",),
        effect=shelf,
        ends=({"mug": (250, 1, ""), "SKU": "mug"},),
    ),
    Scenario(
        _PRODUCTS + "_UPDATE",
        "catalog",
        prepare=a_mug,
        play=reprice,
        told=("saved",),
        effect=shelf,
        ends=({"mug": (300, 2, ""), "SKU": "mug"},),
    ),
    *(
        Scenario(
            _SKUS + statement,
            "catalog",
            prepare=prepare,
            play=mug_gets_sku,
            told=("saved",),
            effect=shelf,
            ends=(_RESKUED,),
        )
        for statement, prepare in (("_INSERT", a_mug), ("_TAKE_OVER", claimed_by_nobody), ("_DELETE", a_mug))
    ),
    Scenario(
        _SKUS + "_SKIP",
        "catalog",
        prepare=claimed_long_ago,
        play=lamp_gets_sku,
        told=("saved",),
        effect=shelf,
        ends=({**_LAMP_HAS_IT, "mug": (250, 2, "")},),
    ),
    Scenario(
        _STOCK + "_CHANGE",
        "catalog",
        story="hold",
        prepare=mug_and_lamp,
        play=reserve,
        told=("held",),
        effect=stock,
        ends=(_HELD,),
    ),
    Scenario(
        _STOCK + "_CHANGE",
        "catalog",
        story="hold, recovery releases",
        prepare=mug_and_lamp,
        play=reserve,
        recover=release,
        told=("held",),
        effect=stock,
        ends=(_RELEASED,),
        stages=_CRASH,
    ),
    Scenario(
        _STOCK + "_CHANGE",
        "catalog",
        story="release",
        prepare=reserved,
        play=release,
        told=("released",),
        effect=stock,
        ends=(_RELEASED,),
    ),
    Scenario(
        _STOCK + "_CHANGE",
        "catalog",
        story="ship",
        prepare=reserved,
        play=ship,
        told=("shipped",),
        effect=stock,
        ends=(_SHIPPED,),
    ),
    Scenario(
        _STOCK + "_CHANGE",
        "catalog",
        story="adjust",
        prepare=a_mug,
        play=receive,
        told=("adjusted",),
        effect=stock,
        ends=({"mug": (15, 15, 0, {})},),
    ),
    *(
        Scenario(
            _STOCK + "_KEEP",
            "catalog",
            story=story,
            at=at,
            prepare=mug_and_lamp,
            play=reserve,
            told=("held",),
            effect=stock,
            ends=(_HELD,),
        )
        for at, story in ((1, "open"), (2, "held"))
    ),
    *(
        Scenario(
            _STOCK + "_KEEP",
            "catalog",
            story=f"{story}, recovery releases",
            at=at,
            prepare=mug_and_lamp,
            play=reserve,
            recover=release,
            told=("held",),
            effect=stock,
            ends=(_RELEASED,),
            stages=_CRASH,
        )
        for at, story in ((1, "open"), (2, "held"))
    ),
    *(
        Scenario(
            _STOCK + statement,
            "catalog",
            story=story,
            prepare=reserved,
            play=release,
            told=("released",),
            effect=stock,
            ends=(_RELEASED,),
        )
        for statement, story in (("_MOVE", "releasing"), ("_KEEP", "released"))
    ),
    *(
        Scenario(
            _STOCK + statement,
            "catalog",
            story=story,
            prepare=reserved,
            play=ship,
            told=("shipped",),
            effect=stock,
            ends=(_SHIPPED,),
        )
        for statement, story in (("_MOVE", "shipping"), ("_KEEP", "shipped"))
    ),
    Scenario(
        _STOCK + "_KEEP",
        "catalog",
        story="cancelled before it was there",
        prepare=mug_and_lamp,
        play=release,
        told=("released",),
        effect=stock,
        ends=(_RELEASED,),
    ),
    Scenario(
        _SHARDS + "_DECIDE",
        "catalog",
        prepare=undecided,
        play=decide,
        told=(16,),
        effect=decided,
        ends=(16,),
    ),
)
RIVALRIES: Final = (
    Rivalry(
        _PRODUCTS + "_INSERT",
        "catalog",
        play=add,
        rival=add_twin,
        outcome=shelf,
        ends=(
            ("created", "known", {"mug": (250, 1, ""), "SKU": "mug"}),
            ("known", "created", {"twin": (250, 1, ""), "SKU": "twin"}),
        ),
    ),
    Rivalry(
        _PRODUCTS + "_UPDATE",
        "catalog",
        prepare=a_mug,
        play=reprice,
        rival=reprice_otherwise,
        outcome=shelf,
        ends=(
            ("saved", "edited before", {"mug": (300, 2, ""), "SKU": "mug"}),
            ("edited before", "saved", {"mug": (400, 2, ""), "SKU": "mug"}),
        ),
    ),
    Rivalry(
        _SKUS + "_INSERT",
        "catalog",
        prepare=mug_and_lamp,
        play=mug_gets_sku,
        rival=lamp_gets_sku,
        outcome=shelf,
        ends=(("saved", "taken", _MUG_HAS_IT), ("taken", "saved", _LAMP_HAS_IT)),
    ),
    Rivalry(
        _STOCK + "_CHANGE",
        "catalog",
        story="the last units",
        prepare=a_mug,
        play=reserve_most,
        rival=other_reserves_most,
        outcome=stock,
        ends=(
            ("held", "short", {"mug": (10, 2, 0, {"-order": 8}), "order": "HELD"}),
            ("short", "held", {"mug": (10, 2, 0, {"-other": 8}), "order": "WITHDRAWN"}),
        ),
    ),
    Rivalry(
        _STOCK + "_CHANGE",
        "catalog",
        story="the other cancels",
        prepare=mug_and_lamp,
        play=reserve,
        rival=release,
        outcome=stock,
        ends=(("refused", "released", _RELEASED),),
    ),
    Rivalry(
        _STOCK + "_CHANGE",
        "catalog",
        story="the other writes off",
        prepare=a_mug,
        play=reserve_most,
        rival=write_off,
        outcome=stock,
        ends=(
            ("held", "refused", {"mug": (10, 2, 0, {"-order": 8}), "order": "HELD"}),
            ("short", "adjusted", {"mug": (2, 2, 0, {}), "order": "WITHDRAWN"}),
        ),
    ),
    Rivalry(
        _STOCK + "_KEEP",
        "catalog",
        prepare=mug_and_lamp,
        play=reserve,
        rival=release,
        outcome=stock,
        ends=(("refused", "released", _RELEASED),),
    ),
    Rivalry(
        _SHARDS + "_DECIDE",
        "catalog",
        prepare=undecided,
        play=decide,
        rival=decide_otherwise,
        outcome=decided,
        ends=((16, 16, 16), (32, 32, 32)),
    ),
)
