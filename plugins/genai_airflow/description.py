"""What a use case's DAG page says about it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.use_cases import UseCase

SIGNS = {"at_most": "≤", "at_least": "≥"}


def describe(use_case: "UseCase") -> str:
    """Markdown: goal, owner, indicators with their targets, and how to change a run."""
    strategy = use_case.strategy
    rows = [
        f"| {indicator.name} | {SIGNS[indicator.direction]} {indicator.target:g} "
        f"| {'yes' if indicator.required else 'no'} | {indicator.description} |"
        for indicator in strategy.indicators
    ]
    return "\n".join(
        [
            f"### {use_case.title}",
            "",
            strategy.goal,
            "",
            f"Owner: {strategy.owner}",
            "",
            "| Indicator | Target | Required | Meaning |",
            "|---|---|---|---|",
            *rows,
            "",
            f"All of it is edited in `include/use_cases/{use_case.name}.yaml`. *Trigger* changes one run: its form",
            "has the main knobs, and any other field by its dotted path. Each task's *Report* tab shows what it did;",
            "a step whose code, configuration and inputs are unchanged is reused, and its log says so.",
        ]
    )
