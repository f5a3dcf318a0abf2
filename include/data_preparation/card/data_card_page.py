"""The data card's page: a section a figure, in the order in which a reader asks."""

from include.artifacts.report import Report
from include.data_preparation.card.card_figures import bins
from include.data_preparation.card.data_card import Counts, DataCard


def card_page(card: DataCard) -> Report:
    """The page for people. All of it can be read from card.json too."""
    report = Report("Data card").verdict(card.passed, card.verdict).text(card.notice)
    for section in SECTIONS:
        section(report, card)
    return report


def gates(report: Report, card: DataCard) -> None:
    """Pass or fail, and against what."""
    if card.charter:
        report.table(["charter", "says"], list(card.charter.items()), "Held against the charter")
    rows = [(gate.name, gate.measured, gate.allowed, gate.passed) for gate in card.gates]
    report.table(["gate", "measured", "allowed", "passed"], rows, "Gates")


def funnel(report: Report, card: DataCard) -> None:
    """From raw to ready."""
    report.bars({stage.name: stage.records for stage in card.funnel}, "From raw to ready")
    rows = [(one.name, one.records, "" if one.lost is None else one.lost, one.note) for one in card.funnel]
    report.table(["stage", "records", "lost", ""], rows)


def sources(report: Report, card: DataCard) -> None:
    """Licence and provenance."""
    rows = [
        (
            one.name,
            one.location,
            ", ".join(one.licences),
            one.records,
            one.quarantined,
            one.newest[:10],
            one.digest[:12],
        )
        for one in card.sources
    ]
    headers = ["source", "read from", "licences", "records", "quarantined", "newest record", "digest"]
    report.table(headers, rows, "Sources: licence and provenance")


def dropped(report: Report, card: DataCard) -> None:
    """What was left out, why and of which source."""
    counts: Counts = {}
    for stage, by_source in card.dropped.items():
        for reasons in by_source.values():
            for reason, count in reasons.items():
                counts[f"{stage}: {reason}"] = counts.get(f"{stage}: {reason}", 0) + count
    counts = dict(sorted(counts.items(), key=lambda item: -item[1]))
    report.bars(counts, "Dropped, by reason")
    names = sorted({source for by_source in card.dropped.values() for source in by_source})
    rows = [(reason, *(_at(card, reason, source) for source in names)) for reason in counts]
    report.table(["reason", *names], rows, "Dropped, by reason and source")


def cleaned(report: Report, card: DataCard) -> None:
    """What was taken out of the texts that stayed."""
    cut, same = card.boilerplate, card.duplicates
    report.bars(cut.by_kind, f"Boilerplate removed: {cut.lines} lines, {cut.characters} characters")
    report.bars(card.secrets, f"Secrets removed: {sum(card.secrets.values())}")
    report.bars(
        {
            "same text, left out": same.exact,
            "nearly the same, left out": same.near,
            "gone, and new again": same.earlier,
        },
        "Duplicates, and texts of earlier datasets that come again under new ids",
    )


def contents(report: Report, card: DataCard) -> None:
    """Lengths, languages, labels and licences of what is ready."""
    for place, unit in enumerate(("words", "characters")):
        found = {name: one.lengths[place] for name, one in card.splits.items()}
        shares = {name: [100 * count / max(1, sum(one.counts)) for count in one.counts] for name, one in found.items()}
        report.columns(
            bins(next(iter(found.values()))), shares, f"Length in {unit}", f"{unit} a record; percent of the split"
        )
        rows = [(name, one.mean, one.median, one.p95, one.longest) for name, one in found.items()]
        report.table(["split", "mean", "median", "95% are below", "longest"], rows)
    report.bars(card.languages, "Language of the cleaned documents (unknown: code, or too short to tell)")
    report.bars(card.splits["train"].labels, "Questions to train on, by label")
    for title, name in (("Labels", "labels"), ("Sources", "sources"), ("Licences", "licences")):
        _counts_by_split(report, card, title, name)


def _counts_by_split(report: Report, card: DataCard, title: str, name: str) -> None:
    found: dict[str, Counts] = {split: getattr(one, name) for split, one in card.splits.items()}
    columns = {split: counts for split, counts in found.items() if counts}
    keys = sorted({key for column in columns.values() for key in column})
    keys.sort(key=lambda key: -sum(column.get(key, 0) for column in columns.values()))
    rows = [(key, *(column.get(key, 0) for column in columns.values())) for key in keys]
    report.table([title.lower().removesuffix("s"), *columns], rows, f"{title} by split")


def labelling(report: Report, card: DataCard) -> None:
    """How sure the labels are."""
    found = card.labelling
    if found.warning:
        report.text(f"Warning: {found.warning}.", "Labels: a warning")
    agreed = "not measured" if found.agreement is None else f"{found.measure} {found.agreement:.3f}"
    report.table(
        ["figure", "value"],
        [
            ("mean confidence", found.mean_confidence),
            ("documents without a label", found.unlabelled),
            (f"probable label errors, of {found.examined} examined", found.suspected),
            ("documents that people have labelled", found.reviewed),
            ("of these with a text that has changed since", found.changed),
            ("documents named for review", found.queued),
            ("agreement between annotators", agreed),
        ],
        "How sure the labels are",
    )
    rows = [(name, share, found.agreement_by_label.get(name, "")) for name, share in found.noise.items()]
    report.table(["label", "estimated share that is wrong", "agreement of people"], rows)


def personal_data(report: Report, card: DataCard) -> None:
    """What anonymization replaced."""
    found = card.personal_data
    columns = (found.replaced, found.planted, found.hidden, found.found, found.right)
    report.table(
        ["kind", "replaced", "planted", "planted and fully hidden", "found in tickets", "of these planted"],
        [(kind, *(column.get(kind, 0) for column in columns)) for kind in sorted({**found.replaced, **found.planted})],
        f"Personal data: recall {found.recall}, precision {found.precision} on planted values",
    )


def synthetic(report: Report, card: DataCard) -> None:
    """The synthetic tables."""
    report.table(["figure", "value"], list(card.synthetic.items()), "Synthetic tables")


def samples(report: Report, card: DataCard) -> None:
    """A few finished rows of each split."""
    if not card.samples:
        report.text("None are shown: a gate on personal data or secrets is not passed.", "Samples")
    for place, one in enumerate(card.samples):
        report.quote(f"{one.split}, {one.id}, from {one.source}", one.text, "" if place else "Samples")


SECTIONS = (gates, funnel, sources, dropped, cleaned, contents, labelling, personal_data, synthetic, samples)


def _at(card: DataCard, reason: str, source: str) -> int:
    stage, _, name = reason.partition(": ")
    return card.dropped[stage].get(source, {}).get(name, 0)
