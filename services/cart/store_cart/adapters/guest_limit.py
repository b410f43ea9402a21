"""New guests counted by the kit's limiter, in this process alone; each replica counts its own."""

import math

from store_kit.problems import TooManyRequests
from store_kit.rates import Limiter, Rate


class GuestsByAddress:
    """The GuestLimit port: each guest's cart is a row on disk, so an address may make only so many."""

    def __init__(self, rate: Rate) -> None:
        self._limiter = Limiter(rate)

    def admit_guest(self, address: str) -> None:
        """Count a new guest.

        Raises:
            TooManyRequests: too many came from this address.
        """
        wait_s = self._limiter.hit(address)
        if wait_s > 0:
            raise TooManyRequests(
                "Too many new guests from your address; wait, or send the Cart-Token that you were given.",
                retry_after_s=math.ceil(wait_s),
            )
