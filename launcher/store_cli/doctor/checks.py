"""Look for what keeps a shop from running on this machine, and say how to mend it."""

import http.client
import importlib
import importlib.util
import os
import platform
import resource
import shutil
import socket
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from store_kit.running.listening import callable_host
from store_kit.settings import ServiceUrlWithoutPort, StoreSettings
from store_kit.shop import SERVICES
from store_kit.sqlite.identity import identity, look_at, members, read_only
from store_kit.stores.shop_identity import Identity, SchemaError, wanted_identity

from store_cli import data_folder
from store_cli.doctor import variables
from store_cli.reading_settings import WrongSettings, read_settings

State = Literal["good", "warning", "bad"]

MIN_PYTHON: Final = (3, 11)
MIN_SQLITE: Final = (3, 35, 0)
GIB: Final = 1024**3
ENOUGH_DISK: Final = GIB
TOO_LITTLE_DISK: Final = GIB // 5
ENOUGH_MEMORY: Final = GIB // 2
PROBE_TIMEOUT_S: Final = 2.0
PARTS: Final = ("store_kit", *(f"store_{name}" for name in SERVICES))


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was seen, and how to mend it where it is not good."""

    name: str
    state: State
    seen: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """The shop to look at: its data folder, and where its gateway and services listen, by name."""

    data: Path
    places: dict[str, tuple[str, int]]


def patient(data: Path, host: str, gateway_port: int, settings: StoreSettings) -> Patient:
    """Return the shop as `store up` would start it with these options.

    Raises:
        ServiceUrlWithoutPort: a service would not know where to listen.
    """
    places = {name: (settings.host_of(name), settings.port_of(name)) for name in SERVICES}
    return Patient(data, {"gateway": (host, gateway_port), **places})


def visit(data: Path, host: str, gateway_port: int) -> Iterator[Check]:
    """Yield every check of the shop that `store up` would start here, wrong settings among them."""
    mend = "Mend these variables, or unset them."
    try:
        kinds = list(_kinds())
        for kind in kinds:
            read_settings(kind, data_dir=data)
        settings = read_settings(StoreSettings, data_dir=data)
        found = patient(data, host, gateway_port, settings)
        if nowhere := "; ".join(variables.leading_nowhere(settings)):
            yield Check("Settings", "bad", nowhere, mend)
        elif odd := "; ".join(variables.unknown(os.environ, kinds)):
            yield Check("Settings", "warning", odd, mend)
        else:
            yield Check("Settings", "good", "every STORE_* variable is known and valid")
    except (WrongSettings, ServiceUrlWithoutPort) as wrong:
        found = Patient(data, {"gateway": (host, gateway_port)})
        yield Check("Settings", "bad", str(wrong), mend)
    yield from examine(found)


def _kinds() -> Iterator[type[StoreSettings]]:
    """Yield the settings of each service that is installed; that one is not is another check's business."""
    for name in SERVICES:
        if importlib.util.find_spec(f"store_{name}") is not None:
            yield getattr(importlib.import_module(f"store_{name}.settings"), f"{name.title()}Settings")


def examine(shop: Patient) -> Iterator[Check]:
    """Yield every check's outcome, each as soon as it is known."""
    yield from (python(), environment(), parts(), sqlite(), fts5())
    yield from _each("Machine", lambda: machine(shop.data))
    yield from _each("Data folder", lambda: folder(shop.data))
    yield from _each("Secrets", lambda: secrets(shop.data / "secrets"))
    yield from _each("Databases", lambda: databases(shop.data))
    yield from _each("Ports", lambda: ports(shop))


