"""Who asks: here the accounts are at hand, so they decide, and not what a token said when it was issued."""

from typing import Annotated

from fastapi import Depends, Request
from store_kit.auth import Admin, CurrentUser

from store_user.api.edge import use_cases
from store_user.domain import Account


async def _me(request: Request, user: CurrentUser) -> Account:
    return await use_cases(request).authorise(user)


async def _administrator(request: Request, admin: Admin) -> Account:
    return await use_cases(request).authorise.as_admin(admin)


Me = Annotated[Account, Depends(_me)]
"""The account of whoever is signed in: 401 when it is gone or disabled, or when the token has ended."""
Administrator = Annotated[Account, Depends(_administrator)]
"""The account of an administrator, who is one now: 403 for everybody else."""
