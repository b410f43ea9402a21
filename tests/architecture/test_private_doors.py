"""What the shop uses of its libraries without their promise: docs/private_doors.md has a line for each test."""

import ast
import asyncio
import functools
import importlib
import inspect
import re
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Annotated, Any, cast

import aiohttp
import httptools
import msgspec
import pytest
import uvicorn
from cassandra.cluster import ResponseFuture, Session
from cassandra.connection import Connection, _Frame
from cassandra.policies import RoundRobinPolicy, WrapperPolicy
from cassandra.protocol import _SKIP_METADATA_FLAG, ExecuteMessage, ProtocolHandler
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from store_kit.cassandra.codec import Codec
from store_kit.cassandra.driver import _NOT_WORTH_LOGGING
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tests.architecture.tree import ROOT

pytestmark = pytest.mark.anyio


def parameters(call: Any) -> list[str]:
    return list(inspect.signature(call).parameters)


def text_of(module: str) -> str:
    """Return a module's source; the driver's is compiled, and lies beside it."""
    path = importlib.import_module(module).__file__
    assert path
    return FilePath(path).with_name(module.rpartition(".")[2] + ".py").read_text()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


def test_the_page_lists_every_door() -> None:
    """Each test of this file is named on the page, and each name on the page is a test of this file."""
    named = set(re.findall(r"Test:\s+`(test_\w+)`", (ROOT / "docs/private_doors.md").read_text()))
    here = {name for name in globals() if name.startswith("test_")}
    assert named == here - {"test_the_page_lists_every_door"}


def test_uvicorn_server() -> None:
    """The server calls what we override, with nothing; what we look at is there."""
    assert parameters(uvicorn.Server.capture_signals) == ["self"]
    assert parameters(uvicorn.Server.main_loop) == ["self"]
    assert inspect.iscoroutinefunction(uvicorn.Server.main_loop)
    assert parameters(uvicorn.Server.on_tick) == ["self", "counter"]
    assert "self.capture_signals()" in inspect.getsource(uvicorn.Server.serve)
    assert "self.main_loop()" in inspect.getsource(uvicorn.Server._serve)
    server = uvicorn.Server(uvicorn.Config(application))
    assert (server.started, server.should_exit, server.server_state.tasks) == (False, False, set())


async def test_uvicorn_protocol() -> None:
    """A connection has what we use of it, and the parser calls it by the names that we override."""
    config = uvicorn.Config(application, http="httptools", log_config=None)
    config.load()
    made = HttpToolsProtocol(config=config, server_state=ServerState(), app_state={})
    used = (
        "parser transport flow server scope headers pipeline cycle expect_100_continue connections tasks loop app "
        "logger server_state"
    )
    assert [name for name in used.split() if not hasattr(made, name)] == []
    assert isinstance(made.parser, httptools.HttpRequestParser)
    callbacks = {
        "on_message_begin": ["self"],
        "on_header": ["self", "name", "value"],
        "on_headers_complete": ["self"],
        "on_body": ["self", "body"],
        "on_message_complete": ["self"],
        "on_response_complete": ["self"],
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "pause_writing": ["self"],
        "resume_writing": ["self"],
        "shutdown": ["self"],
    }
    assert {name: parameters(getattr(HttpToolsProtocol, name)) for name in callbacks} == callbacks


def test_uvicorn_flow() -> None:
    """What holds a transport back has the state and the methods that an exchange uses."""
    flow = FlowControl(cast("asyncio.Transport", None))
    assert (flow.write_paused, flow.read_paused) == (False, False)
    assert parameters(FlowControl.resume_reading) == ["self"]
    assert inspect.iscoroutinefunction(FlowControl.drain)
    assert HIGH_WATER_LIMIT == 65536
    # What uvicorn itself does to the object that serves a request, when its connection is lost.
    source = inspect.getsource(HttpToolsProtocol.connection_lost)
    assert set(re.findall(r"self\.cycle\.(\w+)", source)) == {
        "response_complete",
        "disconnected",
        "message_event",
    }


