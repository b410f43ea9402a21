"""Written stand-ins with the shape of the ports; the store suites run over them too, which keeps them honest."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from store_kit.problems import TooManyRequests
from store_user.domain.accounts import Account, Standing
from store_user.domain.notifications import Notification
from store_user.domain.sessions import RefreshToken, Session
from store_user.ports import Caller, CartExport, CartSize
from store_user.problems import LastAdmin


@dataclass
class MemoryAccounts:
    drafts: dict[str, Account] = field(default_factory=dict)
    existing: dict[str, Account] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)

    async def insert_draft(self, account: Account) -> None:
        account.must_begin_as_customer()
        if account.id not in self.existing:
            self.drafts[account.id] = account

    async def claim_email(self, account: Account) -> bool:
        if account.email in self.emails:
            return self.emails[account.email] == account.id
        self.existing[account.id] = self.drafts.pop(account.id)
        self.emails[account.email] = account.id
        return True

    async def delete_draft(self, account_id: str) -> None:
        self.drafts.pop(account_id, None)

    async def sweep_drafts(self, *, drafted_before_ms: int, limit: int) -> int:
        old = sorted(a.id for a in self.drafts.values() if a.created_at_ms < drafted_before_ms)[:limit]
        for account_id in old:
            del self.drafts[account_id]
        return len(old)

    async def find_account(self, account_id: str) -> Account | None:
        return self.existing.get(account_id)

    async def find_account_by_email(self, email: str) -> Account | None:
        return self.existing.get(self.emails.get(email, ""))

    async def list_accounts(self, *, before_id: str | None, limit: int) -> Sequence[Account]:
        staying = [a for a in self.existing.values() if a.standing is not Standing.LEAVING]
        behind = [a for a in staying if before_id is None or a.id < before_id]
        return sorted(behind, key=lambda a: a.id, reverse=True)[:limit]

    async def replace_account(self, account: Account) -> bool:
        present = self.existing.get(account.id)
        if present is None or present.version != account.version - 1:
            return False
        others = any(a.is_admin for a in self.existing.values() if a.id != account.id)
        if present.is_admin and not account.is_admin and not others:
            raise LastAdmin
        self.existing[account.id] = account
        return True

    async def list_leaving_accounts(self, *, before_ms: int, limit: int) -> Sequence[Account]:  # noqa: ARG002 - the port's shape
        return [a for a in self.existing.values() if a.standing is Standing.LEAVING][:limit]

    async def erase_account(self, account: Account) -> None:
        found = self.existing.get(account.id)
        if found is not None and found.standing is Standing.LEAVING:
            del self.existing[account.id]
            if self.emails.get(account.email) == account.id:
                del self.emails[account.email]


@dataclass
class MemoryRevocations:
    noted: dict[str, int] = field(default_factory=dict)

    async def announce_revocation(self, account_id: str, *, at_ms: int) -> None:
        self.noted[account_id] = max(at_ms, self.noted.get(account_id, 0))

    async def list_revocations(self, at_ms: int) -> Mapping[str, int]:
        return {account_id: at for account_id, at in self.noted.items() if at >= at_ms}

    async def sweep_revocations(self, *, before_ms: int, limit: int) -> int:
        old = [account_id for account_id, at in self.noted.items() if at < before_ms][:limit]
        for account_id in old:
            del self.noted[account_id]
        return len(old)


@dataclass
class MemorySessions:
    rows: dict[str, Session] = field(default_factory=dict)

    async def insert_session(self, session: Session) -> None:
        self.rows[session.id] = session

    async def find_session(self, session_id: str) -> Session | None:
        return self.rows.get(session_id)

    async def list_sessions(self, account_id: str, *, limit: int) -> Sequence[Session]:
        mine = [session for session in self.rows.values() if session.account_id == account_id]
        return sorted(mine, key=lambda session: session.id, reverse=True)[:limit]

    async def rotate_session(self, session_id: str, *, generation: int, at_ms: int) -> bool:
        session = self.rows.get(session_id)
        if session is None or session.revoked or session.generation != generation:
            return False
        self.rows[session_id] = replace(session, generation=generation + 1, rotated_at_ms=at_ms)
        return True

    async def retain_session(self, session_id: str, *, credentials: int) -> None:
        if session_id in self.rows:
            self.rows[session_id] = replace(self.rows[session_id], credentials=credentials)

    async def revoke_session(self, session_id: str) -> None:
        if session_id in self.rows:
            self.rows[session_id] = replace(self.rows[session_id], revoked=True)

    async def sweep_sessions(self, *, expired_before_ms: int, limit: int) -> int:
        old = [f.id for f in self.rows.values() if f.expires_at_ms < expired_before_ms][:limit]
        for session_id in old:
            del self.rows[session_id]
        return len(old)


@dataclass
class MemoryNotifications:
    rows: dict[str, Notification] = field(default_factory=dict)

    async def insert_notifications(self, notifications: Sequence[Notification]) -> int:
        before = len(self.rows)
        for notification in notifications:
            self.rows.setdefault(notification.id, notification)
        return len(self.rows) - before

    async def list_notifications(
        self, account_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Notification]:
        mine = [n for n in self.rows.values() if n.account_id == account_id]
        behind = [n for n in mine if before is None or (n.at_ms, n.id) < before]
        return sorted(behind, key=lambda n: (n.at_ms, n.id), reverse=True)[:limit]

    async def delete_notifications(self, account_id: str) -> None:
        self.rows = {id_: one for id_, one in self.rows.items() if one.account_id != account_id}

    async def sweep_notifications(self, *, before_ms: int, limit: int) -> int:
        old = [n.id for n in self.rows.values() if n.at_ms < before_ms][:limit]
        for notification_id in old:
            del self.rows[notification_id]
        return len(old)


class NoCarts:
    """Carts of which there are none."""

    async def read_cart_size(self, account_id: str) -> CartSize | None:  # noqa: ARG002 - the port's shape
        return CartSize(0, 0)

    async def export_cart(self, account_id: str) -> CartExport | None:  # noqa: ARG002 - the port's shape
        return CartExport((), ())

    async def forget_shopper(self, account_id: str) -> None:
        pass


@dataclass
class PlainPasswords:
    """Hashes by writing a mark before the password; counts how often it worked."""

    mark: str = "v1:"
    worked: int = 0
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """What happens once while a password is being hashed or compared."""

    async def hash_password(self, password: str) -> str:
        self.worked += 1
        await self._wait()
        return self.mark + password

    async def verify_password(self, password: str, password_hash: str | None) -> bool:
        self.worked += 1
        await self._wait()
        return password_hash is not None and password_hash.partition(":")[2] == password

    def needs_rehash(self, password_hash: str) -> bool:
        return not password_hash.startswith(self.mark)

    async def _wait(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            await meanwhile()


@dataclass
class CountingThrottle:
    """Refuses the attempt after `most`, per account."""

    most: int = 1000
    attempts: dict[str, int] = field(default_factory=dict)

    async def admit_login(self, email: str, caller: Caller) -> None:  # noqa: ARG002 - the port's shape
        await self.admit_registration(Caller(email))

    async def admit_registration(self, caller: Caller) -> None:
        self.attempts[caller.address] = self.attempts.get(caller.address, 0) + 1
        if self.attempts[caller.address] > self.most:
            raise TooManyRequests

    async def forgive_attempts(self, email: str, caller: Caller) -> None:  # noqa: ARG002 - the port's shape
        self.attempts.pop(email, None)


@dataclass
class PlainAccessTokens:
    lifetime_s: int = 600

    def sign_for_account(self, account: Account) -> str:
        return f"{account.id} as {','.join(sorted(account.roles))} in {account.epoch}"

    def sign_for_service(self, name: str) -> str:
        return f"service:{name}"


@dataclass
class PlainRefreshTokens:
    def write_token(self, token: RefreshToken) -> str:
        return f"{token.session_id}/{token.generation}"

    def read_token(self, text: str) -> RefreshToken | None:
        session_id, _, generation = text.rpartition("/")
        return RefreshToken(session_id, int(generation)) if session_id else None


@dataclass
class Told:
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def record(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))
