"""Settings of the catalogue: `STORE_CATALOG_*` variables, and those of every service."""

from pydantic import Field
from store_kit.settings import StoreSettings

_DAY_S = 24 * 3600


class CatalogSettings(StoreSettings):
    """How long things are kept, and how often the catalogue looks after itself."""

    catalog_shards: int = Field(default=8, ge=1, le=4096)
    """Into how many partitions a new keyspace in Cassandra divides products and stock; one that exists keeps its
    number. 16 to 64 for a million products."""
    catalog_feed_s: int = Field(default=7 * _DAY_S, ge=3600)
    """How long the change feed is kept; an index that is further behind is rebuilt."""
    catalog_marker_s: int = Field(default=30 * _DAY_S, ge=2 * 3600)
    """How long an ended reservation is known, so that a late hold is refused."""
    catalog_passing_s: float = Field(default=10.0, gt=0)
    """How long a reservation may be in a passing state before the sweeper finishes it."""
    catalog_sweep_s: float = Field(default=5.0, gt=0)
    """The pause between sweeps that find nothing."""
    catalog_follow_s: float = Field(default=1.0, gt=0)
    """The pause between looks at the change feed."""
    catalog_index_wait_s: float = Field(default=5.0, ge=0)
    """How long a start waits for the lists of products; after that they are built while the service runs."""
    catalog_health_timeout_s: float = Field(default=1.0, gt=0)
    """The longest wait for one service's answer on the health page."""
