"""Ending a shop by one signal, as an operator, a container's manager or Ctrl-C does."""

import os
import signal

from tests.support.shop import EmbeddedShop
from tests.support.wait import until


def tell(shop: EmbeddedShop, by: signal.Signals) -> None:
    """Send the shop's process one signal."""
    os.kill(shop.process.pid, by)


async def exit_code(shop: EmbeddedShop) -> int:
    """Return the shop's exit code once it has ended by itself."""
    await until(lambda: not shop.process.alive, "the shop has ended", within_s=30)
    return shop.process.stop()
