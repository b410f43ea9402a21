from collections import Counter

import pytest
from store_cli.importing.categories import OTHER, guess_category
from store_cli.importing.ledger import read_ledger, shipped_ledger


@pytest.mark.parametrize(
    ("description", "category"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "Candles"),
        ("SET OF 3 CAKE TINS PANTRY DESIGN", "Kitchen"),
        ("HAND WARMER UNION JACK", "Textiles"),
        ("CHRISTMAS MUG", "Christmas"),
        ("JUMBO BAG RED RETROSPOT", "Bags"),
        ("Pink Butterfly Earrings", "Jewellery"),
        ("ALARM CLOCK BAKELIKE RED", "Home"),
        ("POSTAGE", "Services"),
        ("SPACE OWL", OTHER),
        ("", OTHER),
    ],
)
def test_category_follows_from_the_words(description: str, category: str) -> None:
    """What a thing is for decides first, then what it is, then what is on it; unknown words are gifts."""
    assert guess_category(description) == category


def test_guesses_divide_the_real_catalogue_well() -> None:
    """Fewer than a tenth of the ledger's products stay unguessed, and no category takes a quarter."""
    products = read_ledger(shipped_ledger()).products
    sizes = Counter(product.category for product in products)
    assert sizes[OTHER] < len(products) / 10
    assert max(sizes.values()) < len(products) / 4
    assert len(sizes) >= 12
