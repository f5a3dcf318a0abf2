"""Figures of the data card, counted from the finished tables and the metrics of the steps before."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median, quantiles
from typing import Any, Literal

from include.data_preparation.card.data_card import (
    Boilerplate,
    Counts,
    Duplicates,
    Labelling,
    Lengths,
    PersonalData,
    Sample,
    SourceFigure,
    SplitFigure,
    Stage,
)
from include.data_preparation.documents import Dropped, rank

Rows = Sequence[Mapping[str, Any]]
Metrics = Mapping[str, Any]
BOUNDS: dict[Literal["words", "characters"], tuple[int, ...]] = {
    "words": (10, 20, 40, 80, 160, 320, 640, 1280, 2560),
    "characters": (50, 100, 200, 400, 800, 1600, 3200, 6400, 12800),
}
SAMPLES, SAMPLE_CHARACTERS = 4, 600


def text_of(row: Mapping[str, Any]) -> str:
    """What a row of any split says: a corpus text, or a question and its answer."""
    return str(row["text"]) if "text" in row else f"{row['question']}\n{row['answer']}"


def total(shards: Iterable[Metrics], name: str) -> Counts:
    """Counts of the same name in the metrics of all shards, summed; the largest first."""
    found: Counter[str] = Counter()
    for metrics in shards:
        found.update(metrics.get(name, {}))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def labelling(labelled: Metrics) -> Labelling:
    """From the metrics of the label step."""
    review = labelled["review"]
    found = review["agreement"]
    return Labelling(
        **{name: labelled[name] for name in ("mean_confidence", "unlabelled", "functions", "examined", "suspected")},
        noise=labelled["noise_by_label"],
        annotations=review["annotations"],
        reviewed=review["documents"],
        changed=review["changed"],
        queued=sum(labelled["candidates"].values()),
        measure=found["measure"],
        agreement=found["value"],
        agreement_by_label=found["by_label"],
        warning=review["warning"],
    )


def funnel(measured: Mapping[str, Sequence[Metrics]], splits: Mapping[str, Rows]) -> list[Stage]:
    """From what was read to what is ready; `measured` are the metrics of each step's artifacts."""
    aggregated = measured["aggregated"][0]
    before = int(aggregated["documents"])
    quarantined = sum(one.quarantined for one in sources(aggregated))
    repeated = sum(int(one.get("repeated", 0)) for one in aggregated.get("collections", {}).values())
    note = f"lost: {quarantined} quarantined, each with its reason, and {repeated} that repeat another entry"
    stages = [
        Stage(name="read", records=before + quarantined + repeated, lost=None, note="entries of all sources"),
        Stage(name="aggregated", records=before, lost=quarantined + repeated, note=note),
    ]
    scanned = sum(int(shard.get("scanned", 0)) for shard in measured["anonymized"])
    for name, note in (
        ("cleaned", "lost: no use, each with its reason"),
        ("deduplicated", "lost: same as another"),
        ("labelled", "each has a label, `other` included"),
        ("anonymized", f"{scanned} of sensitive sources were searched for personal data"),
    ):
        if name in measured:
            count = sum(int(shard["documents"]) for shard in measured[name])
            stages.append(Stage(name=name, records=count, lost=before - count, note=note))
            before = count
    notes = {
        "corpus": "texts to pretrain on; lost: held out, or they hold a held-out answer",
        "train": "questions to train on, made of the corpus",
        "heldout": "questions that no training sees",
    }
    for name, note in notes.items():
        lost = before - len(splits[name]) if name == "corpus" else None
        stages.append(Stage(name=name, records=len(splits[name]), lost=lost, note=note))
    return stages


def sources(aggregated: Metrics) -> list[SourceFigure]:
    """Provenance of every source that was read."""
    return [SourceFigure.model_validate(one) for one in aggregated.get("provenance", [])]


def split_figure(rows: Rows) -> SplitFigure:
    """What is in a split."""
    return SplitFigure(
        records=len(rows),
        generated=sum(bool(row["generated"]) for row in rows),
        lengths=(lengths(rows, "words"), lengths(rows, "characters")),
        labels=_count(rows, "label"),
        sources=_count(rows, "source"),
        licences=_count(rows, "license"),
    )


