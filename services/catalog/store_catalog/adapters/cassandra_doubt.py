"""What an error means once a call has begun to change things in several places."""

import contextlib
from collections.abc import Iterator

from store_kit.cassandra import DatabaseUnavailable
from store_kit.cassandra_errors import still_unknown


@contextlib.contextmanager
def in_doubt() -> Iterator[None]:
    """Say of a database that went away half way what is true: nobody knows how far it came."""
    try:
        yield
    except DatabaseUnavailable as error:
        raise still_unknown() from error
