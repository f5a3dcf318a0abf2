"""The lineage of what serves, of a run or of an artifact, as a graph to click through and as a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import quote, urlencode

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, RedirectResponse

from genai_airflow.report_link import VIEW_PREFIX, below_base
from genai_airflow.store_connection import open_store
from genai_airflow.use_case_catalog import use_case_of
from genai_airflow.views.drawn_lineage import run_url, told
from genai_airflow.views.overview_view import may_read
from genai_airflow.views.pages import Crumb, render
from genai_airflow.views.problems import problem_page
from include.core.errors import GenaiError

if TYPE_CHECKING:
    from include.artifacts.history import RunRecord
    from include.artifacts.store import ArtifactStore
    from include.cli.lineage.view import View

RETRIES, RUNS_SHOWN = 1, 8
FIRST = "strategy.charter"

router = APIRouter(dependencies=[Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))])


class Asked(NamedTuple):
    """What a lineage is of: a run, an artifact (and what was made of it), or what serves."""

    use_case: str
    run: str = ""
    artifact: str = ""
    forward: bool = False

    def url(self, at: str = "") -> str:
        """The page's path below the web UI's address, with an item chosen."""
        asked = {"run": self.run, "artifact": self.artifact, "forward": "true" if self.forward else "", "at": at}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{VIEW_PREFIX}/lineage/{quote(self.use_case, safe='')}" + (f"?{query}" if query else "")


@router.get("/lineage/{dag_id}", response_model=None)
def lineage_page(
    dag_id: str,
    user: GetUserDep,
    run: str = "",
    artifact: Annotated[str, Query(pattern=r"^$|^[\w.]+/[0-9a-f]{64}$")] = "",
    forward: bool = False,
    at: str = "",
) -> HTMLResponse | RedirectResponse:
    """What a run made and reused; without a run what serves is made of, or an artifact.

    The DAG of a use case's operations leads to the use case's lineage, which has readers of its own.
    """
    if (use_case := use_case_of(dag_id)) != dag_id:
        return RedirectResponse(below_base(Asked(use_case, "", artifact, forward).url(at)))
    asked = Asked(dag_id, run, artifact, forward)
    crumbs = (Crumb("Use cases", f"{VIEW_PREFIX}/workflow"), Crumb(asked.use_case), Crumb("Lineage"))
    try:
        store = open_store(retries=RETRIES)
        view = _view(store, asked, user)
        runs = _runs(store, asked)
    except GenaiError as error:
        return problem_page("Lineage", error, crumbs)
    shown = told(view, asked, at) if view else None
    return render("lineage.html", _title(asked), crumbs, asked=asked, runs=runs, shown=shown, run_url=run_url)


def _title(asked: Asked) -> str:
    if asked.artifact:
        step = asked.artifact.partition("/")[0]
        return f"What was made of {step}" if asked.forward else f"What {step} was made of"
    return f"Lineage of run {asked.run}" if asked.run else f"Lineage of what serves {asked.use_case}"


def _view(store: "ArtifactStore", asked: Asked, user: GetUserDep) -> "View | None":
    """The lineage that is asked for; None where there is none yet, or none that the user may see."""
    from include.cli.lineage import of_run

    if asked.artifact:
        return _of_artifact(store, asked, user)
    from include.artifacts.history import History
    from include.inferencing.deployments import CHAMPION, deployments

    served = deployments(store, asked.use_case)[0]
    if asked.run:
        records = History(store.bucket).of_run(asked.use_case, asked.run)
        return of_run.of_run(store, records, served) if records else None
    champion = next((one for one in served if one.state == CHAMPION), None)
    if champion is None:
        return None
    made = [record for record in champion.runs if not record.reused] or list(champion.runs)
    run = made[-1].place.run_id if made else ""
    return of_run.of_deployment(store, champion, History(store.bucket).of_run(asked.use_case, run))


def _of_artifact(store: "ArtifactStore", asked: Asked, user: GetUserDep) -> "View | None":
    """An artifact of a use case whose runs the user may see; of what was made of it, what is of such use cases.

    What serves is told of the use cases that made its packages.
    """
    from include.artifacts.lineage import Graph
    from include.cli.lineage import of_run
    from include.cli.lineage.answers import ahead
    from include.inferencing.deployments import deployments

    step, _, fingerprint = asked.artifact.partition("/")
    if not asked.forward:
        view = of_run.behind(store, step, fingerprint)
    else:
        graph = Graph.read(store)
        start = graph.nodes.get(asked.artifact)
        packages = graph.descendants([start]).of_kind("package") if start else []
        runs = [node.manifest.run for node in packages if node.manifest and node.manifest.run]
        makers = {asked.use_case} | {run.use_case for run in runs if may_read(user, run.use_case)}
        served = [one for name in sorted(makers) for one in deployments(store, name)[0]] if packages else []
        view = ahead(store, graph, start, served) if start else None
    return _readable(view, user) if view else None


def _readable(view: "View", user: GetUserDep) -> "View | None":
    """The view without what runs of other use cases made; None where that is what was asked for."""
    of = {id: item.facts.get("run", item.facts).get("use_case", "") for id, item in view.items.items()}
    named = {name for name in of.values() if name}
    readable = {name for name in named if may_read(user, name)} | {""}
    if of[view.root] not in readable:
        return None
    hidden = {id for id, use_case in of.items() if use_case not in readable}
    if hidden:
        view.items = {id: item for id, item in view.items.items() if id not in hidden}
        view.links = [link for link in view.links if not hidden & {link.source, link.target}]
        view.notes.append(f"{len(hidden)} artifacts are of use cases that you may not see.")
    return view


def _runs(store: "ArtifactStore", asked: Asked) -> Sequence["RunRecord"]:
    """The first records of the newest runs."""
    from include.artifacts.history import History

    return History(store.bucket).latest(asked.use_case, FIRST, RUNS_SHOWN)
