"""Give every document a label of its taxonomy: labelling functions vote, a label model weighs the votes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.data_preparation.config import LabelConfig
from include.data_preparation.config.labelling import OTHER
from include.data_preparation.documents import Document, read_documents, read_planted, write_planted, write_rows
from include.data_preparation.labelling import annotations
from include.data_preparation.labelling.agreement import Agreement
from include.data_preparation.labelling.ballots import Ballot, collect
from include.data_preparation.labelling.label_errors import LabelErrors, Suspicion, search
from include.data_preparation.labelling.label_model import LabelModel
from include.data_preparation.labelling.labels import BUILT_IN, Taxonomies
from include.data_preparation.labelling.review_candidates import CANDIDATES, Candidate, Watch
from include.data_preparation.labelling.reviewed import Reviewed

ERRORS = "label_errors.parquet"
SHOWN = 50


def observed(store: ArtifactStore, use_case: str, as_of: str, **_: object) -> dict[str, Any]:
    """Which annotations of the use case were recorded before the moment `as_of`."""
    return {"annotations": annotations.state(store.bucket, use_case, as_of)}


@step("dataset", resources=(BUILT_IN,), observes=observed, through=("use_case", "as_of"))
def label(work: Workspace, source: ArtifactRef, use_case: str, as_of: str, config: LabelConfig) -> None:
    """The documents with label and label_confidence, `other` and 0 where no taxonomy is for their source.

    Tickets are compared with their known category.
    What people said before the moment `as_of` decides the label of those documents, and calibrates the model.
    label_errors.parquet names the documents whose label is probably wrong, candidates.parquet those that people
    should look at.
    """
    folder = work.fetch(source)
    planted = read_planted(folder)
    paths = sorted(folder.glob("documents-*.parquet"))
    taxonomies = Taxonomies(config)
    reviewed = Reviewed(annotations.read(work.store.bucket, use_case, as_of), taxonomies)
    ballots = collect(paths, taxonomies, reviewed.people)
    models = ballots.models(config.prior_votes)
    watch, tally = Watch(config, ballots.documents), _Tally(planted)
    for number, path in enumerate(paths):
        documents = zip(read_documents(path), ballots.of_shard(number), strict=True)
        shard = [_label(document, ballot, models, config) for document, ballot in documents]
        write_rows(work.output / path.name, Document, shard)
        for document in shard:
            taxonomy = taxonomies.of(document)
            tally.add(document, taxonomy is not None)
            if taxonomy:
                watch.see(document, taxonomy, len(reviewed.labelled.get(document.id, ())) >= config.annotators)
    write_planted(work.output, planted, tally.planted)
    errors = search(watch.samples, config)
    candidates = watch.candidates(errors)
    write_rows(work.output / ERRORS, Suspicion, errors.suspicions)
    write_rows(work.output / CANDIDATES, Candidate, candidates)
    work.metrics.update(
        **tally.metrics(),
        shards=len(paths),
        functions=ballots.figures(models),
        **_searched(errors, candidates),
        review=reviewed.metrics(config.min_agreement),
    )
    if warning := work.metrics["review"]["warning"]:
        work.log.warning(warning)
    _report_review(_report(work.metrics, tally.confused, errors), work.metrics["review"], reviewed).write(work.output)


class _Tally:
    """Counts over all shards."""

    def __init__(self, planted: Mapping[str, Any]) -> None:
        self._truth = {key: found["category"] for key, found in planted.items()}
        self.planted: list[Document] = []
        self._by_label: Counter[str] = Counter()
        self._asked, self._confidence = 0, 0.0
        self.confused: Counter[tuple[str, str]] = Counter()

    def add(self, document: Document, asked: bool) -> None:
        self._by_label[document.label] += 1
        self._asked += asked
        self._confidence += document.label_confidence
        if document.id in self._truth:
            self.planted.append(document)
            self.confused[self._truth[document.id], document.label] += 1

    def metrics(self) -> dict[str, Any]:
        documents, known = self._by_label.total(), self.confused.total()
        right = sum(count for (truth, given), count in self.confused.items() if truth == given)
        return {
            "labels": len(self._by_label),
            "unlabelled": self._by_label[OTHER],
            "ticket_accuracy": round(right / known, 4) if known else None,
            "documents": documents,
            "without_taxonomy": documents - self._asked,
            "mean_confidence": round(self._confidence / max(1, self._asked), 4),
            "by_label": dict(self._by_label.most_common()),
        }


def _searched(errors: LabelErrors, candidates: list[Candidate]) -> dict[str, Any]:
    return {
        "examined": errors.examined,
        "suspected": len(errors.suspicions),
        "noise_by_label": dict(errors.noise),
        "candidates": dict(Counter(candidate.reason for candidate in candidates)),
    }


def _label(document: Document, ballot: Ballot, models: Mapping[str, LabelModel], config: LabelConfig) -> Document:
    name, confidence = models[ballot.taxonomy].label(ballot.pattern) if ballot.taxonomy else ("", 0.0)
    if confidence < config.min_confidence or not name:
        name = OTHER
    return replace(document, label=name, label_confidence=confidence)


def _report(metrics: dict[str, Any], confused: Counter[tuple[str, str]], errors: LabelErrors) -> Report:
    wrong = [(truth, given, count) for (truth, given), count in confused.most_common() if truth != given]
    figures = [(name, *figure.values()) for name, figure in metrics["functions"].items()]
    report = Report("Labels").bars(metrics["by_label"], "Documents by label")
    if metrics["without_taxonomy"]:
        report.text(
            f"{metrics['without_taxonomy']} documents are of sources that no taxonomy is for: they are called {OTHER}, "
            "and nobody is asked about them. data_preparation.label.taxonomies declares labels for them."
        )
    report.table(
        ["labelling function", "votes", "coverage", "overlap", "conflict", "estimated accuracy"], figures, "Votes"
    ).text(
        "Coverage: its share of the documents that it is for. Overlap and conflict: shares of its votes beside which "
        "another function votes at all, and otherwise. The accuracy is the label model's estimate; functions that "
        "look at the same words agree more than they should, and are estimated too well."
    )
    report.table(["known category", "label given", "tickets"], wrong, "Tickets labelled wrongly")
    report.text(
        f"{errors.examined} documents examined by a classifier that had not seen them; {len(errors.suspicions)} are "
        "suspected. Texts are not shown: they are not anonymized yet.",
        "Label errors",
    )
    report.table(
        ["document", "label", "suggested", "probability of its label"],
        [(one.id, one.label, one.suggested, one.quality) for one in errors.suspicions[:SHOWN]],
    )
    report.table(["label", "estimated share that is wrong"], list(errors.noise.items()), "Estimated noise by label")
    if errors.rare:
        report.table(["label", "documents"], list(errors.rare.items()), "Too rare to be examined")
    return report.bars(metrics["candidates"], "For people to review")


def _report_review(report: Report, review: dict[str, Any], reviewed: Reviewed) -> Report:
    report.text(
        f"{review['annotations']} annotations decide the labels of {review['documents']} documents. Not taken over: "
        f"{review['changed']} documents whose text has changed since, {review['unknown_labels']} with a label that is "
        f"not to choose from, {review['absent']} that are not in this dataset.",
        "Reviewed by people",
    )
    found = [Agreement.model_validate(one) for one in review["agreements"]]
    for one in found or [Agreement()]:
        report.text(one.words)
    if review["warning"]:
        report.text(f"Warning: {review['warning']}.")
    report.table(
        ["label", "agreement"],
        [(name, "not defined" if x is None else x) for one in found for name, x in one.by_label.items()],
    )
    report.table(["document"], [(name,) for name in reviewed.changed[:SHOWN]], "Reviewed before their text changed")
    return report
