"""The conditional writes of the user service: accounts with their addresses and roles, and sessions."""

from typing import Any, Final

from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import SystemClock
from store_kit.ids import new_id
from store_user.adapters.cassandra.account_rows import CassandraAccountRows
from store_user.adapters.cassandra.accounts import _CLAIM, CassandraAccounts
from store_user.adapters.cassandra.administrators import CassandraAdministrators
from store_user.adapters.cassandra.sessions import CassandraSessions
from store_user.domain.accounts import Account, Role
from store_user.domain.sessions import Session
from store_user.problems import LastAdmin

from tests.cassandra.scenario import Rivalry, Scenario

_ROWS: Final = "store_user.adapters.cassandra.account_rows."
_ACCOUNTS: Final = "store_user.adapters.cassandra.accounts."
_ADMINISTRATORS: Final = "store_user.adapters.cassandra.administrators."
_SESSIONS: Final = "store_user.adapters.cassandra.sessions."
_CUSTOMER: Final = frozenset({Role.CUSTOMER})
_ADMIN: Final = frozenset({Role.CUSTOMER, Role.ADMIN})
_LIFETIME_S: Final = 3_600
_CALLED: Final = {"": "the one", ".b": "the other"}


def email(key: str) -> str:
    """Return the address that belongs to a test."""
    return f"{key}@example.com"


def _new(key: str, name: str) -> Account:
    now_ms = SystemClock().now_ms()
    return Account(new_id(), email(key), name, "hash", _CUSTOMER, now_ms, now_ms)


# ------------------------------------------------------------------------------------------------- accounts


async def _open(db: Cassandra, account: Account) -> str:
    """Open an account as the use case does."""
    accounts = CassandraAccounts.on(db)
    await accounts.insert_draft(account)
    if not await accounts.claim_email(account):
        await accounts.delete_draft(account.id)
        return "taken"
    return "opened"


async def register(db: Cassandra, key: str) -> str:
    """Register, unless the address has an account."""
    if await CassandraAccounts.on(db).find_account_by_email(email(key)) is not None:
        return "taken"
    return await _open(db, _new(key, "Ann"))


async def register_again(db: Cassandra, key: str) -> str:
    """Register at the very moment when somebody else does: the first look finds nothing."""
    return await _open(db, _new(key, "Bob"))


async def registered(db: Cassandra, key: str) -> None:
    """Have an account."""
    assert await register(db, key) == "opened"


async def left_behind(db: Cassandra, key: str) -> None:
    """Have an address that belongs to a draft which was deleted."""
    assert await db.apply("emails.claim", (_CLAIM, (email(key), new_id())))


async def who(db: Cassandra, key: str) -> tuple[str | None, int]:
    """Say who has the address, and how many accounts with it are listed."""
    accounts, before, listed = CassandraAccounts.on(db), None, 0
    found = await accounts.find_account_by_email(email(key))
    while page := await accounts.list_accounts(before_id=before, limit=100):
        listed += sum(account.email == email(key) for account in page)
        before = page[-1].id
    return (found.name if found else None), listed


async def rename(db: Cassandra, key: str) -> str:
    """Become Eve, unless somebody edits the account at the same time."""
    return await _rename(db, key, "Eve")


async def rename_otherwise(db: Cassandra, key: str) -> str:
    """Become Una, unless somebody edits the account at the same time."""
    return await _rename(db, key, "Una")


async def _rename(db: Cassandra, key: str, name: str) -> str:
    accounts = CassandraAccounts.on(db)
    found = await accounts.find_account_by_email(email(key))
    assert found is not None
    if found.version > 1:
        return "edited before"
    changed = await accounts.replace_account(found.renamed(name, at_ms=SystemClock().now_ms()))
    return "renamed" if changed else "edited before"


async def leaving(db: Cassandra, key: str) -> None:
    """Have an account that is leaving."""
    await registered(db, key)
    accounts = CassandraAccounts.on(db)
    found = await accounts.find_account_by_email(email(key))
    assert found is not None
    assert await accounts.replace_account(found.leaving(at_ms=SystemClock().now_ms()))


async def erase(db: Cassandra, key: str) -> str:
    """Take away an account that is leaving, as the worker does, which comes again."""
    accounts = CassandraAccounts.on(db)
    for account in await accounts.list_leaving_accounts(before_ms=0, limit=100):
        if account.email == email(key):
            await accounts.erase_account(account)
    return "erased"


