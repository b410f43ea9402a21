"""Which refusals of schema-valid requests are right, and why: the only leave that the schemathesis runs give."""

from collections.abc import Mapping
from typing import Final

_CURSOR: Final = "a cursor is signed: a made up one is refused"
_STALE: Final = "an If-Match that names another version is refused"
_BLIND: Final = "an edit must say which version it edits"

ACCEPTED: Final[Mapping[str, Mapping[int, str]]] = {
    "list_products": {400: _CURSOR},
    "list_stock": {400: _CURSOR},
    "list_carts": {400: _CURSOR},
    "list_orders": {400: _CURSOR},
    "list_all_orders": {400: _CURSOR},
    "list_my_notifications": {400: _CURSOR},
    "list_users": {400: _CURSOR},
    "replace_product": {412: _STALE, 428: _BLIND},
    "patch_product": {412: _STALE, 428: _BLIND},
    "delete_product": {412: _STALE, 428: _BLIND},
    "replace_cart_items": {412: _STALE},
    "update_me": {412: _STALE, 428: _BLIND},
    "set_user_roles": {412: _STALE},
    "change_order_status": {412: _STALE, 428: _BLIND},
    "place_order": {
        400: "an Idempotency-Key is needed, and the status for its absence is promised to be 400"
    },
    "merge_cart": {400: "a cart token is signed: a made up one is refused"},
}
"""operationId -> status -> why a request that the schema allows may be answered so."""
