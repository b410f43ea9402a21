"""Passwords: how they are spelled, and which are too easy to guess."""

import hashlib
import unicodedata
from collections.abc import Container
from typing import Final

from store_kit.problems import FieldError, InvalidInput

PASSWORD_MIN: Final = 8

PASSWORD_MAX: Final = 128


def normalise_password(text: str) -> str:
    """Return a password as every keyboard would type it: Unicode NFKC (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)


def fold_password(text: str) -> str:
    """Return the spelling under which passwords are looked up: those that differ in case only are as easy to guess."""
    return normalise_password(text).casefold()


def must_be_hard_to_guess(password: str, *, email: str, common: Container[str], field: str) -> None:
    """Pass a new password that is neither common, nor one's own address, nor one character again and again.

    Args:
        password: as it was typed.
        email: the normalised address of the account.
        common: the common passwords, folded.
        field: which field it came in, e.g. `body.password`.

    Raises:
        InvalidInput: it is one of those (ASVS 5.0, 6.2.4 and 6.2.11).
    """
    folded = fold_password(password)
    why = ""
    if folded.strip() in common or len(set(folded)) == 1:
        why = "is one of the passwords that are tried first; choose another, a sentence is best"
    elif folded.strip() in {email, email.partition("@")[0]}:
        why = "must not be your e-mail address or a part of it; choose another, a sentence is best"
    if why:
        raise InvalidInput(f"The password {why}.", errors=[FieldError(field, why)])


def hash_reset_secret(secret: str) -> str:
    """Return what is stored of a one-time token: it has 256 random bits, so that a fast hash is enough."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
