"""What the workflow leaves in the store, at the places where it does."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step, Workspace
from include.artifacts.store import ArtifactStore
from include.distributed.meter import CURVES, DOCUMENT
from include.distributed.results import send_results
from include.inferencing import champion
from include.inferencing.champion import Serving
from tests.gates import gate_of


def made(store: ArtifactStore, kind: Any, name: str, function: Any, **arguments: Any) -> ArtifactRef:
    """An artifact as the step of that name would leave it."""
    step: Step[...] = Step(function, kind)
    step.name = name
    return step.run(store, arguments).ref


def gated(store: ArtifactStore, use_case: str, name: str) -> Serving:
    """A package with a card that a gate let pass, all where the workflow has them."""
    base, tuned = (made(store, "model", f"tests.{kind}", _written, text=name) for kind in ("base", "tuned"))
    package = made(store, "package", "inferencing.package", _packaged, model=base, adapter=tuned)
    dataset = made(store, "dataset", "data_preparation.check", held_out)
    card = made(store, "report", "customization.model_card", _described, text=name)
    gate = gate_of(store, package, dataset=dataset)
    return Serving(model_name=champion.model_name(use_case, package), package=package, gate=gate, card=card)


def trained(work: Workspace, source: ArtifactRef) -> None:
    work.fetch(source)
    for document in (DOCUMENT, CURVES):
        work.store.bucket.put_bytes(document.format(step=work.step, fingerprint=work.fingerprint), b"{}")
    (work.output / "text.txt").write_text("trained")
    send_results(work.store, work.step, work.fingerprint, "ab" * 32, work.output)


def _written(work: Workspace, text: str) -> None:
    (work.output / "text.txt").write_text(text)


def _described(work: Workspace, text: str) -> None:
    (work.output / "model_card.md").write_text(text)


def _packaged(work: Workspace, model: ArtifactRef, adapter: ArtifactRef) -> None:
    (work.output / "config.pbtxt").write_text(str(adapter))
    (work.output / "package_info.json").write_text("{}")


def held_out(work: Workspace) -> None:
    table = pa.table({"id": ["1"], "question": ["Why?"], "answer": ["So."]})
    pq.write_table(table, work.output / "heldout.parquet")