def test_uvicorn_config() -> None:
    """A protocol with arguments of ours may stand where a class is expected."""
    protocol: Any = functools.partial(HttpToolsProtocol)
    config = uvicorn.Config(application, http=protocol, log_config=None)
    config.load()
    assert config.http_protocol_class is protocol


def test_fastapi_dependant() -> None:
    """A route knows its signature taken apart, and each field its place, rule and default."""

    def inner(request: Request, trace: Annotated[str, Header()] = "none") -> str:
        return trace + request.url.path

    def endpoint(
        name: Annotated[str, Path(max_length=3)],
        size: Annotated[int, Query(ge=1)],
        it: Annotated[str, Depends(inner)],
    ) -> None:
        """Never called."""

    dependant = APIRoute("/{name}", endpoint).dependant
    (name,), (size,), (depends,) = dependant.path_params, dependant.query_params, dependant.dependencies
    (trace,) = depends.header_params
    assert (depends.call, depends.name, depends.request_param_name) == (inner, "it", "request")
    places = [(name, "path", True), (size, "query", True), (trace, "header", False)]
    for field, place, required in places:
        info: Any = field.field_info
        assert (info.in_.value, field.alias, info.is_required()) == (place, field.name, required)
    assert (size.field_info.annotation, len(size.field_info.metadata)) == (int, 1)
    assert (trace.default, trace.validation_alias) == ("none", None)
    nothing = (dependant.cookie_params, dependant.response_param_name, dependant.background_tasks_param_name)
    assert nothing == ([], None, None)


def test_fastapi_route_handler() -> None:
    """A route asks once for what serves it, when it knows its signature."""
    seen = []

    class Route(APIRoute):
        def get_route_handler(self) -> Any:
            seen.append((self.dependant.call, self.endpoint))
            return super().get_route_handler()

    Route("/", application)
    assert seen == [(application, application)]


async def test_starlette_route_in_scope() -> None:
    """Routing leaves the route in the scope that it was given, also when the method is another one."""
    router = APIRouter()
    router.get("/things/{name}")(lambda name: name)
    app = FastAPI()
    app.router.routes.extend(router.routes)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(_message: Any) -> None:
        """Take the answer."""

    for method in ("GET", "DELETE"):
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": "/things/a", "query_string": b"", "headers": [], "root_path": "",
        }  # fmt: skip
        await app(scope, receive, send)
        assert scope["route"].path == "/things/{name}"


def test_pydantic_validator() -> None:
    """The adapter's validator validates."""
    assert TypeAdapter(Annotated[int, Query(ge=1)]).validator.validate_python("3") == 3


def test_pydantic_error_types() -> None:
    """A body that is not JSON, and one that FastAPI did not decode, are told by these types."""

    class Model(BaseModel):
        name: str

    def type_of(call: Any) -> str:
        with pytest.raises(ValidationError) as told:
            call()
        return told.value.errors()[0]["type"]

    adapter = TypeAdapter(Model)
    assert type_of(lambda: Model.model_validate_json(b"{")) == "json_invalid"
    assert type_of(lambda: adapter.validate_python(b"{}", from_attributes=True)) == "model_attributes_type"


def test_msgspec_place() -> None:
    """The message says where the fault is."""

    class Items(msgspec.Struct):
        items: list[int]

    with pytest.raises(msgspec.ValidationError, match=r" - at `\$\.items\[1\]`$"):
        msgspec.json.decode(b'{"items":[1,"a"]}', type=Items)


async def test_aiohttp_retry() -> None:
    """The switch is there, is on, and is what decides."""
    async with aiohttp.ClientSession() as session:
        assert session._retry_connection is True
    assert "self._retry_connection" in inspect.getsource(aiohttp.ClientSession._request)


