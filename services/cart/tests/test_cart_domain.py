"""The rules of carts that need no store."""

import pytest
from store_cart.domain import Cart, CartFull, Limits, PricedCart, QuantityLimit, plan_merge

from services.cart.tests.fakes import CARD, CLOCK, LAMP, MUG, line, product

LIMITS = Limits(max_quantity=10, max_lines=2)


def test_a_line_may_be_as_large_as_the_limit_and_no_larger() -> None:
    """The limit itself still fits."""
    LIMITS.check_quantity(MUG, 10)
    with pytest.raises(QuantityLimit) as refused:
        LIMITS.check_quantity(MUG, 11)
    assert refused.value.members == {"product_id": MUG, "max_quantity": 10}


def test_a_cart_may_have_as_many_lines_as_the_limit_and_no_more() -> None:
    """The limit itself still fits."""
    LIMITS.check_lines(2)
    with pytest.raises(CartFull):
        LIMITS.check_lines(3)


def test_merging_adds_quantities_up_to_the_limit() -> None:
    """What two carts hold of a product adds up, and what is over the limit is said."""
    plan = plan_merge([line(MUG, 4), line(LAMP, 8)], [line(MUG, 5), line(LAMP, 5)], LIMITS)
    assert {changed.product_id: changed.quantity for changed in plan.changed} == {MUG: 9, LAMP: 10}
    assert plan.capped == [LAMP]
    assert plan.left_out == []


def test_merging_takes_the_guests_oldest_lines_while_there_is_room() -> None:
    """A full cart leaves out the guest's later lines, and says which."""
    guest = [line(CARD, 1, added_ms=9), line(CLOCK, 1, added_ms=5), line(LAMP, 1, added_ms=7)]
    plan = plan_merge([line(MUG, 1)], guest, LIMITS)
    assert [changed.product_id for changed in plan.changed] == [CLOCK]
    assert plan.left_out == [LAMP, CARD]


def test_merging_keeps_the_price_the_user_saw() -> None:
    """Where both have a product, the account's own line stays and only grows."""
    plan = plan_merge([line(MUG, 1, price_minor=100)], [line(MUG, 1, price_minor=200)], LIMITS)
    assert [changed.price_when_added_minor for changed in plan.changed] == [100]


def test_the_total_counts_what_still_exists() -> None:
    """A vanished product costs nothing; unknown prices make no total."""
    cart = Cart(1, [line(MUG, 3), line(LAMP, 1)])
    assert PricedCart(cart, {MUG: product(MUG, 70)}, "GBP").total_minor == 210
    assert PricedCart(cart, None, "GBP").total_minor is None


def test_a_price_has_changed_when_it_is_another_than_when_added() -> None:
    """Up or down makes no difference."""
    assert [line(MUG, price_minor=100).price_changed(now) for now in (99, 100, 101)] == [True, False, True]
