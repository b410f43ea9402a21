"""Registering, logging in, editing: the use cases over written fakes."""

from dataclasses import dataclass, field

import pytest
from store_kit.counting import counted_by_outcome
from store_kit.problems import (
    DeadlineExceeded,
    InvalidInput,
    PeerUnavailable,
    PreconditionFailed,
    Problem,
    TooManyRequests,
    Unauthenticated,
)
from store_user.domain.accounts import Account, Role
from store_user.domain.passwords import hash_reset_secret
from store_user.ports import Caller
from store_user.problems import (
    AccountNotFound,
    EmailTaken,
    LastAdmin,
    RefreshRefused,
    ResetRefused,
    TooBusy,
    WrongCredentials,
    WrongPassword,
)
from store_user.use_cases.assign_roles import AssignRoles
from store_user.use_cases.change_password import ChangePassword
from store_user.use_cases.confirm_password import ConfirmPassword
from store_user.use_cases.delete_account import DeleteAccount
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.end_sessions import EndSessions
from store_user.use_cases.ensure_admin import EnsureAdmin
from store_user.use_cases.finish_leaving import FinishLeaving
from store_user.use_cases.issue_reset import IssueReset
from store_user.use_cases.log_in import LogIn
from store_user.use_cases.promote_account import PromoteAccount
from store_user.use_cases.refresh_session import RefreshSession
from store_user.use_cases.register_account import RegisterAccount
from store_user.use_cases.rename_account import RenameAccount
from store_user.use_cases.reset_password import ResetPassword
from store_user.use_cases.sweep_leftovers import DRAFT_AGE_MS, SweepLeftovers

from services.user.tests.fakes import (
    CountingThrottle,
    MemoryAccounts,
    MemoryNotifications,
    MemoryRevocations,
    MemorySessions,
    NoCarts,
    PlainAccessTokens,
    PlainPasswords,
    PlainRefreshTokens,
    Told,
)
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio
EMAIL, PASSWORD = "ann@example.com", "three blue kettles"
HERE = Caller("here")
COMMON = frozenset({"trustno1", "whatever"})
CUSTOMER, ADMIN = frozenset({Role.CUSTOMER}), frozenset(Role)


@dataclass
class World:
    accounts: MemoryAccounts = field(default_factory=MemoryAccounts)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    passwords: PlainPasswords = field(default_factory=PlainPasswords)
    throttle: CountingThrottle = field(default_factory=CountingThrottle)
    registrations: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)
    revocations: MemoryRevocations = field(default_factory=MemoryRevocations)
    security: Told = field(default_factory=Told)

    @property
    def edit(self) -> EditAccount:
        return EditAccount(self.accounts, self.revocations, self.clock)

    @property
    def confirm(self) -> ConfirmPassword:
        return ConfirmPassword(self.passwords, self.throttle, self.security)

    @property
    def register_account(self) -> RegisterAccount:
        return RegisterAccount(
            self.accounts, self.passwords, self.throttle, self.security, self.clock, COMMON
        )

    async def register(self, email: str = EMAIL) -> Account:
        use_case = counted_by_outcome(self.register_account, self.registrations.append)
        return await use_case(email=email, password=PASSWORD, name="Ann", caller=HERE)

    async def log_in(self, password: str = PASSWORD, email: str = EMAIL) -> str:
        use_case = LogIn(
            accounts=self.accounts,
            sessions=self.sessions,
            passwords=self.passwords,
            throttle=self.throttle,
            access_tokens=PlainAccessTokens(),
            refresh_tokens=PlainRefreshTokens(),
            security=self.security,
            clock=self.clock,
            refresh_lifetime_ms=10**9,
        )
        tokens = await counted_by_outcome(use_case, self.logins.append)(
            email=email, password=password, caller=HERE
        )
        return str(tokens.refresh_token)

    async def refresh(self, token: str) -> str:
        refresh = PlainRefreshTokens()
        use_case = RefreshSession(
            self.accounts, self.sessions, PlainAccessTokens(), refresh, self.security, self.clock, 10_000
        )
        return str((await use_case(token)).refresh_token)

    async def change_password(
        self, account: Account, *, current: str = PASSWORD, new: str = "four", keep: str | None = None
    ) -> None:
        use_case = ChangePassword(
            self.edit,
            self.confirm,
            self.sessions,
            self.passwords,
            PlainRefreshTokens(),
            self.security,
            COMMON,
        )
        await use_case(account.id, current=current, new=new, caller=HERE, refresh_token=keep)

    @property
    def assign_roles(self) -> AssignRoles:
        return AssignRoles(self.edit, self.security)

    @property
    def issue_reset(self) -> IssueReset:
        return IssueReset(self.edit, self.security, self.clock, lifetime_ms=1_000)

    @property
    def reset_password(self) -> ResetPassword:
        return ResetPassword(self.edit, self.passwords, self.throttle, self.security, COMMON)

    @property
    def promote(self) -> PromoteAccount:
        return PromoteAccount(self.accounts, self.assign_roles)

    @property
    def ensure_admin(self) -> EnsureAdmin:
        return EnsureAdmin(self.accounts, self.passwords, self.register_account, self.promote, self.edit)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_new_account_is_a_customers(world: World) -> None:
    """A new account has the role customer, and is counted."""
    account = await world.register(" Ann@Example.com ")
    assert (account.email, account.roles, world.registrations) == (EMAIL, CUSTOMER, ["ok"])