def test_cassandra_response_future() -> None:
    """What the driver's own sets for each statement is set by ours, or not needed by what it does not override."""
    [theirs] = set_by_init("cassandra.cluster", "ResponseFuture")
    [ours] = set_by_init("store_kit.cassandra.sent", "Sent")
    left_out = {"_metrics", "_host", "_callback_lock", "_callbacks", "_errbacks", "_continuous_paging_state"}
    assert theirs - ours == left_out
    assert (ResponseFuture._metrics, ResponseFuture._host, ResponseFuture._paging_state) == (None, None, None)
    text = text_of("cassandra.cluster")
    assert "self._paging_state = response.paging_state" in text
    assert parameters(ResponseFuture._set_final_result) == ["self", "response"]
    assert parameters(ResponseFuture._set_final_exception) == ["self", "response"]
    assert parameters(ResponseFuture.send_request) == ["self", "error_no_hosts"]
    users = set(re.findall(r"self\.(_callback_lock|_callbacks|_errbacks|_event\.\w+)", text))
    assert users == {"_callback_lock", "_callbacks", "_errbacks"} | {
        f"_event.{name}" for name in ("is_set", "set", "clear", "wait")
    }


def set_by_init(module: str, name: str) -> list[set[str]]:
    """Return the attributes that the first method `__init__` of a class sets."""
    return [
        {
            node.attr
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        }
        for found in ast.walk(ast.parse(text_of(module)))
        if isinstance(found, ast.ClassDef) and found.name == name
        for method in found.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__"
    ]


def test_cassandra_connection() -> None:
    """A connection is made, fed and given up by these; `push`, `close` and `create_timer` are left to who derives."""
    assert parameters(Connection.process_msg) == ["self", "header", "body"]
    for name in ("_connect_socket", "_send_options_message", "_enable_checksumming", "process_io_buffer"):
        assert parameters(getattr(Connection, name)) == ["self"]
    assert Connection._is_checksumming_enabled is False
    text = text_of("cassandra.connection")
    for used in (
        "self._segment_codec.encode(buffer, msg)",
        "self._socket_writable = True",
        "def _iobuf(self)",
    ):
        assert used in text
    with pytest.raises(NotImplementedError):
        Connection.create_timer(1.0, print)
    assert "self.connection_class.factory(" in text_of("cassandra.cluster")
    frame = _Frame(5, 0, 1, 8, 9, 9)
    assert (frame.version, frame.flags, frame.stream, frame.opcode) == (5, 0, 1, 8)


def test_cassandra_columns() -> None:
    """The flag is where it is set, and all that differs; rows without columns are read by those that were prepared."""
    message = ExecuteMessage(
        b"query", [b"1"], 6, 9, 100, None, 1, skip_meta=True, result_metadata_id=b"columns"
    )
    how = {"compressor": None, "allow_beta_protocol_version": False}
    theirs = ProtocolHandler.encode_message(message, 1, 5, **how)
    [at] = [
        at
        for at, (a, b) in enumerate(zip(theirs, Codec.encode_message(message, 1, 5, **how), strict=True))
        if a != b
    ]
    assert theirs[at - 5 : at + 1] == b"\0\6\0\0\0\x35"
    assert Codec.encode_message(message, 1, 5, **how)[at] == theirs[at] | _SKIP_METADATA_FLAG
    message.skip_meta = False
    assert Codec.encode_message(message, 1, 5, **how) == theirs
    assert "column_metadata = self.column_metadata or result_metadata" in text_of("cassandra.protocol")


def test_cassandra_policy() -> None:
    """A policy around another one keeps it by this name."""
    child = RoundRobinPolicy()
    assert WrapperPolicy(child)._child_policy is child


def test_cassandra_pool_state() -> None:
    """The state of a pool counts its open connections."""
    assert callable(Session.get_pool_state)
    assert "'open_count': open_count" in text_of("cassandra.pool")


def test_cassandra_phrases() -> None:
    """The driver still says what is left out of the log; what a server warns of comes from the server."""
    phrases = {name: said for name, said in _NOT_WORTH_LOGGING.items() if name != "cassandra.protocol"}
    for name, said in phrases.items():
        source = text_of(name)
        assert [phrase for phrase in said if phrase not in source] == []


def test_swagger_files() -> None:
    """The package holds what the page of the API loads."""
    static = files("fastapi_offline") / "static"
    assert all((static / name).is_file() for name in ("swagger-ui-bundle.js", "swagger-ui.css"))
