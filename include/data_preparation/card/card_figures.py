"""Figures of the data card, counted from the finished tables and the metrics of the steps before."""

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
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
from include.data_preparation.row_files import Rows
from include.data_preparation.sources.provenance import by_licence

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
        "corpus": "texts to pretrain on; lost: held out, or they hold what is, or too many are generated",
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
    generated, words, characters = 0, Counter[int](), Counter[int]()
    shares: dict[str, Counter[str]] = {"label": Counter(), "source": Counter(), "license": Counter()}
    for row in rows:
        text = text_of(row)
        words[len(text.split())] += 1
        characters[len(text)] += 1
        generated += bool(row["generated"])
        for column, count in shares.items():
            if column in row:
                count[str(row[column])] += 1
    return SplitFigure(
        records=len(rows),
        generated=generated,
        lengths=(lengths(words, "words"), lengths(characters, "characters")),
        labels=dict(shares["label"].most_common()),
        sources=dict(shares["source"].most_common()),
        licences=by_licence(shares["license"]),
    )


def lengths(sizes: Counter[int], unit: Literal["words", "characters"]) -> Lengths:
    """Histogram and middle of the lengths of so many texts each; zeros where there are none."""
    bounds = BOUNDS[unit]
    counts = [0] * (len(bounds) + 1)
    for size, count in sizes.items():
        counts[sum(size > bound for bound in bounds)] += count
    texts = sizes.total()
    return Lengths(
        unit=unit,
        bounds=bounds,
        counts=tuple(counts),
        mean=round(sum(size * count for size, count in sizes.items()) / texts, 1) if sizes else 0.0,
        median=_between(sizes, 1, 2),
        p95=round(_between(sizes, 19, 20), 1),
        longest=max(sizes, default=0),
    )


def _between(sizes: Counter[int], part: int, parts: int) -> float:
    """The size that divides so many texts, as `statistics.quantiles` does; 0 without any."""
    texts, ordered = sizes.total(), sorted(sizes)
    ends = list(accumulate(sizes[size] for size in ordered))
    if texts < 2:
        return float(sum(ordered))
    place = min(max(part * (texts + 1) // parts, 1), texts - 1)
    beyond = part * (texts + 1) - place * parts
    below, above = (ordered[bisect_right(ends, rank)] for rank in (place - 1, place))
    return (below * (parts - beyond) + above * beyond) / parts


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
        safe = (row for row in rows if row["id"] not in without)
        for row in heapq.nsmallest(SAMPLES, safe, key=lambda row: rank(0, str(row["id"]))):
            text = text_of(row)
            text = text if len(text) <= SAMPLE_CHARACTERS else f"{text[:SAMPLE_CHARACTERS]} …"
            found.append(Sample(split=name, id=str(row["id"]), source=str(row["source"]), text=text))
    return found


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
