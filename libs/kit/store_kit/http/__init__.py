"""HTTP as services speak it: parameters and bodies in, answers and problem documents out, around FastAPI."""

from store_kit.http.addresses import client_address
from store_kit.http.bare_routes import BareRoute
from store_kit.http.bodies import StructBody, json_body, read_body, struct_body, up_to
from store_kit.http.cursors import Cursors
from store_kit.http.header_fields import credentials, entity_tags, preferred
from store_kit.http.media_types import require_json
from store_kit.http.openapi import REQUIRED
from store_kit.http.pages import page_link, page_response
from store_kit.http.parameters import (
    ID_PATTERN,
    LONGEST_CURSOR,
    LOWER_CASE,
    Cursor,
    Digits,
    IdempotencyKey,
    IfMatch,
    Limit,
    OpaqueId,
    StrictBody,
    Uuid,
    Whole,
)
from store_kit.http.problem_handlers import invalid_input
from store_kit.http.responses import (
    ANY_TAG,
    PERSONAL,
    PUBLIC,
    JsonResponse,
    etag_of,
    json_bytes,
    not_modified,
    seen_versions,
)
from store_kit.http.state import draining, state_of
from store_kit.http.text_fields import line, long_text, matching

__all__ = [
    "ANY_TAG",
    "ID_PATTERN",
    "LONGEST_CURSOR",
    "LOWER_CASE",
    "PERSONAL",
    "PUBLIC",
    "REQUIRED",
    "BareRoute",
    "Cursor",
    "Cursors",
    "Digits",
    "IdempotencyKey",
    "IfMatch",
    "JsonResponse",
    "Limit",
    "OpaqueId",
    "StrictBody",
    "StructBody",
    "Uuid",
    "Whole",
    "client_address",
    "credentials",
    "draining",
    "entity_tags",
    "etag_of",
    "invalid_input",
    "json_body",
    "json_bytes",
    "line",
    "long_text",
    "matching",
    "not_modified",
    "page_link",
    "page_response",
    "preferred",
    "read_body",
    "require_json",
    "seen_versions",
    "state_of",
    "struct_body",
    "up_to",
]
