"""Fill the catalogue from somewhere once: what was deleted since stays deleted, also after a restore."""

from dataclasses import dataclass
from typing import Final

from store_catalog.domain import ImportState
from store_catalog.ports import Marks, StockStore

_MARK: Final = "import:"


@dataclass(frozen=True, slots=True)
class BeginImport:
    """Say whether an import is still to be made.

    A catalogue that has ever had a product (a deleted one counts) and has not begun this import needs none: it is the
    shop's own, or from before imports were noted.
    """

    marks: Marks
    stock: StockStore

    async def __call__(self, name: str) -> ImportState:
        """Return BEGUN when it is to be made, or gone on with; DONE when not."""
        noted = await self.marks.find_mark(_MARK + name)
        if noted is not None:
            return ImportState(noted)
        # Stock is kept of deleted products, too.
        state = ImportState.DONE if await self.stock.list_stock("", 1) else ImportState.BEGUN
        await self.marks.set_mark(_MARK + name, state)
        return state


@dataclass(frozen=True, slots=True)
class FinishImport:
    """Note that an import was made."""

    marks: Marks

    async def __call__(self, name: str) -> ImportState:
        """Return DONE, once that is kept; safe to repeat."""
        await self.marks.set_mark(_MARK + name, ImportState.DONE)
        return ImportState.DONE
