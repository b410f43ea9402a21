"""Which refusals of schema-valid requests are right, and why: the only leave that the schemathesis runs give."""

from collections.abc import Mapping
from typing import Final

_CURSOR: Final = "a cursor is signed: a made up one is refused"
_STALE: Final = "an If-Match that names another version is refused"
_UNSEEN: Final = "a text must have something to see, and not grow too long composed; a schema cannot say so"

_GUEST: Final = "a cart token is signed: a made up one is refused"
_COMMON: Final = "a password that is tried first is refused, and one that is not valid text"
_MADE_UP: Final = "credentials and one-time tokens that are made up are refused, as RFC 6749 says (5.2)"

ACCEPTED: Final[Mapping[str, Mapping[int, str]]] = {
    "list_products": {400: _CURSOR},
    "list_stock": {400: _CURSOR},
    "list_carts": {400: _CURSOR},
    "list_orders": {400: _CURSOR},
    "list_all_orders": {400: _CURSOR},
    "list_my_notifications": {400: _CURSOR},
    "list_users": {400: _CURSOR},
    "replace_product": {412: _STALE, 422: _UNSEEN},
    "patch_product": {412: _STALE, 422: _UNSEEN},
    "delete_product": {412: _STALE},
    "show_cart": {400: _GUEST},
    "clear_cart": {400: _GUEST, 412: _STALE},
    "add_cart_item": {400: _GUEST, 412: _STALE},
    "replace_cart_items": {400: _GUEST, 412: _STALE},
    "set_cart_item": {400: _GUEST, 412: _STALE},
    "remove_cart_item": {400: _GUEST, 412: _STALE},
    "list_recently_viewed": {400: _GUEST},
    "record_view": {400: _GUEST},
    "place_order": {412: _STALE},
    "cancel_order": {412: _STALE},
    "update_me": {412: _STALE, 422: _UNSEEN},
    "set_user_roles": {412: _STALE},
    "change_order_status": {412: _STALE},
    "register_user": {422: f"{_UNSEEN}; {_COMMON}"},
    "change_password": {422: _COMMON},
    "reset_password": {400: _MADE_UP, 422: _COMMON},
    "create_token": {400: _MADE_UP},
    "add_product": {422: _UNSEEN},
    "add_products": {422: _UNSEEN},
    "adjust_stock": {422: _UNSEEN},
    "merge_cart": {400: _GUEST},
}
"""operationId -> status -> why a request that the schema allows may be answered so."""
