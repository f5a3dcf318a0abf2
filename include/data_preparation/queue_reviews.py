"""Put the documents that people should look at into a queue, with their anonymized texts."""

import json
from collections import Counter

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.documents import Document, read_documents, read_table, text_digest
from include.data_preparation.labelling.labels import choices
from include.data_preparation.labelling.review_candidates import CANDIDATES, Candidate
from include.data_preparation.labelling.review_queue import ReviewTask, write_queue


@step("dataset")
def queue_reviews(work: Workspace, labelled: ArtifactRef, anonymized: list[ArtifactRef]) -> None:
    """The candidates of the label step as tasks, the most urgent first."""
    rows = read_table(work.fetch(labelled, only=CANDIDATES) / CANDIDATES)
    candidates = {row["id"]: Candidate(**row) for row in rows}
    documents: dict[str, Document] = {}
    for ref in anonymized:
        for path in sorted(work.fetch(ref, only="documents-").glob("documents-*.parquet")):
            documents |= {found.id: found for found in read_documents(path) if found.id in candidates}
    tasks = [_task(candidate, documents[name]) for name, candidate in candidates.items() if name in documents]
    write_queue(work.output, tasks)
    reasons = dict(Counter(task.reason for task in tasks).most_common())
    work.metrics.update(tasks=len(tasks), by_reason=reasons)
    Report("For people to review").text(
        f"{len(tasks)} documents wait, with anonymized texts. Review them in Airflow (Review, in the menu of the DAG), "
        "or with a labelling tool: genai review export, then genai review import. The next run takes the labels over."
    ).bars(reasons, "Why").write(work.output)


def _task(candidate: Candidate, document: Document) -> ReviewTask:
    return ReviewTask(
        id=candidate.id,
        source=document.source,
        title=document.title,
        text=document.text,
        label=candidate.label,
        suggested=candidate.suggested,
        confidence=candidate.confidence,
        reason=candidate.reason,
        choices=json.dumps(choices(document.source)),
        shown=text_digest(document),
        digest=candidate.digest,
    )
