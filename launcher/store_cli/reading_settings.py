"""Settings from the environment, or a sentence about what is wrong with them."""

import re
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError
from store_kit.settings import StoreSettings

from store_cli.boundary import WrongUsage

S = TypeVar("S", bound=StoreSettings)


class WrongSettings(WrongUsage):
    """Invalid settings; names each of them."""

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
        WrongSettings: a setting is invalid.
    """
    try:
        return kind(**overrides)
    except SettingsError as error:
        # A list that is not JSON fails before there are values to validate; only the text names the field.
        field = re.search(r'field "(\w+)"', str(error))
        name = f"STORE_{field[1].upper()}" if field else str(error)
        raise WrongSettings(f"Cannot start with these settings: {name}: must be JSON.") from error
    except ValidationError as error:
        raise WrongSettings.of(error) from error