def _each(name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """Yield what a look finds; that it cannot look is found, too, and keeps no other one from looking."""
    try:
        yield from look()
    except (OSError, sqlite3.Error, ValueError) as error:
        seen = f"could not be looked at: {type(error).__name__}: {error}"
        yield Check(name, "bad", seen, "Run doctor as the user that the shop runs as.")


def ports(shop: Patient) -> Iterator[Check]:
    """Are the ports free, or used by the very shop that runs here?"""
    try:
        running = data_folder.running_pid(shop.data) is not None
    except OSError:
        running = False  # the data folder's own check says why that is not known
    for name, (host, port) in shop.places.items():
        yield port_of(name, host, port, running=running)


def machine(data: Path) -> Iterator[Check]:
    """Does the machine have what the shop takes?"""
    yield from (uv(), disk(data), memory(), open_files())


def python() -> Check:
    """Is the interpreter new enough?"""
    seen = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info >= MIN_PYTHON:
        return Check("Python", "good", seen)
    return Check("Python", "bad", seen, "Install Python 3.11 or newer, delete .venv and run make up again.")


def environment() -> Check:
    """Does the command run in an environment of its own?"""
    if sys.prefix != sys.base_prefix:
        return Check("Environment", "good", sys.prefix)
    return Check(
        "Environment", "warning", "no virtual environment", "Run make up: it makes .venv and uses it."
    )


def parts() -> Check:
    """Are all services installed?"""
    missing = [name for name in PARTS if importlib.util.find_spec(name) is None]
    if not missing:
        return Check("Services", "good", ", ".join(name.removeprefix("store_") for name in PARTS))
    return Check(
        "Services", "bad", f"missing: {', '.join(missing)}", "Run make up, or: uv sync --all-packages"
    )


def sqlite() -> Check:
    """Is SQLite new enough?"""
    if sqlite3.sqlite_version_info >= MIN_SQLITE:
        return Check("SQLite", "good", sqlite3.sqlite_version)
    wanted = ".".join(map(str, MIN_SQLITE))
    return Check("SQLite", "bad", sqlite3.sqlite_version, f"Use a Python whose SQLite is {wanted} or newer.")


def fts5() -> Check:
    """Does SQLite have the full-text search that the catalogue needs?"""
    with closing(sqlite3.connect(":memory:")) as db:
        try:
            db.execute("CREATE VIRTUAL TABLE t USING fts5(words, tokenize = 'unicode61 remove_diacritics 2')")
        except sqlite3.OperationalError as missing:
            mend = "Use a Python whose SQLite has FTS5, for example: uv python install 3.12"
            return Check("SQLite FTS5", "bad", str(missing), mend)
    return Check("SQLite FTS5", "good", "search with folded diacritics works")


def uv(repository: Path = Path()) -> Check:
    """Is uv at hand? Only `make` needs it, and fetches it by itself."""
    found = shutil.which("uv") or next((str(path) for path in repository.glob(".uv/**/bin/uv")), None)
    if found:
        return Check("uv", "good", found)
    return Check("uv", "warning", "not found", "Nothing to do: make fetches it into .uv when it needs it.")


def disk(data: Path) -> Check:
    """Is there room for the databases?"""
    place = _existing(data)
    return room(shutil.disk_usage(place).free, place)


def room(free: int, place: Path) -> Check:
    """Are so many free bytes enough?"""
    seen = f"{free / GIB:.1f} GiB free at {place}"
    if free >= ENOUGH_DISK:
        return Check("Disk", "good", seen)
    state: State = "bad" if free < TOO_LITTLE_DISK else "warning"
    return Check("Disk", state, seen, "Free some space, or use another place: store up --data FOLDER")


def memory() -> Check:
    """Is there memory for one process of about 150 MB?"""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    seen = f"{size / GIB:.1f} GiB"
    if size >= ENOUGH_MEMORY:
        return Check("Memory", "good", seen)
    return Check("Memory", "warning", seen, "The shop needs about 150 MB; close something if it is killed.")


def open_files() -> Check:
    """May the process hold enough connections?"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 1024
    if soft >= enough or soft == resource.RLIM_INFINITY:
        return Check("Open files", "good", f"{soft} allowed")
    return Check("Open files", "warning", f"{soft} allowed", f"ulimit -n {min(4096, hard)} before store up.")


def folder(data: Path) -> Iterator[Check]:
    """Can the data folder be used, and are its secrets secret?"""
    if not data.exists():
        place = _existing(data)
        if os.access(place, os.W_OK | os.X_OK):
            yield Check("Data folder", "good", f"{data} does not exist yet; store up makes it")
        else:
            yield Check(
                "Data folder", "bad", f"{place} is not writable", "Use another: store up --data FOLDER"
            )
        return
    if not data.is_dir() or not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        mend = f"Mount it writable, or sudo chown -R $USER {data}, or use another: store up --data FOLDER"
        yield Check("Data folder", "bad", f"{data} is not a folder that you may write", mend)
        return
    pid = data_folder.running_pid(data)
    in_use = "" if pid is None else f", in use by a running shop (process {pid or 'unknown'})"
    yield Check("Data folder", "good", f"{data}{in_use}")


def secrets(folder_: Path) -> Iterator[Check]:
    """Are the secrets secret?"""
    if folder_.parent.is_dir():
        yield _secrets(folder_)


def _secrets(folder_: Path) -> Check:
    try:
        files = [folder_, *folder_.iterdir()] if folder_.is_dir() else []
        open_ones = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    except OSError as denied:
        return Check("Secrets", "bad", str(denied), f"sudo chown -R $USER {folder_}")
    if open_ones:
        seen = f"others may read {', '.join(sorted(open_ones))}"
        return Check("Secrets", "bad", seen, f"chmod -R go-rwx {folder_}")
    return Check("Secrets", "good", f"{max(0, len(files) - 1)} files that only you may read")


def databases(data: Path) -> Iterator[Check]:
    """Are the database files whole, all there, and all of one shop?"""
    ours = members(data)
    found = [look_at(path) for path in ours]
    if any(one.used for one in found):
        for path, one in zip(ours, found, strict=True):
            yield from _stranger(path, one, [other for other in found if other is not one])
    for path in sorted(data.glob("*.db")):
        if path not in ours or path.stat().st_size:
            yield _whole(path)


def _stranger(path: Path, one: Identity, others: list[Identity]) -> Iterator[Check]:
    """Is a file missed by the others, or another shop's?"""
    if not one.seen:
        return  # the look into it says why it cannot be read
    mend = "store restore puts a whole backup in place; what the message says goes for one file."
    try:
        wanted_identity(one, others, "unknown")
    except SchemaError as refused:
        yield Check(path.name, "bad", str(refused), mend)
    else:
        if not one.used:
            yield Check(path.name, "warning", "not made yet", "store up makes it.")


def _whole(path: Path) -> Check:
    mend = "Stop the shop and put a backup of the folder in place, or start over: store reset"
    try:
        with read_only(path) as db:
            (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
            whose = identity(db, path.name).shop
    except sqlite3.Error as error:
        return Check(path.name, "bad", str(error), mend)
    if said != "ok":
        return Check(path.name, "bad", said, mend)
    # What was written lately is in the log next to the file.
    size = sum(part.stat().st_size for part in (path, path.with_name(f"{path.name}-wal")) if part.exists())
    shop = f", shop {whose}" if whose else ""
    return Check(path.name, "good", f"{size / 1024**2:.1f} MiB, whole{shop}")


def port_of(name: str, host: str, port: int, *, running: bool) -> Check:
    """Is the port free, or used by the very shop that runs here?"""
    label = f"Port {port} ({name})"
    reason = _why_not_bound(host, port)
    if reason is None:
        if running:
            mend = "It may listen elsewhere: give doctor the same --port and --host as store up."
            return Check(label, "warning", "free, although a shop runs on the data folder", mend)
        return Check(label, "good", "free")
    path = "/api/system/health" if name == "gateway" else "/health/live"
    if _answers_like_a_shop(host, port, path):
        if running:
            return Check(label, "good", "this shop answers")
        mend = "Stop it, or use its data folder with --data."
        return Check(label, "warning", "a shop with another data folder answers", mend)
    option = (
        "store up --port N" if name == "gateway" else f"STORE_{name.upper()}_URL=http://{host}:N store up"
    )
    return Check(
        label, "bad", reason, f"See who has it: ss -ltnp 'sport = :{port}'. Or choose another: {option}"
    )


def _why_not_bound(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does it: a port in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as taken:
            return taken.strerror or str(taken)
    return None


def _answers_like_a_shop(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(callable_host(host), port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return b'"status"' in connection.getresponse().read(65536)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.resolve().parents) if place.exists())
