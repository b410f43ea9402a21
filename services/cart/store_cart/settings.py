"""Settings of the cart service: `STORE_CART_*` variables, in addition to those of every service."""

from pydantic import Field
from store_kit.rates import RATE_PATTERN
from store_kit.settings import ForwardedBy, StoreSettings, TrustedProxies
from store_kit.shop import MOST_LINE_UNITS

from store_cart.domain import Limits

_DAY_S = 24 * 3600


class CartSettings(StoreSettings):
    """How much fits into carts, and how long data is stored."""

    cart_max_quantity: int = Field(default=MOST_LINE_UNITS, ge=1, le=MOST_LINE_UNITS)
    """Units of one product in a cart."""
    cart_guest_idle_s: int = Field(default=30 * _DAY_S, ge=1)
    """How long a guest's cart is kept after its last change."""
    cart_operation_s: int = Field(default=_DAY_S, ge=60)
    """How long an Idempotency-Key is known."""
    cart_order_s: int = Field(default=60 * _DAY_S, ge=3600)
    """How long a subtracted order is known: longer than the order service keeps its recovery rows."""
    cart_known_products: int = Field(default=20_000, ge=1_000)
    """Products remembered for adding."""
    cart_known_products_s: float = Field(default=30.0, ge=0)
    """How long one is believed without asking the catalogue, as long as its changes are followed."""
    cart_follow_s: float = Field(default=1.0, gt=0, le=1.5)
    """The pause between looks at what the catalogue says of changes."""
    cart_guest_limit_address: str = Field(default="600/minute", pattern=RATE_PATTERN)
    """New guests from one network address; a client that sends a Cart-Token is not a new guest."""
    cart_trusted_proxies: TrustedProxies = ()
    """Networks (CIDR) of proxies whose word about a client's address is believed, e.g. `["10.0.0.0/8"]`."""
    cart_forwarded_by: ForwardedBy = "x-forwarded-for"
    """The header they write that word in; the other one is never read: it would be the client's own."""
    cart_sweep_s: float = Field(default=60.0, gt=0)
    """The pause between looks for what has expired."""

    @property
    def cart_limits(self) -> Limits:
        """The limits as the domain knows them."""
        return Limits(self.cart_max_quantity, self.max_order_lines)
