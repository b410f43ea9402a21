"""List the categories."""

from dataclasses import dataclass

from store_catalog.domain import CategoryCount
from store_catalog.ports import ProductLists


@dataclass(frozen=True, slots=True)
class ListCategories:
    """Show every category that has products, with how many."""

    lists: ProductLists

    async def __call__(self) -> list[CategoryCount]:
        """Return them in the order of the alphabet.

        Raises:
            CatalogueLoading: the list is being built.
        """
        return self.lists.list_categories()
