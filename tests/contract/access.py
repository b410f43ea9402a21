"""Who may do what: every route of every service, and what it answers to whom.

A row is a method, a path, and the status for: nobody, its owner (customer A), another customer (B, who names A's
things where the path can), an administrator, a service of the shop. A test fails when a route has no row.
"""

from typing import Final

CALLERS: Final = ("nobody", "owner", "other", "admin", "service")

_TABLE: Final = """
# catalog                                           nobody owner other admin service
GET    /api/products                                   200   200   200   200   200
GET    /api/products/{product_id}                      200   200   200   200   200
GET    /api/categories                                 200   200   200   200   200
GET    /api/system/health                              200   200   200   200   200
POST   /api/products                                   401   403   403   201   403
POST   /api/products/batch                             401   403   403   200   403
PUT    /api/products/{product_id}                      401   403   403   200   403
PATCH  /api/products/{product_id}                      401   403   403   200   403
DELETE /api/products/{product_id}                      401   403   403   204   403
PUT    /api/products/imports/{name}                    401   403   403   200   403
POST   /api/products/{product_id}/stock-adjustments    401   403   403   200   403
GET    /api/admin/stock                                401   403   403   200   403
PUT    /internal/reservations/{order_id}               401   403   403   403   200
DELETE /internal/reservations/{order_id}               401   403   403   403   200
POST   /internal/shipments                             401   403   403   403   200
POST   /internal/products/lookup                       401   403   403   403   200
GET    /internal/products/changes                      401   403   403   403   200

# cart: a guest has a cart too
GET    /api/cart                                       200   200   200   200   403
DELETE /api/cart                                       204   204   204   204   403
POST   /api/cart/items                                 200   200   200   200   403
PUT    /api/cart/items                                 200   200   200   200   403
PUT    /api/cart/items/{product_id}                    200   200   200   200   403
DELETE /api/cart/items/{product_id}                    200   200   200   200   403
POST   /api/cart/merge                                 401   200   200   200   403
GET    /api/recently-viewed                            200   200   200   200   403
POST   /api/recently-viewed                            200   200   200   200   403
GET    /api/admin/carts                                401   403   403   200   403
GET    /internal/carts/{user_id}                       401   403   403   403   200
GET    /internal/carts/{user_id}/priced                401   403   403   403   200
GET    /internal/carts/{user_id}/kept                  401   403   403   403   200
PUT    /internal/carts/{user_id}/taken/{order_id}      401   403   403   403   409
DELETE /internal/carts/{user_id}/taken/{order_id}      401   403   403   403   200
PUT    /internal/carts/{user_id}/orders/{order_id}     401   403   403   403   200
DELETE /internal/carts/{user_id}                       401   403   403   403   204

# order: somebody else's order does not exist; only A has something in the cart
POST   /api/orders                                     401   201   409   409   403
GET    /api/orders                                     401   200   200   200   403
GET    /api/orders/{order_id}                          401   200   404   200   403
POST   /api/orders/{order_id}/cancel                   401   200   404   200   403
GET    /api/orders/{order_id}/events                   401   200   404   200   403
GET    /api/order-statuses                             200   200   200   200   200
GET    /api/admin/orders                               401   403   403   200   403
PUT    /api/admin/orders/{order_id}/status             401   403   403   200   403
GET    /internal/users/{user_id}/summary               401   403   403   403   200
GET    /internal/users/{user_id}/orders                401   403   403   403   200

# user: registering, signing in and out need no token
POST   /api/users                                      201   201   201   201   201
POST   /api/auth/token                                 200   200   200   200   200
POST   /api/auth/logout                                204   204   204   204   204
POST   /api/auth/password-reset                        400   400   400   400   400
GET    /.well-known/jwks.json                          200   200   200   200   200
GET    /api/users/me                                   401   200   200   200   403
PATCH  /api/users/me                                   401   200   200   200   403
PUT    /api/users/me/password                          401   204   204   204   403
GET    /api/users/me/summary                           401   200   200   200   403
GET    /api/users/me/export                            401   200   200   200   403
POST   /api/users/me/deletion                          401   204   204   204   403
GET    /api/users/me/sessions                          401   200   200   200   403
DELETE /api/users/me/sessions                          401   204   204   204   403
DELETE /api/users/me/sessions/{session_id}             401   204   404   404   403
GET    /api/users/me/notifications                     401   200   200   200   403
GET    /api/admin/users                                401   403   403   200   403
PUT    /api/admin/users/{account_id}/roles             401   403   403   200   403
POST   /api/admin/users/{account_id}/disable           401   403   403   200   403
POST   /api/admin/users/{account_id}/enable            401   403   403   200   403
GET    /api/admin/users/{account_id}/sessions          401   403   403   200   403
DELETE /api/admin/users/{account_id}/sessions          401   403   403   204   403
DELETE /api/admin/users/{account_id}/sessions/{session_id}  401  403  403  204  403
POST   /api/admin/users/{account_id}/password-resets   401   403   403   201   403
POST   /internal/token                                 400   400   400   400   400
POST   /internal/notifications                         401   403   403   403   200
GET    /internal/revocations                           401   403   403   403   200

# every service, on its own port only
GET    /health/live                                    200   200   200   200   200
GET    /health/ready                                   200   200   200   200   200
GET    /metrics                                        200   200   200   200   200
"""

_ROWS: Final = [line.split() for line in _TABLE.splitlines() if line and not line.startswith("#")]
ACCESS: Final[dict[str, dict[str, int]]] = {
    f"{method} {path}": dict(zip(CALLERS, map(int, statuses), strict=True))
    for method, path, *statuses in _ROWS
}
"""Method and path -> caller -> status."""
