"""Tell what has changed since the dataset of the earlier run."""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.card.card_figures import bins
from include.data_preparation.card.data_card import DataCard, read_card
from include.data_preparation.card.dataset_changes import (
    SPLITS,
    RecordChange,
    Shift,
    gates_moved,
    record_changes,
    shifts,
    sources_moved,
)

CHANGES_FILE = "changes.json"
# above it, shares differ so much that figures of the two are no longer compared lightly
LARGE = 0.1
_NOTHING = "there is no earlier dataset that differs from this one"
_MEANING = (
    "The divergence (Jensen-Shannon, base 2) says how far shares have moved: 0 is the same, 1 nothing in common. Below "
    f"0.01 hardly anything has moved; above {LARGE} it is another kind of dataset."
)


@step("report")
def compare_datasets(work: Workspace, dataset: ArtifactRef, previous: ArtifactRef | None) -> None:
    """changes.json and a report: records added, removed and changed by source, shares that moved, gates.

    `previous` is the dataset of the newest run of an earlier moment that was compared. It is no gate: it always passes.
    """
    after = work.fetch(dataset)
    report = Report("Dataset, compared with the earlier run")
    changes: list[RecordChange] = []
    moved: list[Shift] = []
    text = _NOTHING
    if previous is not None:
        before = work.fetch(previous)
        changes = record_changes(before, after)
        old, new = _card(before), read_card(after)
        moved = shifts(old, new) if old else []
        text = _summary(changes, moved)
        report.text(f"{text[0].upper()}{text[1:]}.")
        _show(report, changes, moved, old, new)
    else:
        report.text(f"{text[0].upper()}{text[1:]}.")
    counts = {name: sum(getattr(one, name) for one in changes) for name in ("added", "removed", "changed")}
    work.metrics.update(counts, compared=previous is not None, passed=True, verdict=text)
    work.metrics["divergence"] = {one.what: one.divergence for one in moved}
    content = {"records": [one._asdict() for one in changes], "shares": [one._asdict() for one in moved]}
    (work.output / CHANGES_FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    report.write(work.output)


def _card(folder: Path) -> DataCard | None:
    """The earlier dataset's figures; None where its card is of another version."""
    try:
        return read_card(folder)
    except ValidationError:
        return None


def _summary(changes: Sequence[RecordChange], moved: Sequence[Shift]) -> str:
    parts = []
    for split in SPLITS:
        mine = [one for one in changes if one.split == split]
        added, removed, changed = (sum(getattr(one, n) for one in mine) for n in ("added", "removed", "changed"))
        parts.append(f"{split}: {added} added, {removed} removed, {changed} changed")
    large = [f"{one.what} ({one.divergence:.2f})" for one in moved if one.divergence > LARGE]
    return "; ".join(parts) + (f"; moved far: {', '.join(large)}" if large else "")


def _show(
    report: Report, changes: Sequence[RecordChange], moved: Sequence[Shift], old: DataCard | None, new: DataCard
) -> None:
    report.table(["split", "source", "added", "removed", "changed", "same"], changes, "Records by source")
    if old is None:
        report.text("The earlier dataset's card is of another version: its figures are not compared.")
        return
    report.table(["source", "records before", "now", "it is"], sources_moved(old, new), "Sources as they were read")
    rows = [(one.what, one.divergence, ", ".join(one.new), ", ".join(one.gone)) for one in moved]
    report.table(["shares of", "divergence", "new", "gone"], rows, "Shares").text(_MEANING)
    report.table(["gate", "before", "now", "passed"], gates_moved(old, new), "Gates")
    for split in SPLITS:
        pair = {name: card.splits[split].lengths[0] for name, card in (("before", old), ("now", new))}
        share = {name: [100 * n / max(1, sum(one.counts)) for n in one.counts] for name, one in pair.items()}
        report.columns(bins(pair["now"]), share, f"Length of {split}", "words a record; percent of the split")
    labels = {"before": old.splits["train"].labels, "now": new.splits["train"].labels}
    names = sorted({*labels["before"], *labels["now"]})
    rows_of_labels = [(name, *(count.get(name, 0) for count in labels.values())) for name in names]
    report.table(["label", *labels], rows_of_labels, "Questions to train on, by label")
    kinds = {"before": old.personal_data.replaced, "now": new.personal_data.replaced}
    names = sorted({*kinds["before"], *kinds["now"]})
    report.table(
        ["kind", *kinds], [(n, *(count.get(n, 0) for count in kinds.values())) for n in names], "Personal data"
    )
