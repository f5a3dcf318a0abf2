"""`genai approvals`: who approved or rejected which charter or model of a use case, when and why."""

import argparse
import json
from collections.abc import Collection

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.cli.store import open_store
from include.core.errors import ConfigurationError
from include.strategy.approvals import Decision, all_decisions

OK = 0
WORDS = "the people's decisions on a use case's charters and models: who, when, approved or rejected, and why"
HEADERS = ("digest", "decision", "who", "when (UTC)", "comment", "run")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai approvals`."""
    sub = commands.add_parser("approvals", help=WORDS, description=WORDS)
    sub.add_argument("use_case", metavar="USE_CASE")
    sub.add_argument("--json", action="store_true", help="as JSON")
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """Print the decisions in the order of time."""
    found = all_decisions(open_store().bucket, parsed.use_case)
    if parsed.json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=1, ensure_ascii=False))
        return OK
    if not found:
        raise ConfigurationError("use case", parsed.use_case, "no decision is recorded", "See strategy.approval in it")
    table = Table(*HEADERS, box=None, pad_edge=False)
    for row in rows(found):
        table.add_row(*map(escape, row))
    Console().print(table)
    return OK


def rows(decisions: Collection[Decision]) -> list[tuple[str, ...]]:
    """A row a decision."""
    return [
        (one.charter.digest[:12], one.choice, one.name, one.at[:19].replace("T", " "), one.comment, one.run_id)
        for one in decisions
    ]


def approval_section(asked: ArtifactRef, decisions: Collection[Decision]) -> Report:
    """What the page of a charter, or of a gate, shows of the decisions on it."""
    section = Report("Approval")
    section.text(f"The digest of this is {asked.digest}; a decision counts for it alone.", heading="Approval")
    if not decisions:
        return section.text("No decision is recorded.")
    return section.table(HEADERS, rows(decisions))