# -------------------------------------------------------------------------------------------- administrators


async def _assign(db: Cassandra, address: str, roles: frozenset[Role]) -> str:
    """Assign roles as the use case does."""
    accounts = CassandraAccounts.on(db)
    while True:
        found = await accounts.find_account_by_email(address)
        assert found is not None
        if found.roles == roles:
            return "so before"
        try:
            if await accounts.replace_account(found.with_roles(roles, at_ms=SystemClock().now_ms())):
                return "assigned"
        except LastAdmin:
            return "last"


async def nobody_yet(db: Cassandra, key: str) -> None:
    """Have a shop without administrators, and an account."""
    await db.run("TRUNCATE administrators")
    await registered(db, key)


async def two_of_them(db: Cassandra, key: str) -> None:
    """Have a shop with two administrators."""
    await nobody_yet(db, key)
    await registered(db, f"{key}.b")
    for name in (key, f"{key}.b"):
        assert await _assign(db, email(name), _ADMIN) == "assigned"


async def promote(db: Cassandra, key: str) -> str:
    """Make somebody an administrator."""
    return await _assign(db, email(key), _ADMIN)


async def resign(db: Cassandra, key: str) -> str:
    """Stop being one."""
    return await _assign(db, email(key), _CUSTOMER)


async def other_resigns(db: Cassandra, key: str) -> str:
    """Let the other one stop."""
    return await _assign(db, email(f"{key}.b"), _CUSTOMER)


async def administrators(db: Cassandra, key: str) -> tuple[str, bool]:
    """Say which of the two accounts of a test are administrators, and whether the books agree."""
    accounts, rows = CassandraAccounts.on(db), CassandraAccountRows(db)
    found = {name: await accounts.find_account_by_email(email(key + name)) for name in ("", ".b")}
    admins = {name: account.id for name, account in found.items() if account is not None and account.is_admin}
    books = await CassandraAdministrators(db, rows).finish_pending()
    return " and ".join(_CALLED[name] for name in admins), books.members == set(admins.values())


# -------------------------------------------------------------------------------------------------- sessions


def _sessions(db: Cassandra) -> CassandraSessions:
    return CassandraSessions(db, SystemClock(), lifetime_s=_LIFETIME_S)


async def log_in(db: Cassandra, key: str) -> str:
    """Begin a session."""
    now_ms = SystemClock().now_ms()
    await _sessions(db).insert_session(Session(key, "account", 1, 1, now_ms, now_ms + _LIFETIME_S * 1_000))
    return "open"


async def refresh(db: Cassandra, key: str) -> str:
    """Use the first refresh token, unless it was used."""
    sessions = _sessions(db)
    session = await sessions.find_session(key)
    assert session is not None
    if session.generation > 1:
        return "used before"
    rotated = await sessions.rotate_session(key, generation=1, at_ms=SystemClock().now_ms())
    return "rotated" if rotated else "beaten"


async def keep(db: Cassandra, key: str) -> str:
    """Let the session survive a change of password."""
    await _sessions(db).retain_session(key, credentials=2)
    return "kept"


async def keep_once_more(db: Cassandra, key: str) -> str:
    """Let it survive the next change, too."""
    await _sessions(db).retain_session(key, credentials=3)
    return "kept"


async def revoke(db: Cassandra, key: str) -> str:
    """End the session."""
    await _sessions(db).revoke_session(key)
    return "revoked"


async def session(db: Cassandra, key: str) -> tuple[Any, ...]:
    """Read a session."""
    session = await _sessions(db).find_session(key)
    assert session is not None
    return session.credentials, session.generation, session.revoked


