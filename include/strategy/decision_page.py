"""The charter's page on what was decided."""

from include.artifacts.report import Report
from include.strategy.decision import Choice, Decision


def decision_table(page: Report, decision: Decision) -> None:
    """Each choice with its reason, and where the workflow's configuration deviates."""
    rows = [_row(one) for one in (decision.route, decision.hosting, *decision.techniques)]
    page.table(["Question", "Decision", "Because", "Recommended instead"], rows, heading="Decision")
    for line in decision.deviations:
        page.text(f"Warning: {line}.")
    facts = [[name.replace("_", " "), _told(value)] for name, value in decision.facts.items()]
    page.table(["Fact", "Value"], facts, heading="What the decision rests on")


def _row(one: Choice) -> list[object]:
    name = one.name if isinstance(one.chosen, str) else f"technique {one.name.replace('_', ' ')}"
    same = one.chosen == one.recommended
    instead = "" if same else f"{_words(one.recommended)}: {one.recommended_because}"
    return [name, _words(one.chosen), one.reason, instead]


def _words(choice: str | bool) -> str:
    return choice if isinstance(choice, str) else "worth racing" if choice else "not worth it"


def _told(value: object) -> object:
    if value is None:
        return "not declared"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
