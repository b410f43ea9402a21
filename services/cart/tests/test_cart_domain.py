"""The rules of carts that need no store."""

import pytest
from store_cart.domain.carts import Cart, CartState, Limits, LineChange
from store_cart.domain.changes import Change, add_units, remove_line, set_units
from store_cart.domain.merging import plan_merge
from store_cart.domain.pricing import PricedCart
from store_cart.problems import CartFull, QuantityLimit

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
    guest = [line(CARD, 1, added_at_ms=9), line(CLOCK, 1, added_at_ms=5), line(LAMP, 1, added_at_ms=7)]
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


@pytest.mark.parametrize(
    "change",
    [add_units(line(LAMP, 2)), add_units(line(CARD)), set_units(line(LAMP, 3)), remove_line(LAMP, 9)],
    ids=["add more", "add", "set", "remove"],
)
def test_a_change_of_one_line_needs_only_that_line(change: Change[LineChange]) -> None:
    """On a cart whose other lines are only counted it decides as on the whole cart."""
    lines = {one.product_id: one for one in (line(MUG, 4), line(LAMP, 1), line(CLOCK, 2))}
    whole = CartState(Limits(10, 4), 7, 1, lines)
    touched = {key: one for key, one in lines.items() if key == change.product_id}
    others = [one.quantity for key, one in lines.items() if key != change.product_id]
    part = whole._replace(lines=touched, other_lines=len(others), other_units=sum(others))
    (after, answer), (after_part, answer_part) = change.on(whole), change.on(part)
    assert (answer_part, after_part.size) == (answer, after.size)
    assert {**after.lines, **after_part.lines} == after.lines
    assert after_part.lines.get(LAMP) == (after.lines.get(LAMP) if change.product_id == LAMP else None)


def test_a_full_cart_is_full_whether_its_lines_are_read_or_counted() -> None:
    """The limit counts all lines."""
    with pytest.raises(CartFull):
        add_units(line(CARD)).on(CartState(LIMITS, 7, 1, {}, other_lines=2, other_units=9))
