"""docs/settings.md lists every setting of the shop."""

import re

from pydantic_core import PydanticUndefined
from store_cart.settings import CartSettings
from store_catalog.settings import CatalogSettings
from store_kit.settings import StoreSettings
from store_order.settings import OrderSettings
from store_user.settings import UserSettings

from tests.architecture.tree import ROOT

ROW = re.compile(r"^\| `(STORE_[A-Z0-9_]+)` \| `?([^|`]*)`? \| [^|]+ \|$", re.MULTILINE)


def in_code() -> list[tuple[str, str]]:
    """Return names and defaults in the order in which they stand in the code."""
    found: dict[str, str] = {}
    for kind in (StoreSettings, CatalogSettings, CartSettings, OrderSettings, UserSettings):
        for name, field in kind.model_fields.items():
            assert field.default is not PydanticUndefined, name
            found[f"STORE_{name.upper()}"] = shown(field.default)
    return list(found.items())


def shown(default: object) -> str:
    """Return a default as the page writes it."""
    if default in (None, ""):
        return "-"
    if isinstance(default, float):
        return f"{default:g}"
    return "[]" if default == () else str(default)


def test_every_setting_is_on_the_page_and_the_page_knows_no_other() -> None:
    """Names and defaults on the page are exactly those in the code, in its order."""
    assert ROW.findall((ROOT / "docs/settings.md").read_text()) == in_code()
