"""The model card's schema, and how it reads.

`ModelCard` is the schema of model_card.json; model_card.schema.json beside it is the same for programs in other
languages. A figure that is added keeps the version; one that is renamed, removed or counted otherwise raises it.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CARD, SCHEMA, TEXT = "model_card.json", "model_card.schema.json", "model_card.md"
LIMITS = (
    "It was measured on held-out questions of this use case, in fp32 before it was packaged: on other questions, in "
    "other languages and after compression it may do worse.",
    "It states what it has learned as if it were certain, and may be wrong.",
    "Canaries show whether what was planted can be drawn out of it, not that nothing else can be.",
)


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IntendedUse(_Figures):
    """What the charter says it is for."""

    goal: str
    problem_or_opportunity: str
    owner: str
    objectives: tuple[str, ...]


class Base(_Figures):
    """The model that it came from."""

    name: str
    license: str | None
    parameters: int | None
    origin: str | None
    digest: str


class Data(_Figures):
    """What it was trained on, as the data card of that dataset says."""

    digest: str
    notice: str
    verdict: str
    records: int | None
    licences: dict[str, int] = Field(description="SPDX name -> records.")
    sources: dict[str, int]


class Technique(_Figures):
    """How it was customized."""

    name: str
    technique: str
    form: str
    digest: str = Field(description="Of the adapter.")
    configuration: dict[str, Any]


class Cost(_Figures):
    """Money in the charter's currency; the race is the training of all techniques."""

    currency: str
    training: float
    race: float
    predicted: float
    shared: float = Field(description="Metered: own answers and the reward model, made once for all techniques.")
    serving_a_month_more: float


class Approval(_Figures):
    """What somebody said of the charter, or of the gate's report."""

    of: str
    choice: str
    name: str
    comment: str
    at: str


class ModelCard(_Figures):
    """All that is known of a model that the gate has let pass."""

    schema_version: Literal[1] = 1
    name: str
    intended_use: IntendedUse
    base: Base
    data: Data
    technique: Technique
    results: tuple[dict[str, Any], ...] = Field(description="Declared indicators: base, customized, 95% interval.")
    indicator: str = Field(description="What `differences` are differences of; below 0 is better.")
    differences: dict[str, dict[str, float]] = Field(
        description="To the base, the champion, the best: mean, low, high."
    )
    checks: tuple[dict[str, Any], ...]
    rivals: tuple[str, ...] = Field(description="Techniques that reached the gate too.")
    cost: Cost
    canaries: int = Field(description="Planted in what it was trained on; none was found in its answers.")
    licences: tuple[str, ...] = Field(description="Of the base and of all that was trained on: all of them bind.")
    licences_of: dict[str, tuple[str, ...]] = Field(
        description="Part -> its licences: the base, its texts, and what the technique read."
    )
    limits: tuple[str, ...] = LIMITS
    approvals: tuple[Approval, ...]


def write_card(folder: Path, card: ModelCard) -> None:
    """The card, its schema and its text."""
    for name, content in ((CARD, card.model_dump(mode="json")), (SCHEMA, ModelCard.model_json_schema())):
        text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    (folder / TEXT).write_text(markdown(card), encoding="utf-8")


def markdown(card: ModelCard) -> str:
    """The card for people."""
    use, base, data, made, cost = card.intended_use, card.base, card.data, card.technique, card.cost
    blocks = [
        f"# {card.name}",
        "## Intended use",
        f"{use.goal} {use.problem_or_opportunity}".strip(),
        _list([f"owner: {use.owner}", *use.objectives]),
        "## Made of",
        _list(
            [
                f"base: {base.name}, licence {base.license}, {base.parameters or 0:,} parameters, {base.digest[:12]}",
                f"dataset {data.digest[:12]}: {data.records} training records, from {', '.join(data.sources)}; "
                f"{data.verdict}",
                f"licences, all of which bind: {', '.join(card.licences)}",
                *(f"licences of the {part}: {', '.join(names)}" for part, names in card.licences_of.items()),
                f"technique: {made.technique} ({made.form}), adapter {made.digest[:12]}",
            ]
        ),
        data.notice,
        _table(["knob", "value"], [[name, value] for name, value in made.configuration.items()]),
        "## Results",
        _table(
            ["indicator", "target", "base", "customized", "95% low", "95% high", "met"],
            [
                [row["name"], f"{row['direction'].replace('_', ' ')} {row['target']:g}"]
                + [_number(row[name]) for name in ("base", "customized", "low", "high")]
                + ["yes" if row["met"] else "no"]
                for row in card.results
            ],
        ),
        _list(
            f"{card.indicator}, difference to the {name}: {one['mean']:+.4g}, 95% interval {one['low']:+.4g} .. "
            f"{one['high']:+.4g}, p {one['p']:.3g}"
            for name, one in card.differences.items()
        ),
        _table(
            ["check", "found", "asked", "holds"],
            [[one["name"], one["found"], one["asked"], "yes" if one["passed"] else "no"] for one in card.checks],
        ),
        "## Cost",
        f"{cost.training:.4g} {cost.currency} for its training (predicted {cost.predicted:.4g}), {cost.race:.4g} for "
        f"that of all techniques, {cost.shared:.4g} for what they learn from (own answers, "
        f"reward model), {cost.serving_a_month_more:.4g} more for a month of serving than the base.",
        "## Limits",
        _list([*card.limits, f"{card.canaries} canaries were planted in what it was trained on."]),
        "## Approvals",
        _list(
            f"{one.of}: {one.choice} by {one.name} on {one.at[:16]} UTC{f': {one.comment}' if one.comment else ''}"
            for one in card.approvals
        )
        or "None was required.",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _list(items: Any) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(names: list[str], rows: list[list[Any]]) -> str:
    cells = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in cells)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
