"""Composition root of the user service."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from store_kit.addresses import parse_network
from store_kit.auth import TokenVerifier
from store_kit.client import PeerMetrics, ServiceClient
from store_kit.clock import Clock, SystemClock
from store_kit.cursors import Cursors
from store_kit.metrics import Metrics
from store_kit.secrets import Secrets
from store_kit.security import SecurityEvents
from store_kit.service import Service, Wrap, build_service, unwrapped
from store_kit.workers import Worker

from store_user.adapters.argon2_passwords import Argon2Passwords
from store_user.adapters.common_passwords import common_passwords
from store_user.adapters.memory_throttle import MemoryThrottle
from store_user.adapters.peers import HttpCarts, HttpOrders
from store_user.adapters.prometheus_counts import PrometheusCounts
from store_user.adapters.stores import Stores, stores_of
from store_user.adapters.tokens import DerivedRefreshTokens, OwnToken, SecretClients, SignedAccessTokens
from store_user.api import (
    admin_users,
    auth,
    me,
    my_sessions,
    notifications,
    revocations,
    service_tokens,
    users,
)
from store_user.api.edge import Edge
from store_user.ports import Accounts, Counts, Families, Notifications, Revocations, Throttle
from store_user.settings import LONGEST_ACCESS_S, UserSettings
from store_user.use_cases import UseCases
from store_user.use_cases.accept_notifications import AcceptNotifications
from store_user.use_cases.assign_roles import AssignRoles
from store_user.use_cases.authenticate_client import AuthenticateClient
from store_user.use_cases.authorise import Authorise
from store_user.use_cases.change_password import ChangePassword
from store_user.use_cases.delete_account import DeleteAccount, FinishLeaving
from store_user.use_cases.disable_account import DisableAccount
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.ensure_admin import EnsureAdmin
from store_user.use_cases.export_account import ExportAccount
from store_user.use_cases.list_accounts import ListAccounts
from store_user.use_cases.list_notifications import ListNotifications
from store_user.use_cases.list_revocations import ListRevocations
from store_user.use_cases.log_in import LogIn
from store_user.use_cases.log_out import LogOut
from store_user.use_cases.open_account import OpenAccount
from store_user.use_cases.promote_account import PromoteAccount
from store_user.use_cases.refresh_session import RefreshSession
from store_user.use_cases.register_account import RegisterAccount
from store_user.use_cases.rename_account import RenameAccount
from store_user.use_cases.reset_password import IssueReset, ResetPassword
from store_user.use_cases.sessions import EndSessions, ListSessions
from store_user.use_cases.summarise_account import SummariseAccount
from store_user.use_cases.sweep_leftovers import SweepLeftovers
from store_user.use_cases.view_account import ViewAccount

_ROUTERS: Final = (
    users.router,
    me.router,
    my_sessions.router,
    auth.router,
    admin_users.router,
    notifications.router,
    revocations.router,
    service_tokens.router,
)
_EVENTS: Final = (
    "account.deleted",
    "account.disabled",
    "account.enabled",
    "account.registered",
    "client.refused",
    "login.failed",
    "login.succeeded",
    "password.changed",
    "password.reset",
    "password.reset_issued",
    "password.reset_refused",
    "roles.changed",
    "session.refused",
    "session.reused",
    "sessions.ended",
)
"""The security events of this service, besides those of all (docs/monitoring.md)."""


def create_service(
    settings: UserSettings | None = None, *, clock: Clock | None = None, wrap: Wrap = unwrapped
) -> Service:
    """Return the user service; nothing is opened before it starts.

    Args:
        settings: read from the environment when None.
        clock: whose time it is; the machine's when None.
        wrap: put around each store; for crash tests.
    """
    settings, clock = settings or UserSettings(), clock or SystemClock()
    parts = _Parts.build(settings, clock, wrap)
    use_cases = parts.use_cases()
    service = build_service(
        name="user",
        port=settings.port_of("user"),
        settings=settings,
        metrics=parts.metrics,
        verifier=parts.verifier(),
        use_cases=use_cases,
        routers=_ROUTERS,
        resources=(*parts.stores.resources, parts.passwords, parts.orders, parts.carts),
        workers=(
            Worker("sweep_accounts", use_cases.sweep, settings.user_sweep_every_s, clock),
            Worker("finish_leaving", use_cases.finish_leaving, settings.user_leaving_every_s, clock),
        ),
        checks=parts.stores.checks,
        security=parts.security,
    )
    proxies = [parse_network(network) for network in settings.user_trusted_proxies]
    service.app.state.edge = Edge(
        Cursors(parts.secrets.text("cursor_key")),
        parts.access_tokens.jwks(),
        proxies,
        settings.user_forwarded_by,
    )
    return service


@dataclass(frozen=True, slots=True)
class AccountTools:
    """What the command line may do to the accounts of a shop, also while it runs."""

    ensure_admin: EnsureAdmin
    promote: PromoteAccount


@contextlib.asynccontextmanager
async def open_accounts(settings: UserSettings | None = None) -> AsyncIterator[AccountTools]:
    """Open the accounts without a server; either database lets a second process write.

    Raises:
        DatabaseUnavailable: the cluster did not answer, or its schema was not ready in time.
    """
    parts = _Parts.build(settings or UserSettings(), SystemClock(), unwrapped)
    async with contextlib.AsyncExitStack() as stack:
        for resource in (*parts.stores.resources, parts.passwords):
            await resource.open()
            stack.push_async_callback(resource.close)
        await parts.stores.until_usable()
        yield AccountTools(parts.ensure_admin(), parts.promote())


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything between the settings and the use cases, built once."""

    settings: UserSettings
    clock: Clock
    secrets: Secrets
    metrics: Metrics
    stores: Stores
    accounts: Accounts
    families: Families
    notifications: Notifications
    revocations: Revocations
    security: SecurityEvents
    passwords: Argon2Passwords
    access_tokens: SignedAccessTokens
    refresh_tokens: DerivedRefreshTokens
    orders: ServiceClient
    carts: ServiceClient

    @classmethod
    def build(cls, settings: UserSettings, clock: Clock, wrap: Wrap) -> "_Parts":
        """Build adapters; nothing is opened."""
        metrics, secrets = Metrics("user"), Secrets(settings)
        stores = stores_of(settings, secrets, metrics, clock)
        access_tokens = SignedAccessTokens(
            settings,
            signing_key=secrets.pem("signing_key"),
            previous_key=secrets.optional("signing_key_previous"),
            clock=clock,
        )
        peers, own = PeerMetrics(metrics), OwnToken(access_tokens)
        return cls(
            settings=settings,
            clock=clock,
            secrets=secrets,
            metrics=metrics,
            stores=stores,
            accounts=wrap("accounts", stores.accounts),
            families=wrap("tokens", stores.families),
            notifications=wrap("notifications", stores.notifications),
            revocations=wrap("revocations", stores.revocations),
            security=SecurityEvents(metrics, _EVENTS),
            passwords=Argon2Passwords(settings, metrics),
            access_tokens=access_tokens,
            refresh_tokens=DerivedRefreshTokens(secrets.text("refresh_key")),
            orders=ServiceClient("order", settings.order_url, settings=settings, metrics=peers, tokens=own),
            carts=ServiceClient("cart", settings.cart_url, settings=settings, metrics=peers, tokens=own),
        )

    def verifier(self) -> TokenVerifier:
        """Return a verifier that has the keys already: this service is the issuer."""

        async def own_keys() -> Mapping[str, Any]:
            return self.access_tokens.jwks()

        return TokenVerifier(
            own_keys,
            issuer=self.settings.token_issuer,
            audience=self.settings.token_audience,
            now_s=lambda: self.clock.now_ms() / 1000,
        )

    def edit(self) -> EditAccount:
        return EditAccount(self.accounts, self.revocations, self.clock)

    def assign_roles(self) -> AssignRoles:
        return AssignRoles(self.edit(), self.security)

    def promote(self) -> PromoteAccount:
        return PromoteAccount(self.accounts, self.assign_roles())

    def open_account(self) -> OpenAccount:
        return OpenAccount(self.accounts, self.passwords, self.clock, common_passwords())

    def ensure_admin(self) -> EnsureAdmin:
        return EnsureAdmin(self.accounts, self.passwords, self.open_account(), self.promote(), self.edit())

    def sweep(self) -> SweepLeftovers:
        keep_ms = self.settings.user_keep_notifications_ms
        return SweepLeftovers(
            self.accounts, self.families, self.notifications, self.revocations, self.clock, keep_ms
        )

    def log_in(self, throttle: Throttle, counts: Counts) -> LogIn:
        return LogIn(
            self.accounts,
            self.families,
            self.passwords,
            throttle,
            self.access_tokens,
            self.refresh_tokens,
            counts,
            self.security,
            self.clock,
            self.settings.user_refresh_lifetime_s * 1000,
        )

    def refresh(self) -> RefreshSession:
        grace_ms = round(self.settings.user_refresh_grace_s * 1000)
        return RefreshSession(
            self.accounts,
            self.families,
            self.access_tokens,
            self.refresh_tokens,
            self.security,
            self.clock,
            grace_ms,
        )

    def use_cases(self) -> UseCases:
        """Wire the table of contents."""
        throttle = MemoryThrottle(self.settings, self.clock)
        counts, edit, security = PrometheusCounts(self.metrics), self.edit(), self.security
        accounts, families, passwords, clock = self.accounts, self.families, self.passwords, self.clock
        orders, carts = HttpOrders(self.orders), HttpCarts(self.carts)
        leaving = FinishLeaving(accounts, carts, self.notifications, clock)
        sessions, common = ListSessions(families, clock), common_passwords()
        return UseCases(
            authorise=Authorise(accounts, security),
            register=RegisterAccount(self.open_account(), throttle, counts, security),
            log_in=self.log_in(throttle, counts),
            refresh=self.refresh(),
            authenticate_client=AuthenticateClient(SecretClients(self.secrets), self.access_tokens, security),
            log_out=LogOut(families, self.refresh_tokens, security),
            view=ViewAccount(accounts),
            rename=RenameAccount(accounts, clock),
            change_password=ChangePassword(
                edit, families, passwords, throttle, self.refresh_tokens, security, common
            ),
            summarise=SummariseAccount(orders, carts),
            list_notifications=ListNotifications(self.notifications),
            accept_notifications=AcceptNotifications(self.notifications),
            list_accounts=ListAccounts(accounts),
            assign_roles=self.assign_roles(),
            ensure_admin=self.ensure_admin(),
            promote=self.promote(),
            list_sessions=sessions,
            end_sessions=EndSessions(families, edit, security),
            disable=DisableAccount(edit, security),
            issue_reset=IssueReset(edit, security, clock, self.settings.user_reset_lifetime_s * 1000),
            reset_password=ResetPassword(edit, passwords, throttle, security, common),
            delete_account=DeleteAccount(edit, passwords, throttle, leaving, security),
            export=ExportAccount(sessions, self.notifications, orders, carts),
            list_revocations=ListRevocations(
                # Tokens from before the setting was lowered live as long as they were told.
                accounts,
                self.revocations,
                clock,
                LONGEST_ACCESS_S * 1000,
            ),
            finish_leaving=leaving,
            sweep=self.sweep(),
        )
