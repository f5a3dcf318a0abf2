"""Put the documents that people should look at into a queue, with their texts as anonymization leaves them."""

from collections import Counter

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.documents import Document, read_documents, read_table, text_digest
from include.data_preparation.labelling.review_candidates import CANDIDATES, Candidate
from include.data_preparation.labelling.review_queue import ReviewTask, write_queue


@step("dataset", measures=("anonymized",))
def queue_reviews(work: Workspace, labelled: ArtifactRef, anonymized: list[ArtifactRef]) -> None:
    """The candidates of the label step as tasks, the most urgent first.

    A text of a source that is not anonymized is shown as it is, and said to be so.
    """
    rows = read_table(work.fetch(labelled, only=CANDIDATES) / CANDIDATES)
    candidates = {row["id"]: Candidate(**row) for row in rows}
    documents: dict[str, tuple[Document, bool]] = {}
    for ref in anonymized:
        sources = work.manifest(ref).metrics["sources"]
        for path in sorted(work.fetch(ref, only="documents-").glob("documents-*.parquet")):
            found = [one for one in read_documents(path) if one.id in candidates]
            documents |= {one.id: (one, one.source in sources) for one in found}
    tasks = [_task(candidate, *documents[name]) for name, candidate in candidates.items() if name in documents]
    write_queue(work.output, tasks)
    reasons = dict(Counter(task.reason for task in tasks).most_common())
    bare = sorted({task.source for task in tasks if not task.anonymized})
    work.metrics.update(tasks=len(tasks), by_reason=reasons)
    report = Report("For people to review").text(
        f"{len(tasks)} documents wait. Review them in Airflow (Review, in the menu of the DAG), or with a labelling "
        "tool: genai review export, then genai review import. The next run takes the labels over."
    )
    if bare:
        report.text(
            f"Texts of these sources are shown as they are, for data_preparation.anonymize.sources does not name them: "
            f"{', '.join(bare)}."
        )
    report.bars(reasons, "Why").write(work.output)


def _task(candidate: Candidate, document: Document, anonymized: bool) -> ReviewTask:
    return ReviewTask(
        id=candidate.id,
        source=document.source,
        title=document.title,
        text=document.text,
        label=candidate.label,
        suggested=candidate.suggested,
        confidence=candidate.confidence,
        reason=candidate.reason,
        choices=candidate.choices,
        shown=text_digest(document),
        digest=candidate.digest,
        taxonomy=candidate.taxonomy,
        anonymized=anonymized,
    )
