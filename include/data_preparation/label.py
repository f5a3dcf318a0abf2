"""Give every document a topic area or a ticket category, by votes of labelling functions."""

from collections import Counter
from dataclasses import replace

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation import labels
from include.data_preparation.config import LabelConfig
from include.data_preparation.documents import Document, read_documents, read_planted, write_planted, write_rows


@step("dataset")
def label(work: Workspace, source: ArtifactRef, config: LabelConfig) -> None:
    """The documents with label and label_confidence; tickets are compared with their known category."""
    folder = work.fetch(source)
    planted = read_planted(folder)
    paths = sorted(folder.glob("documents-*.parquet"))
    voters: Counter[str] = Counter()
    labelled: list[Document] = []
    for path in paths:
        shard = [_label(document, config, voters) for document in read_documents(path)]
        write_rows(work.output / path.name, Document, shard)
        labelled += shard
    write_planted(work.output, planted, labelled)
    known = [(document.label, planted[document.id]["category"]) for document in labelled if document.id in planted]
    counts = Counter(document.label for document in labelled)
    work.metrics.update(
        labels=len(counts),
        unlabelled=counts[labels.OTHER],
        ticket_accuracy=round(sum(one == two for one, two in known) / len(known), 4) if known else None,
        shards=len(paths),
        documents=len(labelled),
        mean_confidence=round(sum(document.label_confidence for document in labelled) / max(1, len(labelled)), 4),
        by_label=dict(counts.most_common()),
        votes=dict(voters.most_common()),
    )
    confused = Counter((truth, given) for given, truth in known if given != truth)
    Report("Labels").bars(work.metrics["by_label"], "Documents by label").bars(
        work.metrics["votes"], "Votes by labelling function"
    ).table(
        ["known category", "label given", "tickets"],
        [(truth, given, count) for (truth, given), count in confused.most_common()],
        f"Tickets labelled wrongly, of {len(known)}",
    ).write(work.output)


def _label(document: Document, config: LabelConfig, voters: Counter[str]) -> Document:
    given = labels.votes(document)
    voters.update(given.keys())
    name, confidence = labels.decide(given)
    if confidence < config.min_confidence:
        name = labels.OTHER
    return replace(document, label=name, label_confidence=confidence)
