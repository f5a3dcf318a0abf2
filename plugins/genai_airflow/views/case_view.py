"""Serves the page of one use case, and the part of it that changes while a training goes on."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from genai_airflow.report_link import below_base
from genai_airflow.use_case_catalog import OPERATIONS_SUFFIX, use_case_of
from genai_airflow.views.airflow_runs import asked_of, names_of
from genai_airflow.views.airflow_tasks import Look, Task, live_trainings, looks_of, tasks_of, trainings_to_come
from genai_airflow.views.broken_files import problems_of
from genai_airflow.views.case_parts import curve_plots, groups_of, look_links, race_plot, traffic_plots
from genai_airflow.views.overview_view import looked_at, reader
from genai_airflow.views.pages import HEADERS, Crumb, render
from include.core.errors import GenaiError
from include.overview.cases import Asked
from include.overview.curves import TRAININGS, LiveTask, read_curves
from include.overview.one_case import read_case
from include.overview.records import read_records

READS = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))
OVERVIEW = Crumb("Use cases", "/genai/workflow")

router = APIRouter(dependencies=[READS])


class _Seen(NamedTuple):
    """What Airflow tells a user of a use case now; `looks` are of its operations, for those who may read them too.

    `live` are the trainings that go on; `follow`: they or others of the run have yet to end."""

    asked: Asked
    looks: dict[str, Look]
    tasks: Sequence[Task] = ()
    live: Sequence[LiveTask] = ()
    follow: bool = False


@router.get("/workflow/{dag_id}", response_model=None)
def use_case(dag_id: str, user: GetUserDep, session: SessionDep) -> HTMLResponse | RedirectResponse:
    """The page; 404 where there is no such use case. The DAG of its operations leads there too."""
    from include.use_cases import use_case_names

    if dag_id not in use_case_names():
        if (name := use_case_of(dag_id)) in use_case_names():
            return RedirectResponse(below_base(f"/genai/workflow/{quote(name, safe='')}"))
        return render("missing.html", "No such use case", (OVERVIEW, Crumb(dag_id)), status=404, name=dag_id)
    now = datetime.now(UTC)
    name = names_of(session, [dag_id]).get(dag_id)
    title = name.title if name else dag_id
    crumbs = (OVERVIEW, Crumb(title))
    seen = _seen(session, user, dag_id, now)
    looks = {task: look.ref for task, look in seen.looks.items()}
    try:
        case = read_case(reader(), seen.asked, seen.live, looks, now)
    except GenaiError as error:
        logging.getLogger(__name__).warning("page of %s: %s", dag_id, error)
        return render("missing.html", title, crumbs, status=503, name=dag_id, problem=str(error))
    return render(
        "case.html",
        title,
        crumbs,
        case=case,
        goal=name.goal if name else "",
        file_problem="" if name else problems_of([dag_id]).get(dag_id, ""),
        dag=f"/dags/{quote(dag_id, safe='')}" if name else "",
        run_path=f"/dags/{quote(dag_id, safe='')}/runs/{quote(case.run.run_id, safe='')}",
        groups=groups_of(dag_id, case.run.run_id, seen.tasks),
        curves=curve_plots(case.curves.value or ()),
        race=race_plot(case.race.value),
        traffic=traffic_plots(case.serving.value),
        looks=look_links(f"{dag_id}{OPERATIONS_SUFFIX}", seen.looks),
        live_path=f"/genai/workflow/{quote(dag_id, safe='')}/live.json" if seen.follow else "",
        training=bool(seen.live),
    )


@router.get("/workflow/{dag_id}/live.json")
def live(dag_id: str, user: GetUserDep, session: SessionDep) -> JSONResponse:
    """The loss curves as they are now; `live` is false once no training of the run is to come any more."""
    seen = _seen(session, user, dag_id, datetime.now(UTC))
    try:
        place = reader()
        curves = read_curves(place, read_records(place, dag_id, TRAININGS), seen.live)
    except GenaiError as error:
        logging.getLogger(__name__).warning("curves of %s: %s", dag_id, error)
        return JSONResponse({"detail": str(error)}, status_code=503, headers=HEADERS)
    plots = [{"words": one.words, "plot": one.plot.as_json()} for one in curve_plots(curves)]
    return JSONResponse({"live": seen.follow, "curves": plots}, headers=HEADERS)


def _seen(session: SessionDep, user: GetUserDep, use_case: str, now: datetime) -> _Seen:
    looked = looked_at(user, [use_case])
    asked = asked_of(session, [use_case], looked)[0]
    looks = looks_of(session, use_case) if looked else {}
    if asked.run is None:
        return _Seen(asked, looks)
    tasks = tasks_of(session, use_case, asked.run.run_id, now)
    trainings = live_trainings(session, use_case, asked.run.run_id, tasks)
    return _Seen(asked, looks, tasks, trainings, asked.run.live and trainings_to_come(tasks))
