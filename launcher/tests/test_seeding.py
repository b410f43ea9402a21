import re
from itertools import islice

from store_cli.seed.products import product, products

PINNED = ("SEED-000001", "Сёмга Lightweight Stocking, white, E-757", "Christmas", 699, 455)
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def test_same_number_and_seed_give_the_same_products() -> None:
    """Two runs give equal products, and another seed other ones under the same SKUs."""
    assert list(products(500)) == list(products(500))
    other = list(products(500, seed="another"))
    assert [p.sku for p in other] == [p.sku for p in products(500)]
    assert [p.name for p in other] != [p.name for p in products(500)]


def test_fewer_products_are_the_first_of_more() -> None:
    """The first hundred of many are the same hundred, and a start in the middle goes on from there."""
    assert list(islice(products(1_000_000), 100)) == list(products(100))
    assert list(products(100, start=51)) == list(products(100))[50:]


def test_products_are_the_same_on_every_machine_and_version() -> None:
    """Product 1 of the default seed is pinned: a change of the generator would mix two catalogues in a shop."""
    first = product(1)
    assert (first.sku, first.name, first.category, first.price_minor, first.stock) == PINNED


def test_products_are_plausible() -> None:
    """SKUs differ, names are Russian and English, prices and stock are within reason."""
    made = list(products(2000))
    russian = sum(bool(CYRILLIC.search(p.name)) for p in made)
    assert len({p.sku for p in made}) == 2000
    assert 500 < russian < 1500
    assert all(p.price_minor > 0 and p.stock >= 0 and 0 < len(p.name) <= 200 for p in made)
    assert any(p.stock == 0 for p in made)
    assert len({p.category for p in made}) >= 5