async def test_a_taken_address_is_refused_before_the_expensive_hash(world: World) -> None:
    """A second registration costs no hash, leaves no draft and is counted as refused."""
    await world.register()
    with pytest.raises(EmailTaken):
        await world.register("ANN@example.com")
    assert (world.passwords.worked, world.accounts.drafts) == (1, {})
    assert world.registrations == ["ok", "email-taken"]


class LosingAccounts(MemoryAccounts):
    """Another request claims each address a moment before."""

    async def claim_email(self, account: Account) -> bool:  # noqa: ARG002 - the port's shape
        return False


async def test_losing_the_race_for_an_address_leaves_nothing_behind(world: World) -> None:
    """The loser's draft is discarded."""
    world.accounts = LosingAccounts()
    with pytest.raises(EmailTaken):
        await world.register()
    assert world.accounts.drafts == {}


class DyingAccounts(MemoryAccounts):
    """The process dies between draft and claim."""

    async def claim_email(self, account: Account) -> bool:  # noqa: ARG002 - the port's shape
        raise ConnectionError


async def test_a_registration_cut_off_is_swept_and_the_address_is_free(world: World) -> None:
    """A draft is taken away an hour later, not before; its address was never taken."""
    world.accounts = DyingAccounts()
    with pytest.raises(ConnectionError):
        await world.register()
    sweep = SweepLeftovers(
        world.accounts, world.sessions, MemoryNotifications(), MemoryRevocations(), world.clock, 10**12
    )
    world.clock.advance(DRAFT_AGE_MS / 1000)
    assert await sweep() == 0
    world.clock.advance(1)
    assert await sweep() == 1
    assert (world.accounts.drafts, world.accounts.emails) == ({}, {})


async def test_registrations_are_throttled_before_hashing(world: World) -> None:
    """The attempt above the limit costs nothing."""
    world.throttle.most = 0
    with pytest.raises(TooManyRequests):
        await world.register()
    assert world.passwords.worked == 0


async def test_a_wrong_password_and_an_unknown_account_are_told_alike_and_cost_alike(world: World) -> None:
    """Same problem, same text, one comparison each."""
    await world.register()
    told = []
    for email in (EMAIL, "nobody@example.com", "not an address"):
        before = world.passwords.worked
        with pytest.raises(WrongCredentials) as refusal:
            await world.log_in("wrong", email)
        told.append((refusal.value.document("t"), world.passwords.worked - before))
    assert told[0] == told[1] == told[2]
    assert told[0][1] == 1


@pytest.mark.parametrize(
    "password",
    ["trustno1", "TrustNo1", " trustno1 ", "ｔｒｕｓｔｎｏ１", "aaaaaaaa", " " * 8, "Ann@Example.com"],
)
async def test_a_password_that_is_tried_first_is_refused(world: World, password: str) -> None:
    """Common passwords in any case or width, one character again and again, one's own address: named, nothing kept."""
    with pytest.raises(InvalidInput) as refused:
        await world.register_account.open(email=EMAIL, password=password, name=None)
    assert [error.field for error in refused.value.errors] == ["body.password"]
    assert await world.accounts.find_account_by_email(EMAIL) is None
    account = await world.register()
    with pytest.raises(InvalidInput) as refused:
        await world.change_password(account, new=password)
    assert [error.field for error in refused.value.errors] == ["body.new_password"]
    await world.log_in()


async def test_an_old_account_with_a_common_password_still_signs_in(world: World) -> None:
    """The rule is for new passwords only."""
    account = await world.register()
    weak = account.rehashed(await world.passwords.hash_password("trustno1"), at_ms=1)
    assert await world.accounts.replace_account(weak)
    assert await world.log_in("trustno1")


