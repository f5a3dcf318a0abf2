"""Screen the candidates before any is downloaded or loaded: licence, size, context, memory and cost by the charter."""

import json
from typing import Any

from pydantic import TypeAdapter

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.training.candidate_sources import facts, observed
from include.training.config import Candidate
from include.training.limits import SCREENING, reasons

_CANDIDATES: TypeAdapter[dict[str, Candidate]] = TypeAdapter(dict[str, Candidate])


def _observe(store: ArtifactStore, candidates: dict[str, Any], charter: ArtifactRef) -> dict[str, Any]:
    return {name: observed(store, one) for name, one in _CANDIDATES.validate_python(candidates).items()}


@step("report", observes=_observe)
def screen(work: Workspace, candidates: dict[str, Any], charter: ArtifactRef) -> None:
    """screening.json: a row a candidate with what is known of it and, where it is out, the reason.

    metrics: how many candidates there are, `candidates`, the names of those that go on, and passed, False where none
    does. What cannot be known before (of a package, say) is None and screens nothing out: selection holds what was
    measured against the same limits. SourceError and ModelError where a candidate cannot be had or read.
    """
    declared = json.loads(work.store.read(charter, "charter.json"))
    rows = []
    for name, candidate in _CANDIDATES.validate_python(candidates).items():
        known = facts(work.store, candidate, work.folder)
        reason = next(reasons(known, declared), "")
        rows.append({"candidate": name, "source": candidate.source, **known._asdict(), "reason": reason})
        work.log.info("%s: %s", name, reason or "goes on")
    admitted = [row["candidate"] for row in rows if not row["reason"]]
    work.metrics |= {"screened": len(rows), "admitted": len(admitted), "candidates": admitted}
    work.metrics["passed"] = bool(admitted)
    work.metrics["verdict"] = (
        f"{len(admitted)} of {len(rows)} candidates go on"
        if admitted
        else "no candidate is within the limits: " + "; ".join(f"{row['name']}: {row['reason']}" for row in rows)
    )
    (work.output / SCREENING).write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    _describe(work, rows)


def _describe(work: Workspace, rows: list[dict[str, Any]]) -> None:
    table = [
        (
            row["reason"] or "goes on",
            row["name"],
            row["source"],
            row["license"],
            *("not known yet" if row[name] is None else f"{row[name]:,}" for name in ("parameters", "context")),
        )
        for row in rows
    ]
    (
        Report("Candidates")
        .verdict(work.metrics["passed"], work.metrics["verdict"])
        .table(["verdict", "model", "source", "licence", "parameters", "context"], table)
        .text(
            "Cost is that of the charter's one training run, in proportion to the parameters; memory is that of the "
            "weights as the charter means to serve them."
        )
        .write(work.output)
    )
