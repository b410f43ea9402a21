"""The public OpenAPI document: what people see of all services, as one."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI

from store_kit.problems import CONTENT_TYPE, PROBLEM_SCHEMA

SCHEME: Final = "OAuth2"
OPTIONAL_SCHEME: Final = "OAuth2Optional"
"""What the document names the need for a token, and a need that may stay unmet until the documents are merged."""
REQUIRED: Final = {"x-required": True}
"""For a parameter's `json_schema_extra`: the shop refuses a request without it, by a status and words of its own.

Its default of None is how the route sees that it is missing; the document says what callers must do.
"""
_PUBLIC: Final = ("/api/", "/.well-known/")
_GENERAL_PROBLEM: Final = {
    "description": "Any other problem, e.g. 400, 413, 429, 500 or 503: see /docs/problems/",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class SchemaClash(Exception):
    """Two services use one schema name for different shapes."""


def public_openapi(apps: Iterable[FastAPI], *, title: str, version: str, description: str) -> dict[str, Any]:
    """Return one OpenAPI 3.1 document of the public routes of several applications.

    Raises:
        SchemaClash: a schema name means different things in two of them.
    """
    paths: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {"schemas": {"Problem": PROBLEM_SCHEMA}}
    for app in apps:
        document = app.openapi()
        for path, operations in document["paths"].items():
            if path.startswith(_PUBLIC):
                paths[path] = {method: _documented(operation) for method, operation in operations.items()}
        _merge(components, document.get("components", {}))
    document = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description, "license": {"name": "MIT"}},
        "paths": paths,
        "components": components,
    }
    components.get("securitySchemes", {}).pop(OPTIONAL_SCHEME, None)
    _drop_unused(document)
    return document


def _documented(operation: Mapping[str, Any]) -> dict[str, Any]:
    """Replace FastAPI's own validation error by our problems; say where a token may be left out."""
    responses = {
        status: response
        for status, response in operation["responses"].items()
        if "HTTPValidationError" not in str(response)
    }
    documented = {**operation, "responses": {**responses, "default": _GENERAL_PROBLEM}}
    if "parameters" in operation:
        documented["parameters"] = [_as_sent(parameter) for parameter in operation["parameters"]]
    if {OPTIONAL_SCHEME: []} in operation.get("security", ()):
        documented["security"] = [{SCHEME: []}, {}]
    return documented


def _as_sent(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter as callers send it: no header and no query can say null, and some may not be left out."""
    schema = dict(parameter["schema"])
    required = schema.pop(next(iter(REQUIRED)), False)
    options = [option for option in schema.pop("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        schema = {**options[0], **schema}
    elif options:
        schema["anyOf"] = options
    return {**parameter, "required": parameter.get("required", False) or required, "schema": schema}


def _merge(into: dict[str, dict[str, Any]], components: Mapping[str, Mapping[str, Any]]) -> None:
    for kind, entries in components.items():
        target = into.setdefault(kind, {})
        for name, entry in entries.items():
            if target.setdefault(name, entry) != entry:
                raise SchemaClash(f"{kind}.{name} has two different shapes")


def _drop_unused(document: dict[str, Any]) -> None:
    """Leave out schemas that no public route mentions, directly or through another."""
    schemas = document["components"]["schemas"]
    used = _references(document["paths"])
    waiting = list(used)
    while waiting:
        for name in _references(schemas[waiting.pop()]) - used:
            used.add(name)
            waiting.append(name)
    document["components"]["schemas"] = {name: schema for name, schema in schemas.items() if name in used}


def _references(node: Any) -> set[str]:
    if isinstance(node, Mapping):
        found = {name for value in node.values() for name in _references(value)}
        reference = node.get("$ref")
        if isinstance(reference, str):
            found.add(reference.rpartition("/")[2])
        return found
    if isinstance(node, list):
        return {name for value in node for name in _references(value)}
    return set()
