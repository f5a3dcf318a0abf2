"""What the charter predicted beside what a deployment's question measured."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore

if TYPE_CHECKING:
    from include.artifacts.outcome import Outcome

MEASURED, PREDICTED = "tokens_per_second", "predicted_tokens_per_second"


def beside_prediction(store: ArtifactStore, charter: ArtifactRef, outcome: "Outcome") -> "Outcome":
    """The outcome with the tokens a second that were predicted of one answer, where it has those that were measured."""
    if MEASURED not in outcome.metrics:
        return outcome
    sizing = json.loads(store.read(charter, "charter.json"))["sizing"]
    predicted = round(float(sizing["one_stream_tokens_per_second"]), 1)
    return replace(outcome, metrics=outcome.metrics | {PREDICTED: predicted})
