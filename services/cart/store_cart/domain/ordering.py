"""Changes that orders make: an order takes all lines of a cart, gives them back, or is subtracted from it."""

from collections.abc import Sequence

from store_cart.domain.carts import CartState, Claim, Line, Ordered
from store_cart.domain.changes import Change, Once, OrderClaim
from store_cart.problems import CartChanged


def take_lines(order_id: str, version: int, at_ms: int, remember_ms: int) -> Change[int]:
    """Take all lines of a cart that is at this version, once for each order; answer the cart's version."""

    def decide(state: CartState) -> tuple[CartState, int]:
        if state.claim is not None and state.claim.returned:
            raise CartChanged("This order was turned back and has given its lines back to the cart.")
        if state.claim is not None:
            return state, state.version
        if state.version != version:
            raise CartChanged(f"The cart is at version {state.version} now, no longer at {version}.")
        after = state.with_lines({}, at_ms)._replace(claim=Claim(list(state.lines.values())))
        return after, after.version

    return Change("carts.take", decide, claim_of=OrderClaim(order_id, at_ms, remember_ms, first=True))


def give_back_lines(order_id: str, at_ms: int, remember_ms: int) -> Change[int]:
    """Put the lines back that an order took, once; an order that took nothing can take nothing later.

    Limits do not apply: the shopper owned these lines. The answer is the cart's version.
    """

    def decide(state: CartState) -> tuple[CartState, int]:
        claim = state.claim or Claim()
        if claim.returned:
            return state, state.version
        after = state
        if state.claim is not None:
            back = {line.product_id: _joined(line, state.lines.get(line.product_id)) for line in claim.lines}
            after = state.with_lines({**state.lines, **back}, at_ms)
        return after._replace(claim=Claim(returned=True)), after.version

    return Change("carts.give_back", decide, claim_of=OrderClaim(order_id, at_ms, remember_ms))


def subtract_order(order_id: str, ordered: Sequence[Ordered], at_ms: int, remember_ms: int) -> Change[int]:
    """Take ordered quantities away, once for each order; what was ordered whole is gone.

    It is a new version even if nothing of it is there any more. The answer is the cart's version.
    """

    def decide(state: CartState) -> tuple[CartState, int]:
        wanted = {
            one.product_id: one.quantity
            for one in ordered
            if one.product_id in state.lines and one.is_of(state.lines[one.product_id])
        }
        left = {
            key: line._replace(quantity=line.quantity - wanted[key]) if key in wanted else line
            for key, line in state.lines.items()
            if line.quantity > wanted.get(key, 0)
        }
        after = state.with_lines(left, at_ms)
        return after, after.version

    once = Once(f"order:{order_id}", at_ms, remember_ms, lambda state, _: state.version)
    return Change("carts.subtract", decide, once=once)


def _joined(back: Line, present: Line | None) -> Line:
    """Return the sum of a line that is given back and of the one that took its place in the meantime."""
    return back if present is None else present._replace(quantity=present.quantity + back.quantity)
