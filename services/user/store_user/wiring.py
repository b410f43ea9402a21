"""How the use cases hang together, whatever the adapters are."""

from collections.abc import Callable, Container
from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.counting import counted_by_outcome

from store_user.ports import (
    AccessTokens,
    AccountStore,
    Carts,
    Clients,
    NotificationStore,
    Orders,
    Passwords,
    RefreshTokens,
    RevocationStore,
    SecurityLog,
    SessionStore,
    Throttle,
)
from store_user.settings import LONGEST_ACCESS_S, UserSettings
from store_user.use_cases import (
    AcceptNotifications,
    AssignRoles,
    AuthenticateClient,
    Authorise,
    ChangePassword,
    ConfirmPassword,
    DeleteAccount,
    DisableAccount,
    EditAccount,
    EndSessions,
    EnsureAdmin,
    ExportAccount,
    FinishLeaving,
    IssueReset,
    ListAccounts,
    ListNotifications,
    ListRevocations,
    ListSessions,
    LogIn,
    LogOut,
    PromoteAccount,
    RefreshSession,
    RegisterAccount,
    RenameAccount,
    ResetPassword,
    SummariseAccount,
    SweepLeftovers,
    UseCases,
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the use cases work with."""

    accounts: AccountStore
    sessions: SessionStore
    notifications: NotificationStore
    revocations: RevocationStore
    passwords: Passwords
    common_passwords: Container[str]
    throttle: Throttle
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    clients: Clients
    orders: Orders
    carts: Carts
    security: SecurityLog
    count_registration: Callable[[str], None]
    count_login: Callable[[str], None]
    clock: Clock


def use_cases_of(ports: Ports, settings: UserSettings) -> UseCases:
    """Return all use cases over these ports."""
    edit = EditAccount(ports.accounts, ports.revocations, ports.clock)
    confirm = ConfirmPassword(ports.passwords, ports.throttle, ports.security)
    register, assign_roles = _register(ports), AssignRoles(edit, ports.security)
    promote = PromoteAccount(ports.accounts, assign_roles)
    list_sessions = ListSessions(ports.accounts, ports.sessions, ports.clock)
    finish_leaving = FinishLeaving(ports.accounts, ports.carts, ports.notifications, ports.clock)
    return UseCases(
        authorise=Authorise(ports.accounts, ports.security),
        register=counted_by_outcome(register, ports.count_registration),
        log_in=counted_by_outcome(_log_in(ports, settings), ports.count_login),
        refresh=_refresh(ports, settings),
        authenticate_client=AuthenticateClient(ports.clients, ports.access_tokens, ports.security),
        log_out=LogOut(ports.sessions, ports.refresh_tokens, ports.security),
        rename=RenameAccount(edit),
        edit=edit,
        change_password=_change_password(ports, edit, confirm),
        summarise=SummariseAccount(ports.orders, ports.carts),
        list_notifications=ListNotifications(ports.notifications),
        accept_notifications=AcceptNotifications(ports.notifications),
        list_accounts=ListAccounts(ports.accounts),
        assign_roles=assign_roles,
        ensure_admin=EnsureAdmin(
            accounts=ports.accounts, passwords=ports.passwords, register=register, promote=promote, edit=edit
        ),
        promote=promote,
        list_sessions=list_sessions,
        end_sessions=EndSessions(ports.sessions, edit, ports.security),
        disable=DisableAccount(edit, ports.security),
        issue_reset=IssueReset(edit, ports.security, ports.clock, settings.user_reset_lifetime_s * 1000),
        reset_password=_reset_password(ports, edit),
        delete_account=DeleteAccount(edit, confirm, finish_leaving, ports.security),
        export=ExportAccount(list_sessions, ports.notifications, ports.orders, ports.carts),
        # Tokens from before the setting was lowered live as long as they were told.
        list_revocations=ListRevocations(
            ports.accounts, ports.revocations, ports.clock, LONGEST_ACCESS_S * 1000
        ),
        finish_leaving=finish_leaving,
        sweep=_sweep(ports, settings),
    )


def _register(ports: Ports) -> RegisterAccount:
    return RegisterAccount(
        accounts=ports.accounts,
        passwords=ports.passwords,
        throttle=ports.throttle,
        security=ports.security,
        clock=ports.clock,
        common=ports.common_passwords,
    )


def _log_in(ports: Ports, settings: UserSettings) -> LogIn:
    return LogIn(
        accounts=ports.accounts,
        sessions=ports.sessions,
        passwords=ports.passwords,
        throttle=ports.throttle,
        access_tokens=ports.access_tokens,
        refresh_tokens=ports.refresh_tokens,
        security=ports.security,
        clock=ports.clock,
        refresh_lifetime_ms=settings.user_refresh_lifetime_s * 1000,
    )


def _refresh(ports: Ports, settings: UserSettings) -> RefreshSession:
    return RefreshSession(
        accounts=ports.accounts,
        sessions=ports.sessions,
        access_tokens=ports.access_tokens,
        refresh_tokens=ports.refresh_tokens,
        security=ports.security,
        clock=ports.clock,
        grace_ms=round(settings.user_refresh_grace_s * 1000),
    )


def _change_password(ports: Ports, edit: EditAccount, confirm: ConfirmPassword) -> ChangePassword:
    return ChangePassword(
        edit=edit,
        confirm=confirm,
        sessions=ports.sessions,
        passwords=ports.passwords,
        refresh_tokens=ports.refresh_tokens,
        security=ports.security,
        common=ports.common_passwords,
    )


def _reset_password(ports: Ports, edit: EditAccount) -> ResetPassword:
    return ResetPassword(
        edit=edit,
        passwords=ports.passwords,
        throttle=ports.throttle,
        security=ports.security,
        common=ports.common_passwords,
    )


def _sweep(ports: Ports, settings: UserSettings) -> SweepLeftovers:
    return SweepLeftovers(
        accounts=ports.accounts,
        sessions=ports.sessions,
        notifications=ports.notifications,
        revocations=ports.revocations,
        clock=ports.clock,
        keep_notifications_ms=settings.user_keep_notifications_ms,
    )