_OPEN_ACCOUNT: Final = (
    (_ROWS + "_DRAFT", "register"),
    (_ROWS + "_CONFIRM", "register"),
    (_ACCOUNTS + "_CLAIM", "register"),
)
SCENARIOS: Final = (
    *(
        Scenario(
            statement,
            "user",
            story=story,
            play=register,
            told=("opened",),
            effect=who,
            ends=(("Ann", 1),),
        )
        for statement, story in _OPEN_ACCOUNT
    ),
    Scenario(
        _ACCOUNTS + "_TAKE_OVER",
        "user",
        prepare=left_behind,
        play=register,
        told=("opened",),
        effect=who,
        ends=(("Ann", 1),),
    ),
    Scenario(
        _ROWS + "_DELETE",
        "user",
        prepare=registered,
        play=register_again,
        told=("taken",),
        effect=who,
        ends=(("Ann", 1),),
    ),
    Scenario(
        _ROWS + "_REPLACE",
        "user",
        prepare=registered,
        play=rename,
        told=("renamed",),
        effect=who,
        ends=(("Eve", 1),),
    ),
    *(
        Scenario(
            statement,
            "user",
            prepare=leaving,
            play=erase,
            told=("erased",),
            effect=who,
            ends=((None, 0),),
        )
        for statement in (_ACCOUNTS + "_FREE", _ROWS + "_ERASE")
    ),
    Scenario(
        _ADMINISTRATORS + "_BEGIN",
        "user",
        prepare=nobody_yet,
        play=promote,
        told=("assigned",),
        effect=administrators,
        ends=(("the one", True),),
    ),
    *(
        Scenario(
            _ADMINISTRATORS + "_SET",
            "user",
            story=story,
            at=at,
            prepare=two_of_them,
            play=resign,
            told=("assigned",),
            effect=administrators,
            ends=(("the other", True),),
        )
        for at, story in ((1, "note"), (2, "close"))
    ),
    Scenario(
        _SESSIONS + "_OPEN",
        "user",
        play=log_in,
        told=("open",),
        effect=session,
        ends=((1, 1, False),),
    ),
    Scenario(
        _SESSIONS + "_ROTATE",
        "user",
        prepare=log_in,
        play=refresh,
        told=("rotated",),
        effect=session,
        ends=((1, 2, False),),
    ),
    Scenario(
        _SESSIONS + "_RETAIN",
        "user",
        prepare=log_in,
        play=keep,
        told=("kept",),
        effect=session,
        ends=((2, 1, False),),
    ),
    Scenario(
        _SESSIONS + "_REVOKE",
        "user",
        prepare=log_in,
        play=revoke,
        told=("revoked",),
        effect=session,
        ends=((1, 1, True),),
    ),
)
RIVALRIES: Final = (
    *(
        Rivalry(
            statement,
            "user",
            story=story,
            play=register,
            rival=register_again,
            outcome=who,
            ends=(("opened", "taken", ("Ann", 1)), ("taken", "opened", ("Bob", 1))),
        )
        for statement, story in _OPEN_ACCOUNT
    ),
    Rivalry(
        _ACCOUNTS + "_TAKE_OVER",
        "user",
        prepare=left_behind,
        play=register,
        rival=register_again,
        outcome=who,
        ends=(("opened", "taken", ("Ann", 1)), ("taken", "opened", ("Bob", 1))),
    ),
    Rivalry(
        _ROWS + "_REPLACE",
        "user",
        prepare=registered,
        play=rename,
        rival=rename_otherwise,
        outcome=who,
        ends=(("renamed", "edited before", ("Eve", 1)), ("edited before", "renamed", ("Una", 1))),
    ),
    Rivalry(
        _ADMINISTRATORS + "_SET",
        "user",
        prepare=two_of_them,
        play=resign,
        rival=other_resigns,
        outcome=administrators,
        ends=(("assigned", "last", ("the other", True)), ("last", "assigned", ("the one", True))),
    ),
    Rivalry(
        _SESSIONS + "_ROTATE",
        "user",
        story="both refresh",
        prepare=log_in,
        play=refresh,
        rival=refresh,
        outcome=session,
        ends=(
            ("rotated", "used before", (1, 2, False)),
            ("beaten", "rotated", (1, 2, False)),
            ("used before", "rotated", (1, 2, False)),
        ),
    ),
    Rivalry(
        _SESSIONS + "_ROTATE",
        "user",
        story="the other logs out",
        prepare=log_in,
        play=refresh,
        rival=revoke,
        outcome=session,
        ends=(("rotated", "revoked", (1, 2, True)), ("beaten", "revoked", (1, 1, True))),
    ),
    Rivalry(
        _SESSIONS + "_RETAIN",
        "user",
        prepare=log_in,
        play=keep,
        rival=keep_once_more,
        outcome=session,
        ends=(("kept", "kept", (3, 1, False)),),
    ),
)
