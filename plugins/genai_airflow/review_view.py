"""Serves the page on which signed-in users label documents; what they say is kept under their name."""

import logging
import secrets
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from genai_airflow.plan_view import HEADERS as NO_SCRIPTS
from genai_airflow.plan_view import RETRIES
from genai_airflow.store_connection import open_store
from include.artifacts.report import Report
from include.core.errors import ConfigurationError, GenaiError, TransientError

# it shows what a report shows, and what is said there is an answer of a human in the loop
READS = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))
ANSWERS = Depends(requires_access_dag(method="PUT", access_entity=DagAccessEntity.HITL_DETAIL))
VIA = "page"

router = APIRouter(dependencies=[READS])


class Choice(BaseModel):
    """What a person chose for a document, as it was shown."""

    model_config = ConfigDict(extra="forbid")
    document: str = Field(min_length=1, max_length=1000)
    shown: str = Field(min_length=1, max_length=64)
    label: str = Field(min_length=1, max_length=200)


def same_site(sec_fetch_site: Annotated[str, Header()] = "same-origin") -> None:
    """403 for what a page of another origin sends: the browser tells, beside the cookie that it then leaves out."""
    if sec_fetch_site not in ("same-origin", "none"):
        raise HTTPException(403, "Save from the page of this Airflow")


@router.get("/review/{dag_id}/page")
def page(
    dag_id: str,
    user: GetUserDep,
    position: Annotated[int | None, Query(ge=0)] = None,
    start: Annotated[int, Query(ge=0)] = 0,
) -> HTMLResponse:
    """The task at a position, or from `start` on the first that this user has not labelled."""
    from include.data_preparation.labelling.annotations import read, standing
    from include.data_preparation.labelling.review_page import Desk, review_page
    from include.data_preparation.labelling.review_queue import newest_queue

    name = user.get_name()
    try:
        store = open_store(retries=RETRIES)
        tasks = newest_queue(store, dag_id).tasks
        shown = {(task.id, task.digest) for task in tasks}
        mine = [one for one in standing(read(store.bucket, dag_id)) if one.annotator == name]
    except GenaiError as error:
        _log(dag_id, error)
        return HTMLResponse(Report("Review").text(str(error)).page(), status_code=_status(error), headers=NO_SCRIPTS)
    said = {one.document: one.label for one in mine if (one.document, one.digest) in shown}
    desk, nonce = Desk(dag_id, name, tasks, said), secrets.token_urlsafe(16)
    at = position if position is not None and position < len(tasks) else desk.position(start)
    return HTMLResponse(review_page(desk, at, nonce), headers=_headers(nonce))


@router.post("/review/{dag_id}/annotations", dependencies=[ANSWERS, Depends(same_site)])
def annotate(dag_id: str, choice: Choice, user: GetUserDep) -> JSONResponse:
    """Keep what a user says of a document: 201; 400 where it is not to be said, 503 where the store does not answer."""
    from include.data_preparation.labelling.annotations import keep
    from include.data_preparation.labelling.review_answers import annotation_of
    from include.data_preparation.labelling.review_queue import find_task

    try:
        store = open_store(retries=RETRIES)
        task = find_task(store, dag_id, choice.document, choice.shown)
        if task is None:
            raise ConfigurationError("document", choice.document, "it is not in the queue any more", "Reload the page")
        annotation = annotation_of(task, choice.label, user.get_name(), VIA)
        keep(store.bucket, dag_id, annotation)
    except GenaiError as error:
        _log(dag_id, error)
        return JSONResponse({"detail": str(error)}, status_code=_status(error), headers=NO_SCRIPTS)
    told = annotation.model_dump(include={"document", "label", "annotator", "recorded_at"})
    return JSONResponse(told, status_code=201, headers=NO_SCRIPTS)


def _headers(nonce: str) -> dict[str, str]:
    # the page runs its own script, which talks to this server; nothing in a text runs
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts allow-same-origin"
    )
    return NO_SCRIPTS | {"Content-Security-Policy": policy}


def _status(error: GenaiError) -> int:
    return 503 if isinstance(error, TransientError) else 400


def _log(dag_id: str, error: GenaiError) -> None:
    logging.getLogger(__name__).warning("review of %s: %s", dag_id, error)
