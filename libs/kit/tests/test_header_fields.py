"""Header fields are read by their grammar, whoever wrote them."""

import re
import time

import pytest
from store_kit.http.header_fields import (
    Line,
    RepeatedField,
    credentials,
    entity_tags,
    list_members,
    preferred,
    read_fields,
)
from store_kit.ids import trace_id_of

JSON, STREAM = "application/json", "text/event-stream"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

ACCEPTED: list[tuple[str | None, str]] = [
    (None, JSON),
    ("", JSON),
    ("*/*", JSON),
    (STREAM, STREAM),
    ("TEXT/EVENT-STREAM", STREAM),
    ("text/*", STREAM),
    (f"{STREAM};q=0", JSON),
    (f"{STREAM} ; q=0.000", JSON),
    ("text/event-streamx", JSON),
    (f"{JSON}, {STREAM}", JSON),
    (f"{JSON};q=0.5, {STREAM}", STREAM),
    (f"{STREAM};q=0.5, */*;q=0.9", JSON),
    (f"{STREAM};charset=utf-8", STREAM),
    (f"{STREAM};version=9", JSON),
    (f'text/html;a="x, {STREAM}"', JSON),
    (f"{STREAM};q=1.5", JSON),
    (f"{STREAM};q=0.1234", JSON),
    (f",, {STREAM} ,", STREAM),
    (f"{STREAM} and more", JSON),
]


@pytest.mark.parametrize(("accept", "served"), ACCEPTED)
def test_accept_is_media_ranges_with_weights(accept: str | None, served: str) -> None:
    """The most welcome type is served, by RFC 9110's grammar; what is no media range says nothing."""
    assert preferred(accept, (JSON, STREAM)) == served


TRACEPARENTS: list[tuple[str | None, bool]] = [
    (f"00-{TRACE}-{SPAN}-01", True),
    (f"00-{TRACE}-{SPAN}-00", True),
    (f"cc-{TRACE}-{SPAN}-01", True),
    (f"cc-{TRACE}-{SPAN}-01-what-comes-later", True),
    (f"00-{TRACE}-{SPAN}-01-what-comes-later", False),
    (f"cc-{TRACE}-{SPAN}-01.what", False),
    (f"00-{'0' * 32}-{SPAN}-01", False),
    (f"00-{TRACE}-{'0' * 16}-01", False),
    (f"ff-{TRACE}-{SPAN}-01", False),
    (f"xx-{TRACE}-{SPAN}-01", False),
    (f"00-{TRACE.upper()}-{SPAN}-01", False),
    (f"00-{TRACE}-{SPAN}-zz", False),
    (f"00-{TRACE}-{SPAN}", False),
    ("", False),
    (None, False),
]


@pytest.mark.parametrize(("traceparent", "goes_on"), TRACEPARENTS)
def test_only_a_valid_trace_goes_on(traceparent: str | None, *, goes_on: bool) -> None:
    """W3C Trace Context 3.2.2: what is not valid, or not there, is ignored, and a new trace begins."""
    found = trace_id_of(None if traceparent is None else traceparent.encode())
    assert re.fullmatch("[0-9a-f]{32}", found)
    assert (found == TRACE) is goes_on


def test_credentials_follow_their_scheme_after_any_number_of_blanks() -> None:
    """RFC 9110, 11.4: the scheme in any case, one blank or more; blanks around the value are no part of it."""
    for written in ("Bearer abc", "bearer abc", "BEARER   abc", "Bearer abc  ", "Bearer abc\t"):
        assert credentials(written, "bearer") == "abc"
    for written in ("", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "Bearer\tabc"):
        assert credentials(written, "bearer") is None


def test_entity_tags_are_read_by_their_grammar() -> None:
    """A comma may stand in a tag, weak ones count where they may, what is no tag is left aside."""
    assert entity_tags('"1", W/"2" ,"a,b"', weak=True) == {"1", "2", "a,b"}
    assert entity_tags('"1", W/"2"', weak=False) == {"1"}
    assert entity_tags(" * ", weak=False) == {"*"}
    assert entity_tags('1, "2', weak=True) == set()
    assert entity_tags('x"1"', weak=True) == set()


def test_lists_may_come_in_several_lines() -> None:
    """RFC 9110, 5.3: the lines of a list are one list, in their order; other headers are left alone."""
    scope = {"headers": [(b"if-match", b'"1"'), (b"host", b"x"), (b"if-match", b'"2"'), (b"cookie", b"a")]}
    assert read_fields(scope)[b"if-match"] == b'"1", "2"'
    assert scope["headers"] == [(b"if-match", b'"1", "2"'), (b"host", b"x"), (b"cookie", b"a")]


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    """RFC 9110, 5.5."""
    lines: list[Line] = [(b"idempotency-key", b"k \t"), (b"x-empty", b"")]
    scope = {"headers": lines}
    assert read_fields(scope) == {b"idempotency-key": b"k", b"x-empty": b""}
    assert scope["headers"] == [(b"idempotency-key", b"k"), (b"x-empty", b"")]


def test_two_traceparents_are_none() -> None:
    """Trace Context, 3.2.2: more than one header is not valid."""
    assert read_fields({"headers": [(b"traceparent", b"a"), (b"traceparent", b"a")]}) == {}


@pytest.mark.parametrize("name", [b"authorization", b"idempotency-key", b"cart-token", b"content-type"])
def test_what_may_stand_once_is_refused_twice(name: bytes) -> None:
    """Nobody can know which one is meant; a proxy in front may have looked at the other one."""
    with pytest.raises(RepeatedField, match="2 times"):
        read_fields({"headers": [(name, b"a"), (name, b"b")]})


@pytest.mark.parametrize("unit", ['"', '"\\', ",", "a/b;", '"x",', " ", ";q=", 'W/"', 'for="'])
def test_long_fields_cost_in_proportion(unit: str) -> None:
    """64 KiB of anything is read in a blink: no grammar here goes back over what it has read."""
    field = unit * (65_536 // len(unit))
    began = time.process_time()
    preferred(field, (JSON, STREAM))
    entity_tags(field, weak=True)
    list_members(field)
    assert time.process_time() - began < 1.0
