"""Money is an integer of minor units and an ISO 4217 code; text is for people only."""

from typing import Final

# ISO 4217 currencies whose minor unit is not a hundredth.
_EXPONENTS: Final = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "TND": 3}
MAX_MINOR: Final = 2**53 - 1
"""The largest amount the shop accepts: what JSON numbers carry exactly everywhere."""


def minor_digits(currency: str) -> int:
    """Return how many decimals an amount has: 2 for pounds and pence, 0 for yen."""
    return _EXPONENTS.get(currency, 2)


def format_minor(minor: int, currency: str) -> str:
    """Return an amount for people, e.g. `1234, "GBP"` as `12.34 GBP`."""
    exponent = minor_digits(currency)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(exponent + 1, "0")
    whole, fraction = (digits[:-exponent], "." + digits[-exponent:]) if exponent else (digits, "")
    return f"{sign}{whole}{fraction} {currency}"
