"""What every change of stock ends with: lists show at once what went in or out of stock."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.problems import DatabaseUnavailable

from store_catalog.domain import ProductId
from store_catalog.ports import ProductIndex, ProductStore

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShowCrossed:
    """Bring the read model of this process up to date with some products; the change feed tells the others."""

    products: ProductStore
    index: ProductIndex

    async def __call__(self, crossed: Sequence[ProductId]) -> None:
        """Return once lists show them as they are now, or a moment before if they cannot be read: it never fails.

        The stock has changed, so the caller must not hear that nothing was. The feed announced it before the change.
        """
        if not crossed:
            return
        try:
            found = await self.products.find_products(crossed)
        except DatabaseUnavailable as error:
            _log.debug("left to the change feed", exc_info=error)
            return
        await self.index.apply_products(found)
