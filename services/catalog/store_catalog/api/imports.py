"""Imports that are made once in a shop's life: has this one been?"""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response
from store_kit.access.tokens import Admin
from store_kit.http import JsonResponse
from store_kit.problems import BadRequest, Forbidden, InvalidInput, Unauthenticated, problem_responses

from store_catalog.api.parameters import api
from store_catalog.api.views import ImportView
from store_catalog.domain import ImportState

router = APIRouter(prefix="/api/products", tags=["products"])


class ImportIn(BaseModel):
    """What to note of an import."""

    model_config = ConfigDict(extra="forbid")

    state: ImportState


@router.put(
    "/imports/{name}",
    operation_id="note_import",
    summary="Begin or finish an import that is made once",
    response_model=ImportView,
    responses=problem_responses(BadRequest, Unauthenticated, Forbidden, InvalidInput),
)
async def note_import(
    request: Request,
    name: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$", examples=["online-retail"])],
    body: ImportIn,
    _admin: Admin,
) -> Response:
    """Say BEGUN before an import and DONE after it; safe to repeat.

    The answer to BEGUN says whether it is to be made: DONE when it has been, or when the shop has had products by
    other ways. What was deleted since stays deleted. The note is in the database, and so in every backup.
    """
    cases = api(request).use_cases
    note = cases.begin_import if body.state is ImportState.BEGUN else cases.finish_import
    return JsonResponse(ImportView(name, await note(name)))
