"""A guest's token names one cart, and cannot be made by anybody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_cart.adapters.guest_tokens import HmacGuestTokens
from store_cart.problems import InvalidCartToken

from services.cart.tests.fakes import GUEST

TOKENS = HmacGuestTokens("a key")
TOKEN = TOKENS.issue_token(GUEST)


def test_a_token_names_its_guest() -> None:
    """What was issued is read back."""
    assert TOKENS.read_token(TOKEN) == GUEST


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_a_token_with_any_character_changed_is_refused(position: int, character: str) -> None:
    """Id and signature are both protected."""
    altered = TOKEN[:position] + character + TOKEN[position + 1 :]
    if altered != TOKEN:
        with pytest.raises(InvalidCartToken):
            TOKENS.read_token(altered)


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    """Garbage is a clean refusal, never a crash."""
    with pytest.raises(InvalidCartToken):
        TOKENS.read_token(text)


def test_a_token_of_another_key_is_refused() -> None:
    """Changing the secret ends all guests' carts."""
    with pytest.raises(InvalidCartToken):
        HmacGuestTokens("another key").read_token(TOKEN)


def test_an_endless_token_is_refused() -> None:
    """Length is looked at before anything is computed from it."""
    with pytest.raises(InvalidCartToken):
        TOKENS.read_token("x" * 10_000)
