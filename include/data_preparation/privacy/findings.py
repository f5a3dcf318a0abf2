"""Where personal data stands in the documents of a shard: places, and nothing of what stands there."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from include.data_preparation.documents import read_table, write_rows
from include.privacy.spans import Span

FINDINGS = "findings.parquet"


@dataclass(frozen=True)
class Finding:
    """Characters `start` to `end` of a document's `field` (title, text), and the kind of personal data there."""

    document: str
    field: str
    entity: str
    start: int
    end: int


def write_findings(folder: Path, findings: Iterable[Finding]) -> None:
    """The findings of a shard, in the order given."""
    write_rows(folder / FINDINGS, Finding, findings)


def read_spans(folder: Path) -> dict[tuple[str, str], list[Span]]:
    """Spans by document and field, in order."""
    spans: dict[tuple[str, str], list[Span]] = {}
    for row in read_table(folder / FINDINGS):
        place = row["document"], row["field"]
        spans.setdefault(place, []).append(Span(row["entity"], row["start"], row["end"]))
    return spans
