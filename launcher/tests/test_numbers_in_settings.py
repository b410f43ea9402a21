import typing

import pytest
from store_cli.reading_settings import WrongSettings, read_settings
from store_cli.up.serving import SERVICES
from store_kit.settings import StoreSettings

KINDS = [kind for kind, _ in SERVICES.values()]


def numbers() -> list[tuple[type[StoreSettings], str]]:
    """Return every setting that is a number, with the settings that have it."""
    return [
        (kind, name)
        for kind in KINDS
        for name, field in kind.model_fields.items()
        if {int, float} & {field.annotation, *typing.get_args(field.annotation)}
    ]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e300", "9" * 400, "-1", "ten"])
@pytest.mark.parametrize(("kind", "name"), numbers())
def test_number_that_cannot_be_meant_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: type[StoreSettings], name: str, value: str
) -> None:
    """Infinite, negative, unthinkable and no numbers at all: a sentence with the variable, for every setting."""
    monkeypatch.setenv(f"STORE_{name.upper()}", value)
    with pytest.raises(WrongSettings, match=f"STORE_{name.upper()}: "):
        read_settings(kind)


def test_there_are_numbers_to_try() -> None:
    """The list above is not empty by accident."""
    assert {"order_delivery_min_s", "drain_timeout_s", "max_order_lines"} < {name for _, name in numbers()}


def test_argon2_gets_the_memory_that_its_lanes_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9106 section 3.1 asks for 8 KiB a lane at least; less would fail at the first password."""
    monkeypatch.setenv("STORE_USER_ARGON2_LANES", "4")
    monkeypatch.setenv("STORE_USER_ARGON2_MEMORY_KIB", "31")
    with pytest.raises(WrongSettings, match="STORE_USER_ARGON2_MEMORY_KIB must be at least 32"):
        read_settings(SERVICES["user"][0])
