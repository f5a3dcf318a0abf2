"""The charter's limits, held against what is known of a model."""

from collections.abc import Iterator
from typing import Any

from include.training.model_files import Facts

# rows of candidates, as training.screen writes them
SCREENING = "screening.json"


def reasons(known: Facts, declared: dict[str, Any]) -> Iterator[str]:
    """Why a model is not within the limits of charter.json; nothing where it is, or where it cannot be known."""
    limits, demand, sizing = (declared.get(name, {}) for name in ("limits", "demand", "sizing"))
    if known.refused:
        yield known.refused
    licences, largest = limits.get("licences"), limits.get("max_parameters")
    if licences and known.license not in licences:
        yield f"licence {known.license} is not among {', '.join(licences)}"
    needed = int(demand.get("prompt_tokens", 0)) + int(demand.get("answer_tokens", 0))
    if known.context is not None and known.context < needed:
        yield f"context of {known.context:,} tokens, and question and answer take {needed:,}"
    if known.parameters is None:
        return
    if largest is not None and known.parameters > largest:
        yield f"{known.parameters:,} parameters, over the limit of {largest:,}"
    planned = declared.get("model", {})
    weights = known.parameters * float(planned.get("weight_bytes", 0)) / 1e9
    if weights > sizing.get("replica_memory_gb", weights):
        yield f"{weights:.2f} GB of weights, and a replica has {sizing['replica_memory_gb']:.2f} GB for them"
    cost = sizing.get("training_cost", 0) * known.parameters / planned.get("parameters", known.parameters)
    if cost > limits.get("budget", cost):
        yield f"training it once would cost {cost:,.2f}, over the budget of {limits['budget']:,.2f}"
