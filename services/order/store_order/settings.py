"""Settings of the order service: `STORE_ORDER_*` variables in addition to those of every service."""

from typing import Self

from pydantic import Field, model_validator
from store_kit.settings import StoreSettings

from store_order.domain import Rules


class OrderSettings(StoreSettings):
    """The timings of an order's life, all in seconds."""

    order_lease_s: float = Field(default=10.0, gt=0)
    """How long the driver of an order may be silent before recovery takes over."""
    order_processing_after_s: float = Field(default=5.0, ge=0)
    order_shipping_after_s: float = Field(default=5.0, ge=0)
    order_delivery_min_s: float = Field(default=60.0, ge=0)
    order_delivery_max_s: float = Field(default=300.0, ge=0)
    order_retry_s: float = Field(default=2.0, gt=0)
    """The pause before work that failed is tried again."""
    order_give_up_s: float = Field(default=30.0, ge=0)
    """How old an order may get while the provider knows nothing of its charge; an older one goes back."""
    order_hold_within_s: float = Field(default=60.0, gt=0)
    """How late a request to reserve may still take effect at the catalogue."""
    order_tick_s: float = Field(default=0.25, gt=0)
    """The pause between looks at what is due."""
    order_heartbeat_s: float = Field(default=15.0, gt=0)
    """The pause between signs of life on a silent event stream."""
    order_streams_per_account: int = Field(default=20, ge=1)
    """How many event streams one account may follow at once, in each process."""
    order_poll_s: float = Field(default=1.0, gt=0)
    """How often an order is read again while another replica may be changing it."""

    @model_validator(mode="after")
    def _delivery_span_is_one(self) -> Self:
        if self.order_delivery_max_s < self.order_delivery_min_s:
            raise ValueError("STORE_ORDER_DELIVERY_MAX_S must not be less than STORE_ORDER_DELIVERY_MIN_S")
        return self

    @property
    def order_rules(self) -> Rules:
        """The timings as the domain knows them."""
        return Rules(
            lease_ms=_ms(self.order_lease_s),
            processing_after_ms=_ms(self.order_processing_after_s),
            shipping_after_ms=_ms(self.order_shipping_after_s),
            delivery_min_ms=_ms(self.order_delivery_min_s),
            delivery_max_ms=_ms(self.order_delivery_max_s),
            retry_ms=_ms(self.order_retry_s),
            give_up_ms=_ms(self.order_give_up_s),
            hold_within_ms=_ms(self.order_hold_within_s),
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