async def test_logins_are_throttled_before_comparing(world: World) -> None:
    """Above the limit nothing is compared, not even the right password; the outcome is counted."""
    await world.register()
    world.throttle.most = 3
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await world.log_in("wrong")
    before = world.passwords.worked
    with pytest.raises(TooManyRequests):
        await world.log_in(PASSWORD)
    assert world.passwords.worked == before
    assert world.logins == ["wrong-credentials"] * 3 + ["too-many-requests"]


async def test_the_right_password_resets_the_count(world: World) -> None:
    """An owner who mistypes now and then is never locked out."""
    await world.register()
    world.throttle.most = 2
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await world.log_in("wrong")
        await world.log_in()


async def test_an_old_hash_is_renewed_at_login_and_sessions_go_on(world: World) -> None:
    """New parameters reach an account with its next login; sessions go on."""
    account = await world.register()
    session = await world.log_in()
    world.passwords.mark = "v2:"
    await world.log_in()
    renewed = await world.accounts.find_account(account.id)
    assert renewed is not None
    assert renewed.password_hash == f"v2:{PASSWORD}"
    await world.refresh(session)


async def test_a_new_password_ends_all_sessions_but_the_one_it_names(world: World) -> None:
    """The session whose refresh token came along goes on, the others are dead, old passwords too."""
    account = await world.register()
    mine, other = await world.log_in(), await world.log_in()
    await world.change_password(account, keep=mine)
    await world.refresh(mine)
    with pytest.raises(RefreshRefused):
        await world.refresh(other)
    with pytest.raises(WrongCredentials):
        await world.log_in()
    await world.log_in("four")


async def test_a_busy_service_does_not_refuse_a_right_password_for_an_old_hash(world: World) -> None:
    """The right password is let in; the hash is renewed at another time."""
    await world.register()
    world.passwords.mark = "v2:"

    async def next_one_is_refused() -> None:
        async def refuse() -> None:
            raise TooBusy

        world.passwords.meanwhile = refuse

    world.passwords.meanwhile = next_one_is_refused
    await world.refresh(await world.log_in())


async def test_signing_out_everywhere_holds_while_a_password_is_changed(world: World) -> None:
    """A session that ends while the new password is hashed stays ended, although the change names it."""
    account = await world.register()
    mine = await world.log_in()
    end = EndSessions(world.sessions, world.edit, world.security)
    world.passwords.meanwhile = lambda: end.all(account.id, actor="root")
    await world.change_password(account, keep=mine)
    with pytest.raises(RefreshRefused):
        await world.refresh(mine)


async def test_an_old_password_deletes_nothing(world: World) -> None:
    """A password that is replaced while it is compared proves nothing any more; like a wrong one it is recorded."""
    account = await world.register()
    leaving = FinishLeaving(world.accounts, NoCarts(), MemoryNotifications(), world.clock)
    delete = DeleteAccount(world.edit, world.confirm, leaving, world.security)
    world.passwords.meanwhile = lambda: world.change_password(account, new="four")
    for _ in range(2):
        before = len(world.security.events)
        with pytest.raises(WrongPassword):
            await delete(account.id, password=PASSWORD, caller=HERE)
        failed = [event for event in world.security.events[before:] if event[0] != "password.changed"]
        assert failed == [("login.failed", {"account": account.id, "reason": "wrong-password"})]
    assert await world.log_in("four")
    await delete(account.id, password="four", caller=HERE)
    assert await world.accounts.find_account(account.id) is None


async def test_a_one_time_token_is_used_once_also_by_two_at_the_same_time(world: World) -> None:
    """The second reset, begun while the first hashes its password, is refused and recorded; the first counts."""
    account = await world.register()
    token, _ = await world.issue_reset(account.id, actor="root")
    world.passwords.meanwhile = lambda: world.reset_password(token, "the first", caller=HERE)
    with pytest.raises(ResetRefused):
        await world.reset_password(token, "the second", caller=HERE)
    assert world.security.events[-1] == ("password.reset_refused", {})
    await world.log_in("the first")


async def test_attempts_beyond_the_limit_are_recorded_wherever_a_password_is_asked_for(world: World) -> None:
    """Changing it, deleting the account, a one-time token: refused by the throttle is refused, and told of."""
    account = await world.register()
    leaving = FinishLeaving(world.accounts, NoCarts(), MemoryNotifications(), world.clock)
    delete = DeleteAccount(world.edit, world.confirm, leaving, world.security)
    world.throttle.most = 0
    for attempt in (
        world.change_password(account),
        delete(account.id, password=PASSWORD, caller=HERE),
        world.reset_password(f"{account.id}.x", "four", caller=HERE),
    ):
        with pytest.raises(TooManyRequests):
            await attempt
    failed = ("login.failed", {"account": account.id, "reason": "too-many-requests"})
    assert world.security.events[1:] == [failed, failed, ("password.reset_refused", {})]


