"""Everything the user service can do: its table of contents."""

from dataclasses import dataclass

from store_user.use_cases.accept_notifications import AcceptNotifications
from store_user.use_cases.assign_roles import AssignRoles
from store_user.use_cases.authenticate_client import AuthenticateClient
from store_user.use_cases.authorise import Authorise
from store_user.use_cases.change_password import ChangePassword
from store_user.use_cases.confirm_password import ConfirmPassword
from store_user.use_cases.delete_account import DeleteAccount
from store_user.use_cases.disable_account import DisableAccount
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.end_sessions import EndSessions
from store_user.use_cases.ensure_admin import EnsureAdmin
from store_user.use_cases.export_account import MOST, Export, ExportAccount
from store_user.use_cases.finish_leaving import FinishLeaving
from store_user.use_cases.issue_reset import IssueReset
from store_user.use_cases.list_accounts import ListAccounts
from store_user.use_cases.list_notifications import ListNotifications
from store_user.use_cases.list_revocations import ListRevocations
from store_user.use_cases.list_sessions import ListSessions
from store_user.use_cases.log_in import LogIn
from store_user.use_cases.log_out import LogOut
from store_user.use_cases.promote_account import PromoteAccount
from store_user.use_cases.refresh_session import RefreshSession
from store_user.use_cases.register_account import RegisterAccount
from store_user.use_cases.rename_account import RenameAccount
from store_user.use_cases.reset_password import ResetPassword
from store_user.use_cases.summarise_account import SummariseAccount, Summary
from store_user.use_cases.sweep_leftovers import SweepLeftovers

__all__ = [
    "MOST",
    "AcceptNotifications",
    "AssignRoles",
    "AuthenticateClient",
    "Authorise",
    "ChangePassword",
    "ConfirmPassword",
    "DeleteAccount",
    "DisableAccount",
    "EditAccount",
    "EndSessions",
    "EnsureAdmin",
    "Export",
    "ExportAccount",
    "FinishLeaving",
    "IssueReset",
    "ListAccounts",
    "ListNotifications",
    "ListRevocations",
    "ListSessions",
    "LogIn",
    "LogOut",
    "PromoteAccount",
    "RefreshSession",
    "RegisterAccount",
    "RenameAccount",
    "ResetPassword",
    "SummariseAccount",
    "Summary",
    "SweepLeftovers",
    "UseCases",
]


@dataclass(frozen=True, slots=True)
class UseCases:
    """What routes, workers, the command line and each other may call."""

    authorise: Authorise
    register: RegisterAccount
    log_in: LogIn
    refresh: RefreshSession
    authenticate_client: AuthenticateClient
    log_out: LogOut
    rename: RenameAccount
    edit: EditAccount
    change_password: ChangePassword
    summarise: SummariseAccount
    list_notifications: ListNotifications
    accept_notifications: AcceptNotifications
    list_accounts: ListAccounts
    assign_roles: AssignRoles
    ensure_admin: EnsureAdmin
    promote: PromoteAccount
    list_sessions: ListSessions
    end_sessions: EndSessions
    disable: DisableAccount
    issue_reset: IssueReset
    reset_password: ResetPassword
    delete_account: DeleteAccount
    export: ExportAccount
    list_revocations: ListRevocations
    finish_leaving: FinishLeaving
    sweep: SweepLeftovers
