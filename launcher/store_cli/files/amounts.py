"""Amounts of money and whole numbers as people write them, read exactly."""

import re
from functools import cache
from typing import Final

from store_kit.money import minor_digits

from store_cli.files.tables import Faulty

_BLANKS: Final = re.compile(r"[\s'\u2019]")
"""Between thousands: blanks of any kind (French, Russian) and apostrophes (Swiss)."""
_AMOUNT: Final = re.compile(
    r"(?P<before>[^\W\d_]{1,3}\.?|[^\w.,+-]?)(?P<sign>[+-]?)(?P<digits>[0-9.,]+)(?P<after>[^\W\d_]{1,3}\.?|[^\w.,+-]?)"
)
_SIGNS: Final = {
    "£": ("GBP",),
    "€": ("EUR",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "¥": ("JPY", "CNY"),
    "₽": ("RUB",),
    "РУБ": ("RUB",),
    "РУБ.": ("RUB",),
    "ZŁ": ("PLN",),
    "KČ": ("CZK",),
    "KR": ("SEK", "NOK", "DKK", "ISK"),
    "₹": ("INR",),
    "₩": ("KRW",),
    "FR.": ("CHF",),
}
"""What people write next to an amount -> the currencies that it may mean."""
_GROUPED: Final = re.compile(r"[0-9]{1,3}([.,])[0-9]{3}(\1[0-9]{3})*")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,15}([.,]0{1,6})?")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,]000")
_MOST_DIGITS: Final = 18
_THOUSAND: Final = 3
_PENCE: Final = 2


@cache
def minor_units(text: str, currency: str, column: str) -> int:
    """Turn "2.55", "2,55", "£2.55" or "1 234,50 GBP" into minor units exactly; nothing is rounded or converted.

    Args:
        text: as the file has it.
        currency: the shop's (ISO 4217), whose sign or code may stand next to the number.
        column: whose value it is, for the reason.

    Raises:
        Faulty: it is not an amount, is in another currency, has too small a fraction, or can be read in two ways.
    """
    exponent = minor_digits(currency)
    sign, digits = _digits_of(text, currency, column)
    whole, fraction = _split(digits, text, exponent, column)
    if fraction[exponent:].strip("0"):
        coin = "a penny" if exponent == _PENCE else "the smallest coin"
        raise Faulty(f"{column} has a fraction of {coin}", text)
    minor = int(whole + fraction[:exponent].ljust(exponent, "0"))
    return -minor if sign == "-" else minor


@cache
def whole_number(text: str, column: str) -> int:
    """Turn "6", or "6.0" as pandas writes it, into 6.

    Raises:
        Faulty: it is not a whole number, or can be read in two ways, as "1,000" can.
    """
    plain = _BLANKS.sub("", text)
    if not _WHOLE.fullmatch(plain):
        raise Faulty(f"{column} is not a whole number", text)
    if _THOUSANDS.fullmatch(plain):
        raise Faulty(f"{column} can be read as thousands or as decimals: write digits only", text)
    return int(re.split("[.,]", plain)[0])


def _digits_of(text: str, currency: str, column: str) -> tuple[str, str]:
    plain = _BLANKS.sub("", text)
    found = _AMOUNT.fullmatch(plain)
    if found is None or len(found["digits"]) > _MOST_DIGITS or not any(map(str.isdigit, found["digits"])):
        raise Faulty(f"{column} is not an amount of money", text)
    unit = f"{found['before']}{found['after']}".upper()
    if unit and unit != currency and currency not in _SIGNS.get(unit, ()):
        raise Faulty(f"{column} is not in {currency}, the currency of the shop", text)
    return found["sign"], found["digits"]


def _split(digits: str, text: str, exponent: int, column: str) -> tuple[str, str]:
    """Return what stands before and after the decimal sign, without signs between thousands."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits, ""
    sign, head, tail = digits[last], digits[:last], digits[last + 1 :]
    other = "," if sign == "." else "."
    if sign in head:  # several of one sign: all of them stand between thousands
        if other in digits or not _GROUPED.fullmatch(digits):
            raise Faulty(f"{column} is not an amount of money", text)
        return digits.replace(sign, ""), ""
    if other in head:
        if not _GROUPED.fullmatch(head):
            raise Faulty(f"{column} is not an amount of money", text)
    elif sign == "," and _GROUPED.fullmatch(digits) and exponent < _THOUSAND and not head.startswith("0"):
        raise Faulty(f"{column} can be read as thousands or as decimals: write it without the comma", text)
    return head.replace(other, "") or "0", tail
