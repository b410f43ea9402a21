"""A database that goes away behind a change: the caller must not hear that nothing was changed."""

import pytest
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable, PeerUnavailable, in_doubt


def test_behind_a_change_a_database_that_is_away_leaves_doubt() -> None:
    """When to try again stays as the database said it."""
    with pytest.raises(DatabaseOutcomeUnknown) as told, in_doubt():
        raise DatabaseUnavailable("Its disk is full.", retry_after_s=5)
    assert told.value.headers == {"Retry-After": "5"}
    assert isinstance(told.value.__cause__, DatabaseUnavailable)


@pytest.mark.parametrize("error", [PeerUnavailable("away"), DatabaseOutcomeUnknown("lost"), ValueError()])
def test_any_other_error_stays_what_it_is(error: Exception) -> None:
    """It says nothing of a database, or the truth already."""
    with pytest.raises(type(error)) as told, in_doubt():
        raise error
    assert told.value is error
