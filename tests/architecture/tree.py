"""What the architecture tests look at: the files, packages and documents of this tree."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "store_kit": ROOT / "libs/kit/store_kit",
    "store_catalog": ROOT / "services/catalog/store_catalog",
    "store_cart": ROOT / "services/cart/store_cart",
    "store_order": ROOT / "services/order/store_order",
    "store_user": ROOT / "services/user/store_user",
    "store_cli": ROOT / "launcher/store_cli",
}
SERVICES = ("store_catalog", "store_cart", "store_order", "store_user")


def sources() -> list[Path]:
    """Return every Python file of the kit, the services and the launcher, tests left out."""
    return sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))


def modules(package: str) -> Iterator[ModuleType]:
    """Import every module of a package; `__main__` modules, which would run, are left out."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def without_code(text: str) -> str:
    """Return Markdown without its fenced code blocks."""
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
