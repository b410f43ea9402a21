"""Plausible products, always the same ones: what `store seed` and the 20 000 products script put into a shop.

Product number `i` depends on the seed and on `i` alone, so the first thousand of a million are the same thousand,
and seeding again only adds what is missing. Every second name is Russian; words with accents and with `ё` are
there on purpose, since a search must find them without.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from store_cli.seed.words import (
    BRANDS,
    COLOURS,
    COLOURS_RU,
    FEATURES,
    FEATURES_RU,
    KINDS,
    QUALITIES,
    QUALITIES_RU,
    Gender,
    Kind,
)

DEFAULT_SEED: Final = "product-store"
_OUT_OF_STOCK_ONE_IN: Final = 20
_MAX_STOCK: Final = 500
_PENCE: Final = (99, 99, 99, 95, 50, 0)
_ENDING: Final[dict[Gender, int]] = {"m": 0, "f": 1, "n": 2, "p": 3}


@dataclass(frozen=True, slots=True)
class SeedProduct:
    """One product to create; `price_minor` is in minor units, `stock` in pieces."""

    sku: str
    name: str
    description: str
    category: str
    price_minor: int
    stock: int


def products(n: int, *, seed: str = DEFAULT_SEED, start: int = 1) -> Iterator[SeedProduct]:
    """Yield products `start` to `n`; their SKUs are `SEED-000001` and up."""
    return (product(number, seed=seed) for number in range(start, n + 1))


def product(number: int, *, seed: str = DEFAULT_SEED) -> SeedProduct:
    """Return product `number` (from 1)."""
    dice = _Dice(f"{seed}/{number}")
    kind = KINDS[dice.roll(len(KINDS))]
    name, description = _russian(kind, dice) if dice.roll(2) else _english(kind, dice)
    return SeedProduct(
        sku=f"SEED-{number:06d}",
        name=name,
        description=description,
        category=kind.category,
        price_minor=_price(kind, dice),
        stock=0 if dice.roll(_OUT_OF_STOCK_ONE_IN) == 0 else 1 + dice.roll(_MAX_STOCK),
    )


class _Dice:
    """A stream of small numbers that depends on nothing but its name (no `random`: its methods may change)."""

    def __init__(self, name: str) -> None:
        self._rest = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=24).digest(), "big")

    def roll(self, sides: int) -> int:
        """Return a number from 0 to `sides` - 1."""
        self._rest, rolled = divmod(self._rest, sides)
        return rolled


def _english(kind: Kind, dice: _Dice) -> tuple[str, str]:
    noun = kind.english[dice.roll(len(kind.english))]
    quality = QUALITIES[dice.roll(len(QUALITIES))]
    colour = COLOURS[dice.roll(len(COLOURS))]
    brand = BRANDS[dice.roll(len(BRANDS))]
    feature = FEATURES[dice.roll(len(FEATURES))]
    name = f"{brand} {quality} {noun}, {colour}, {_model(dice)}"
    return name, f"{quality} {noun.lower()} in {colour} by {brand}. {feature}"


def _russian(kind: Kind, dice: _Dice) -> tuple[str, str]:
    noun, gender = kind.russian[dice.roll(len(kind.russian))]
    quality = QUALITIES_RU[dice.roll(len(QUALITIES_RU))][_ENDING[gender]]
    colour = COLOURS_RU[dice.roll(len(COLOURS_RU))][_ENDING[gender]]
    brand = BRANDS[dice.roll(len(BRANDS))]
    feature = FEATURES_RU[dice.roll(len(FEATURES_RU))]
    name = f"{noun} {quality} «{brand}», {colour}, {_model(dice)}"
    return name, f"{noun} {colour}, {quality}, марка «{brand}». {feature}"


def _model(dice: _Dice) -> str:
    """Return a model number such as `K-482`, so that names rarely repeat."""
    return f"{'ABCDEKMPSTX'[dice.roll(11)]}-{100 + dice.roll(900)}"


def _price(kind: Kind, dice: _Dice) -> int:
    """Return a price in the kind's range; cheap ones are commoner, most end in .99."""
    low, high = kind.price_range
    share = dice.roll(1000) * dice.roll(1000) / 1_000_000
    return int(low + (high - low) * share) * 100 + _PENCE[dice.roll(len(_PENCE))]