async def test_an_account_that_leaves_meanwhile_stays_as_it_left(world: World) -> None:
    """A password that is still being hashed then is not set: the token is refused, as is a one-time token."""
    account = await world.register()
    token, _ = await world.issue_reset(account.id, actor="root")
    leaving = account.with_reset("hash", expires_at_ms=0, at_ms=1).leaving(at_ms=2)

    async def leave() -> None:
        world.accounts.existing[account.id] = leaving

    async def leave_while_hashing() -> None:
        world.passwords.meanwhile = leave

    world.passwords.meanwhile = leave_while_hashing
    with pytest.raises(Unauthenticated):
        await world.change_password(account)
    world.accounts.existing[account.id] = account.with_reset(
        hash_reset_secret(token.partition(".")[2]), expires_at_ms=world.clock.now_ms() + 1, at_ms=1
    )
    world.passwords.meanwhile = leave
    with pytest.raises(ResetRefused):
        await world.reset_password(token, "the third", caller=HERE)
    assert await world.accounts.find_account(account.id) == leaving


@pytest.mark.parametrize("failure", [PeerUnavailable, DeadlineExceeded])
async def test_a_deletion_is_answered_whatever_the_cart_service_does(
    world: World, failure: type[Problem]
) -> None:
    """The account is shut once that is written; without an answer from the cart service the rest comes later."""

    class Failing(NoCarts):
        async def forget_shopper(self, account_id: str) -> None:
            raise failure(account_id)

    account, news = await world.register(), MemoryNotifications()
    leaving = FinishLeaving(world.accounts, Failing(), news, world.clock)
    delete = DeleteAccount(world.edit, world.confirm, leaving, world.security)
    await delete(account.id, password=PASSWORD, caller=HERE)
    with pytest.raises(WrongCredentials):
        await world.log_in()
    assert await FinishLeaving(world.accounts, NoCarts(), news, world.clock)() == 1
    assert await world.accounts.find_account(account.id) is None


async def test_without_a_session_named_all_end(world: World) -> None:
    """A change without a refresh token signs out everywhere."""
    account = await world.register()
    session = await world.log_in()
    await world.change_password(account)
    with pytest.raises(RefreshRefused):
        await world.refresh(session)


async def test_a_dead_session_and_a_strangers_session_are_not_kept(world: World) -> None:
    """Naming a session that an earlier change ended, or another account's, brings nothing back."""
    account, _ = await world.register(), await world.register("bob@example.com")
    dead, strangers = await world.log_in(), await world.log_in(email="bob@example.com")
    await world.change_password(account, new="four")
    await world.change_password(account, current="four", new="five", keep=dead)
    await world.change_password(account, current="five", new="six", keep=strangers)
    with pytest.raises(RefreshRefused):
        await world.refresh(dead)
    assert world.sessions.rows[strangers.partition("/")[0]].credentials == 1


async def test_changing_needs_the_present_password_and_is_throttled(world: World) -> None:
    """A stolen access token does not help to guess the password."""
    account = await world.register()
    world.throttle.most = 1
    with pytest.raises(WrongPassword):
        await world.change_password(account, current="wrong")
    with pytest.raises(TooManyRequests):
        await world.change_password(account)


class RacedAccounts(MemoryAccounts):
    """Runs another edit before the first replacement."""

    def race(self, edit: Account) -> None:
        self.edit: Account | None = edit

    async def replace_account(self, account: Account) -> bool:
        edit, self.edit = getattr(self, "edit", None), None
        if edit is not None:
            await MemoryAccounts.replace_account(self, edit)
        return await MemoryAccounts.replace_account(self, account)


async def test_a_new_password_survives_a_rename_at_the_same_time(world: World) -> None:
    """Both edits are there afterwards."""
    world.accounts = accounts = RacedAccounts()
    account = await world.register()
    accounts.race(account.renamed("Anna", at_ms=1))
    await world.change_password(account)
    after = await accounts.find_account(account.id)
    assert after is not None
    assert (after.name, after.password_hash) == ("Anna", "v1:four")


async def test_of_two_new_passwords_at_the_same_time_the_first_counts(world: World) -> None:
    """The second proved to know a password that is not the present one any more: refused, and recorded."""
    world.accounts = accounts = RacedAccounts()
    account = await world.register()
    accounts.race(account.with_password("v1:first", at_ms=1))
    with pytest.raises(WrongPassword):
        await world.change_password(account)
    assert world.security.events[1:] == [
        ("login.failed", {"account": account.id, "reason": "wrong-password"})
    ]
    after = await accounts.find_account(account.id)
    assert after is not None
    assert after.password_hash == "v1:first"


