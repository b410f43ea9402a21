"""Addresses, passwords and the judgement over refresh tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_kit.problems import InvalidInput
from store_user.domain.accounts import EMAIL_PATTERN, normalise_email
from store_user.domain.passwords import normalise_password
from store_user.domain.sessions import Session, Verdict

GRACE_MS = 10_000
SESSION = Session("session", "ann", 1, 5, 100_000, 1_000_000)


@pytest.mark.parametrize("text", ["ann@example.com", " ANN@Example.COM  ", "Ann@EXAMPLE.com"])
def test_all_spellings_of_an_address_are_one(text: str) -> None:
    """Spaces around it and the case of both parts do not matter."""
    assert normalise_email(text) == "ann@example.com"


@pytest.mark.parametrize(
    "text",
    [
        *("", "ann", "@example.com", "ann@", "ann@@example.com", "a b@example.com", "ann@exa mple.com"),
        *("ann@-example.com", "ann@example..com", "ann@example.com\x00", "ann@пример.рф"),
        *(f"{'a' * 65}@example.com", f"ann@{'a.' * 126}com", "ann@example.com, bob@example.com"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Refused with the field that is wrong."""
    with pytest.raises(InvalidInput) as refusal:
        normalise_email(text)
    assert refusal.value.errors[0].field == "email"


@given(st.from_regex(EMAIL_PATTERN, fullmatch=True).filter(lambda text: len(text) <= 254))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """The normal form of an address is its own normal form."""
    once = normalise_email(text)
    assert normalise_email(once) == once


def test_a_password_is_the_same_from_every_keyboard() -> None:
    """Composed and decomposed letters are one password."""
    assert normalise_password("cafe\u0301 crème") == normalise_password("café cre\u0300me")


@pytest.mark.parametrize(
    ("generation", "age_ms", "verdict"),
    [
        (5, 0, Verdict.ROTATE),
        (5, GRACE_MS * 9, Verdict.ROTATE),
        (4, 0, Verdict.REPEAT),
        (4, GRACE_MS, Verdict.REPEAT),
        (4, GRACE_MS + 1, Verdict.REVOKE),
        (3, 0, Verdict.REVOKE),
        (1, GRACE_MS * 9, Verdict.REVOKE),
        (6, 0, Verdict.REFUSE),
        (5, 900_000, Verdict.REFUSE),
    ],
)
def test_the_newest_rotates_its_predecessor_has_grace_the_rest_betrays(
    generation: int, age_ms: int, verdict: Verdict
) -> None:
    """The judgement by generation and age; expired and unheard-of ones are refused."""
    judged = SESSION.judge(generation, now_ms=SESSION.rotated_at_ms + age_ms, grace_ms=GRACE_MS)
    assert judged is verdict
