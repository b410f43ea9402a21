"""What becomes of a guest's cart when the guest signs in: it is closed, and its lines go to the account's cart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from store_cart.domain.carts import CartSize, CartState, Limits, Line
from store_cart.domain.changes import Change, Once, since_now


class MergePlan(NamedTuple):
    """What merging a guest's cart would write: lines with their new quantities, and what did not fit."""

    changed: list[Line]
    capped: list[str]
    left_out: list[str]


def plan_merge(mine: Iterable[Line], guest: Iterable[Line], limits: Limits) -> MergePlan:
    """Add a guest's lines to a user's: quantities up to the cap, oldest lines first while there is room."""
    lines = {line.product_id: line for line in mine}
    plan = MergePlan([], [], [])
    for added in sorted(guest, key=lambda line: line.added_at_ms):
        present = lines.get(added.product_id)
        if present is None and len(lines) >= limits.max_lines:
            plan.left_out.append(added.product_id)
            continue
        wanted = added.quantity + (present.quantity if present else 0)
        if wanted > limits.max_quantity:
            plan.capped.append(added.product_id)
        merged = (present or added)._replace(
            quantity=max(min(wanted, limits.max_quantity), present.quantity if present else 0),
            shown_minor=min(line.last_shown_minor for line in (present or added, added)),
        )
        lines[added.product_id] = merged
        plan.changed.append(merged)
    return plan


@dataclass(frozen=True, slots=True)
class MergeReport:
    """How a merge ended; `merged` is False when it had been done before."""

    cart: CartSize
    merged: bool
    capped: Sequence[str] = ()
    """Products whose quantities together were over the cap."""
    left_out: Sequence[str] = ()
    """Products of the guest that found no room in the cart."""


def begin_merge(guest_id: str, at_ms: int, remember_ms: int) -> Change[bool]:
    """Note in an account's cart that a guest's lines are to come, once; answer whether they still are."""

    def decide(state: CartState) -> tuple[CartState, bool]:
        return state._replace(merging={**state.merging, guest_id: at_ms}), True

    def repeated(state: CartState, _: str) -> bool:
        return guest_id in state.merging

    return Change("carts.merge", decide, once=Once(merge_id(guest_id), at_ms, remember_ms, repeated))


def close_cart(user: str, at_ms: int) -> Change[Sequence[Line]]:
    """Close a guest's cart in favour of an account; answer which lines go there. They stay, for a repeat."""

    def decide(state: CartState) -> tuple[CartState, Sequence[Line]]:
        after = state
        if not state.closed_for:
            after = state.with_lines(state.lines, at_ms)._replace(closed_for=user)
        return after, list(after.lines.values()) if after.closed_for == user else ()

    return Change("carts.merge", decide)


def bring_lines(guest_id: str, lines: Sequence[Line], at_ms: int) -> Change[MergeReport]:
    """Add a guest's lines as far as they fit, if they are still to come."""

    def decide(state: CartState) -> tuple[CartState, MergeReport]:
        if guest_id not in state.merging:
            return state, MergeReport(state.size, merged=False)
        fits = plan_merge(state.lines.values(), lines, state.limits)
        after = state._replace(merging={g: ms for g, ms in state.merging.items() if g != guest_id})
        if fits.changed:
            changed = {
                line.product_id: line if line.product_id in state.lines else since_now(state, line)
                for line in fits.changed
            }
            after = after.with_lines({**state.lines, **changed}, at_ms)
        return after, MergeReport(after.size, True, fits.capped, fits.left_out)

    return Change("carts.merge", decide)


def merge_id(guest_id: str) -> str:
    """Return under which name an account's cart knows the merge of a guest's."""
    return f"merge:{guest_id}"
