"""The API's document says of parameters what the shop does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from store_cli.up.gateway import openapi_document
from store_kit.running.service import Service

KEYS_REQUIRED = {"place_order"}


def parameters(services: Sequence[Service]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield every operation with each of its parameters."""
    for path in openapi_document(services)["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                yield operation, parameter


def test_what_the_shop_insists_on_is_required(services: Sequence[Service]) -> None:
    """If-Match where leaving it out is 428, and the key of an order: generated clients send them."""
    seen = 0
    for operation, parameter in parameters(services):
        name, where = parameter["name"].lower(), operation["operationId"]
        if name == "if-match":
            assert parameter["required"] is ("428" in operation["responses"]), where
        if name == "idempotency-key":
            assert parameter["required"] is (where in KEYS_REQUIRED), where
        seen += parameter["in"] == "header" and parameter["required"]
    assert seen >= 6


def test_no_header_and_no_query_can_be_null(services: Sequence[Service]) -> None:
    """What is left out is left out: a schema names the type of what is sent."""
    for operation, parameter in parameters(services):
        assert "null" not in str(parameter["schema"]), f"{operation['operationId']} {parameter['name']}"
        assert "x-required" not in parameter["schema"]