def lengths(rows: Rows, unit: Literal["words", "characters"]) -> Lengths:
    """Histogram and middle of the lengths; zeros where there are no rows."""
    bounds = BOUNDS[unit]
    sizes = [len(text_of(row).split()) if unit == "words" else len(text_of(row)) for row in rows]
    counts = [0] * (len(bounds) + 1)
    for size in sizes:
        counts[sum(size > bound for bound in bounds)] += 1
    return Lengths(
        unit=unit,
        bounds=bounds,
        counts=tuple(counts),
        mean=round(fmean(sizes), 1) if sizes else 0.0,
        median=float(median(sizes)) if sizes else 0.0,
        p95=round(quantiles(sizes, n=20)[-1], 1) if len(sizes) > 1 else float(sum(sizes)),
        longest=max(sizes, default=0),
    )


def bins(found: Lengths) -> list[str]:
    """Names of the histogram's bins."""
    return [*(f"≤ {bound}" for bound in found.bounds), f"> {found.bounds[-1]}"]


def by_source_and_reason(dropped: Iterable[Dropped]) -> dict[str, dict[str, Counts]]:
    """Stage -> source -> reason -> documents; ids and figures within reasons are left out."""
    counts = Counter((row.stage, row.source, _kind(row.reason)) for row in dropped)
    found: dict[str, dict[str, Counts]] = {}
    for (stage, source, reason), count in sorted(counts.items()):
        found.setdefault(stage, {}).setdefault(source, {})[reason] = count
    return found


def boilerplate(cleaned: Sequence[Metrics]) -> Boilerplate:
    """What cleaning cut out of texts that it kept."""
    kinds = total(cleaned, "boilerplate")
    characters = sum(int(shard.get("boilerplate_characters", 0)) for shard in cleaned)
    return Boilerplate(lines=sum(kinds.values()), characters=characters, by_kind=kinds)


def duplicates(deduplicated: Metrics) -> Duplicates:
    """Documents that were left out as equal or alike."""
    return Duplicates(
        exact=deduplicated["exact"], near=deduplicated["near"], earlier=int(deduplicated.get("earlier", 0))
    )


def personal_data(anonymized: Sequence[Metrics]) -> PersonalData:
    """What was replaced, and recall and precision on planted values."""
    replaced, planted, hidden, found, right = (
        total(anonymized, name) for name in ("by_entity", "planted", "covered", "found", "right")
    )
    return PersonalData(
        replaced=replaced,
        planted=planted,
        hidden=hidden,
        found=found,
        right=right,
        recall=_share(hidden, planted),
        precision=_share(right, found),
    )


def samples(splits: Mapping[str, Rows], without: set[str]) -> list[Sample]:
    """A few rows of each split, the same for the same dataset; none of the documents in `without`."""
    found = []
    for name, rows in splits.items():
        chosen = sorted((row for row in rows if row["id"] not in without), key=lambda row: rank(0, str(row["id"])))
        for row in chosen[:SAMPLES]:
            text = text_of(row)
            text = text if len(text) <= SAMPLE_CHARACTERS else f"{text[:SAMPLE_CHARACTERS]} …"
            found.append(Sample(split=name, id=str(row["id"]), source=str(row["source"]), text=text))
    return found


def _count(rows: Rows, column: str) -> Counts:
    return dict(Counter(str(row[column]) for row in rows if column in row).most_common())


def _share(part: Counts, whole: Counts) -> float | None:
    return round(sum(part.values()) / sum(whole.values()), 4) if whole else None


def _kind(reason: str) -> str:
    for name in ("same text as", "near duplicate of"):
        if reason.startswith(name):
            return name.removesuffix(" of").removesuffix(" as")
    return reason.partition(":")[0]


def synthetic(metrics: Metrics) -> dict[str, Any]:
    """The synthetic tables; nothing where there are none."""
    if not metrics["tables"]:
        return {}
    figures = {f"rows of {name}": rows for name, rows in metrics["by_table"].items()}
    figures |= {name: metrics[name] for name in ("quality", "rejected_share", "copied_rows")}
    figures["rows that break a rule"] = sum(metrics["broken"].values())
    for name, found in metrics["privacy"].items():
        figures[f"{name}: closest to a record seen (0.5 is best)"] = found["closer"]
        figures[f"{name}: AUC of membership inference (0.5 is best)"] = found["attack"]
        figures[f"{name}: near copies of a record seen, beyond chance"] = found["near"]
        for what, distances in found["distances"].items():
            figures[f"{name}: median distance to the closest record, {what}"] = distances["median"]
    return figures
