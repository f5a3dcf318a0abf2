"""What an evaluation says of each question: the numbers that techniques are compared by."""

import json
import math
from collections.abc import Sequence

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.evaluation.content import content
from include.evaluation.measures import MEASURES

UNITS = {"answer_bits_per_char": "bits a character", "answer_nll": "nats a token", "answer_chrf": "chrF2++, negative"}


def losses(store: ArtifactStore, evaluation: ArtifactRef, indicator: str) -> dict[str, float]:
    """Id -> the indicator's value for that question, so that lower is better.

    Questions without one, or with one that is no finite number, are left out: what lacks a question is not compared.
    """
    column, sign = indicator.removeprefix("answer_"), -1.0 if MEASURES[indicator].good == "at_least" else 1.0
    lines = store.read(evaluation, "answers.jsonl").decode().splitlines()
    rows = [json.loads(line) for line in lines]
    return {
        row["id"]: sign * float(row[column])
        for row in rows
        if row.get(column) is not None and math.isfinite(row[column])
    }


def evaluations_of(
    work: Workspace, adapters: Sequence[ArtifactRef], evaluations: Sequence[ArtifactRef]
) -> list[ArtifactRef | None]:
    """The evaluation of each adapter, by its bytes: whichever run has written it; None where there is none."""
    found = {content(work.manifest(ref).inputs.get("adapter")): ref for ref in evaluations}
    return [found.get(content(adapter)) for adapter in adapters]


def require_names(names: Sequence[str], adapters: Sequence[ArtifactRef]) -> None:
    """ConfigurationError where techniques and adapters do not belong together."""
    if len(names) != len(adapters) or not names:
        raise ConfigurationError(
            "names", list(names), f"there are {len(adapters)} adapters to name", "Name each technique once, in order"
        )
