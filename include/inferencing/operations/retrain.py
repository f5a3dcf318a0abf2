"""Ask whether the use case is to be trained again, and tell people what was decided."""

import json

from include.artifacts.document import Document
from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.inferencing.learning.retraining import Decision, decide_retraining
from include.inferencing.operations.served import Served


def decide(served: Served, drift: ArtifactRef) -> tuple[Decision, Outcome]:
    """The decision at the look's moment, and its report.

    Drift asks once for each champion: one that is trained again and not replaced would ask for ever.
    """
    drifted = json.loads(served.store.read(drift, "drift.json"))["drifted"]
    asked = Document(served.bucket, f"serving/{served.use_case}/drift_asked.json")
    value, version = asked.read()
    champion = {"champion": served.champion.model_name, "moved_at": served.champion.moved_at}
    again = value == champion
    config = served.config.learning.retraining
    decision = decide_retraining(served.store, served.use_case, config, [] if again else drifted, served.at)
    if decision.wanted and drifted and not again:
        # where another was first, it has written the same
        asked.swap(dict(champion), version)
    told = f"{decision.reason}{'; drift has asked for this champion before' if again and drifted else ''}"
    arguments = {"wanted": decision.wanted, "reason": told, "run_id": decision.run_id, "drifted": drifted}
    arguments["day"] = served.day
    return decision, retrain.run(served.store, arguments)


@step("report")
def retrain(work: Workspace, wanted: bool, reason: str, run_id: str, drifted: list[str], day: str) -> None:
    """What was decided, as retrain.json and a page. metrics: wanted, and the run that is started."""
    work.metrics |= {"wanted": wanted, "run": run_id, "reason": reason}
    (work.output / "retrain.json").write_text(json.dumps(work.metrics, indent=1), encoding="utf-8")
    page = Report(f"Retraining, {day}").text(reason, "Started" if wanted else "Not started")
    page.table(["what has drifted"], [(one,) for one in drifted] or [("nothing",)])
    if run_id:
        page.text(f"The run of the workflow is {run_id}.")
    page.write(work.output)
