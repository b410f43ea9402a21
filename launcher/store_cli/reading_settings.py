"""Settings from the environment, or a sentence about what is wrong with them."""

from typing import Any, TypeVar

from pydantic import ValidationError
from store_kit.settings import StoreSettings

S = TypeVar("S", bound=StoreSettings)


class WrongSettings(Exception):
    """Settings that cannot be meant; names each of them."""

    @classmethod
    def of(cls, error: ValidationError) -> "WrongSettings":
        """Return it for pydantic's error, which knows fields but not the variables they come from."""
        faults = [
            f"STORE_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
            if fault["loc"]
            else fault["msg"]
            for fault in error.errors(include_url=False)
        ]
        return cls(f"Cannot start with these settings: {'; '.join(faults)}.")


def read_settings(kind: type[S], **overrides: Any) -> S:
    """Return settings of the environment; `overrides` go before it.

    Raises:
        WrongSettings: a setting cannot be meant.
    """
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise WrongSettings.of(error) from error