async def test_renaming_edits_the_version_that_was_read(world: World) -> None:
    """An older version is refused, also when it became old during the edit; the same name is not an edit."""
    world.accounts = accounts = RacedAccounts()
    account = await world.register()
    rename = RenameAccount(world.edit)
    assert await rename(account.id, "Ann", versions=frozenset({1})) == account
    accounts.race(account.with_password("v1:other", at_ms=1))
    with pytest.raises(PreconditionFailed):
        await rename(account.id, "Anna", versions=frozenset({1}))
    with pytest.raises(PreconditionFailed):
        await rename(account.id, "Anna", versions=frozenset({1}))
    assert (await rename(account.id, None, versions=frozenset({2}))).name is None


async def test_a_token_of_an_unknown_account_is_refused(world: World) -> None:
    """An account that does not exist reads as unauthenticated."""
    with pytest.raises(Unauthenticated):
        await RenameAccount(world.edit)("nobody", "x", versions=frozenset({1}))


async def test_roles_are_set_whatever_happens_at_the_same_time(world: World) -> None:
    """A rename in between does not lose the promotion; repeating it changes nothing."""
    world.accounts = accounts = RacedAccounts()
    account = await world.register()
    accounts.race(account.renamed("Anna", at_ms=1))
    promoted = await world.assign_roles(account.id, ADMIN, actor="root")
    assert (promoted.roles, promoted.name) == (ADMIN, "Anna")
    assert await world.assign_roles(account.id, ADMIN, actor="root") == promoted


async def test_roles_of_a_version_are_set_of_that_version_only(world: World) -> None:
    """With a version given a change in between is a refusal; an unknown account is one anyhow."""
    world.accounts = accounts = RacedAccounts()
    account = await world.register()
    accounts.race(account.renamed("Anna", at_ms=1))
    with pytest.raises(PreconditionFailed):
        await world.assign_roles(account.id, ADMIN, actor="root", versions=frozenset({1}))
    with pytest.raises(AccountNotFound):
        await world.assign_roles("nobody", ADMIN, actor="root")


async def test_the_last_administrator_cannot_resign(world: World) -> None:
    """There is always one; once there are two, either may go."""
    await world.ensure_admin("root@example.com", PASSWORD)
    root = await world.accounts.find_account_by_email("root@example.com")
    assert root is not None
    with pytest.raises(LastAdmin):
        await world.assign_roles(root.id, CUSTOMER, actor="root")
    await world.register()
    await world.promote(EMAIL)
    assert (await world.assign_roles(root.id, CUSTOMER, actor="root")).roles == CUSTOMER


async def test_ensuring_the_administrator_is_safe_to_repeat(world: World) -> None:
    """The first call makes the account, later ones change nothing; a new password is set, a customer promoted."""
    assert await world.ensure_admin("root@example.com", PASSWORD)
    first = await world.accounts.find_account_by_email("root@example.com")
    assert not await world.ensure_admin("ROOT@example.com", PASSWORD)
    assert await world.accounts.find_account_by_email("root@example.com") == first
    assert not await world.ensure_admin("root@example.com", "another one")
    await world.log_in("another one", "root@example.com")
    await world.register()
    assert not await world.ensure_admin(EMAIL, PASSWORD)
    ann = await world.accounts.find_account_by_email(EMAIL)
    assert ann is not None
    assert ann.is_admin


async def test_what_people_made_of_the_first_administrator_stays(world: World) -> None:
    """A password that was handed out is set and promoted once; what was changed since is not undone."""
    await world.register("root@example.com")
    assert not await world.ensure_admin("root@example.com", "handed out", handed_out=True)
    root = await world.accounts.find_account_by_email("root@example.com")
    assert root is not None
    assert root.is_admin
    await world.log_in("handed out", "root@example.com")
    await world.register()
    await world.promote(EMAIL)
    await world.ensure_admin("root@example.com", "their own")
    await world.assign_roles(root.id, CUSTOMER, actor="root")
    assert not await world.ensure_admin("root@example.com", "handed out", handed_out=True)
    await world.log_in("their own", "root@example.com")
    root = await world.accounts.find_account_by_email("root@example.com")
    assert root is not None
    assert not root.is_admin


async def test_promoting_an_unknown_address_is_refused(world: World) -> None:
    """There must be an account of that address."""
    with pytest.raises(AccountNotFound):
        await world.promote("nobody@example.com")
