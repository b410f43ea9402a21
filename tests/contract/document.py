"""The shop's OpenAPI document, read by tests: which operations there are, and what each takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tests.support.people import Person

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
Place = tuple[str | int, ...]
"""Where a value is in a body: names and indices, from the outside in."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    id: str
    method: str
    path: str
    spec: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        """Its path, query and header parameters."""
        return [self.resolved(parameter) for parameter in self.spec.get("parameters", ())]

    @property
    def media_type(self) -> str | None:
        """How its body is written; None without one."""
        return next(iter(self.spec["requestBody"]["content"])) if "requestBody" in self.spec else None

    @property
    def is_public(self) -> bool:
        """Whether it says that no token is needed."""
        needs = self.spec.get("security", [])
        return not needs or {} in needs

    def bodies(self) -> list[Mapping[str, Any]]:
        """Return the schemas of its body: one, or one for each shape it may have."""
        if self.media_type is None:
            return []
        return self.shapes(self.spec["requestBody"]["content"][self.media_type]["schema"])

    def shapes(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return what a schema may be, without null."""
        schema = self.resolved(schema)
        several = schema.get("anyOf") or schema.get("oneOf")
        if not several:
            return [schema]
        return [shape for one in several if one.get("type") != "null" for shape in self.shapes(one)]

    def resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a `$ref`."""
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def example(self, schema: Mapping[str, Any]) -> Any:
        """Return a fair value of a schema: its example where it has one, with every optional field."""
        schema = self.shapes(schema)[0]
        for known in ("const", "default"):
            if known in schema:
                return schema[known]
        if schema.get("examples"):
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        return self._made_up(schema)

    def _made_up(self, schema: Mapping[str, Any]) -> Any:
        match schema.get("type"):
            case "object":
                return {name: self.example(one) for name, one in schema.get("properties", {}).items()}
            case "array":
                return [self.example(schema["items"])]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
        return "x" * int(schema.get("minLength", 1))

    def body(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a fair body with every field."""
        fields = schema.get("properties", {})
        return {name: self.example(one) for name, one in fields.items()}

    def texts(self, schema: Mapping[str, Any], place: Place = ()) -> Iterator[Place]:
        """Yield where a body has text."""
        for shape in self.shapes(schema):
            if shape.get("type") == "string":
                yield place
            elif shape.get("type") == "array":
                yield from self.texts(shape["items"], (*place, 0))
            else:
                for name, one in shape.get("properties", {}).items():
                    yield from self.texts(one, (*place, name))


async def operations(anybody: Person) -> list[Operation]:
    """Return every operation of the document that the shop serves."""
    document = (await anybody.ask("GET", "/openapi.json")).expect(200)
    return [
        Operation(spec["operationId"], method.upper(), path, spec, document)
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
    ]


def with_value(body: Any, place: Place, value: object) -> Any:
    """Return a copy of a body with another value in one place."""
    copy = msgspec.json.decode(msgspec.json.encode(body))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return copy


def value_at(body: Any, place: Place) -> Any:
    """Return what is in one place of a body."""
    for step in place:
        body = body[step]
    return body
