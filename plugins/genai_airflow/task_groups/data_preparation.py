"""Step 2 as a task group."""

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.step_operators import RunStepOperator
from genai_airflow.task_groups.tasks import BY_ITEM, prepare, prepare_each, shards_of


def data_preparation(charter: XComArg) -> XComArg:
    """The sources become a versioned dataset that is ready for training."""
    with TaskGroup("data_preparation", tooltip="Aggregate, clean, label, anonymize, synthesize, check"):
        generated = prepare(
            "generate_texts",
            "Writes questions and answers from the use case's templates, and by a model where it has prompts for one.",
        )
        charter.operator.task_group >> generated
        aggregated = _aggregate(generated)
        compared = _compare_sources(aggregated)
        shards = shards_of("aggregated", aggregated)
        cleaned = _clean(aggregated, shards, compared)
        deduplicated = _deduplicate(cleaned, aggregated, shards)
        labeled = _label(deduplicated)
        parts = shards_of("labeled", labeled)
        anonymized = _anonymize(labeled, parts)
        synthetic = prepare("synthesize", "Generates tables like those of the sources (SDV).", source=aggregated)
        compared >> [shards, synthetic]
        divided = prepare(
            "split",
            "Splits by unique question: nothing leaks that this or an earlier dataset, or an evaluation set, holds.",
            earlier="dataset",
            sources=anonymized,
        )
        checked = prepare(
            "check",
            "Measures quality against the charter and writes the **data card**. A dataset that misses it stops here.",
            dataset=divided,
            aggregated=aggregated,
            cleaned=cleaned,
            deduplicated=deduplicated,
            labelled=labeled,
            anonymized=anonymized,
            audits=_audit(divided, anonymized, parts),
            synthetic=synthetic,
            charter=charter,
        )
        _compare_datasets(checked)
        checked >> _queue_reviews(labeled, anonymized)
    return checked


def _aggregate(generated: XComArg) -> XComArg:
    return RunStepOperator(
        task_id="aggregate",
        step="data_preparation.aggregate",
        config="data_preparation.aggregate",
        arguments={"generated": generated},
        also={"use_case": "name"},
        moment="as_of",
        doc_md="Reads every source of the use case, as it stood at the run's moment, into shards of documents.",
    ).output


def _clean(aggregated: XComArg, shards: XComArg, compared: XComArg) -> XComArg:
    """What many documents repeat is known of all shards before any is cleaned."""
    repeated = prepare(
        "find_boilerplate",
        "Finds lines that many documents of a source repeat, over all shards.",
        source=aggregated,
    )
    compared >> repeated
    return prepare_each(
        "clean",
        "Repairs text and drops what is no use, each document with its reason; one task a shard.",
        over="shard",
        items=shards,
        source=aggregated,
        repeated=repeated,
    )


def _deduplicate(cleaned: XComArg, aggregated: XComArg, shards: XComArg) -> XComArg:
    """In map and reduce: each shard is sketched, each partition of the sketches is searched, and one task decides.

    There are as many partitions as shards, so that a task's part does not grow with the whole.
    """
    sketches = prepare_each(
        "sketch",
        "Writes keys, shingles and MinHash bands of the texts, by partition; one task a shard.",
        over="source",
        items=cleaned,
        config="deduplicate",
        partitions=aggregated["shards"],
    )
    matches = prepare_each(
        "match",
        "Finds the equal and the similar texts of all shards and of earlier datasets; one task a partition.",
        over="partition",
        items=shards,
        config="deduplicate",
        earlier="deduplicated",
        sketches=sketches,
    )
    return prepare(
        "deduplicate",
        "Decides which of equal and similar documents stay, and drops the others. What an earlier dataset had stays.",
        sources=cleaned,
        sketches=sketches,
        matches=matches,
    )


def _compare_sources(aggregated: XComArg) -> XComArg:
    return RunStepOperator(
        task_id="compare_sources",
        step="data_preparation.compare_sources",
        config="data_preparation.compare_sources",
        arguments={"aggregated": aggregated},
        previous="aggregated",
        doc_md="Compares each source with the earlier run. One that has shrunk too much: the run stops here.",
    ).output


def _compare_datasets(checked: XComArg) -> None:
    RunStepOperator(
        task_id="compare_datasets",
        step="data_preparation.compare_datasets",
        arguments={"dataset": checked},
        previous="dataset",
        doc_md="Tells what has changed since the dataset of the earlier run. Nothing waits for it.",
    )


def _label(deduplicated: XComArg) -> XComArg:
    return RunStepOperator(
        task_id="label",
        step="data_preparation.label",
        config="data_preparation.label",
        arguments={"source": deduplicated},
        moment="as_of",
        also={"use_case": "name"},
        doc_md="Gives each document its label and the confidence in it: labelling functions vote, and what people said "
        "before the run's moment decides.",
    ).output


def _anonymize(labeled: XComArg, shards: XComArg) -> XComArg:
    """What is found in one shard is replaced in all, so that no result depends on where a document lies."""
    found = prepare_each(
        "find_personal_data",
        "Finds personal data (Presidio): places, and keyed digests of the values; one task a shard.",
        over="shard",
        items=shards,
        config="anonymize",
        source=labeled,
    )
    return prepare_each(
        "anonymize",
        "Replaces what was found in any shard by pseudonyms; one task a shard.",
        over="shard",
        items=shards,
        source=labeled,
        found=found,
    )


def _audit(divided: XComArg, anonymized: XComArg, parts: XComArg) -> XComArg:
    mapped = RunStepOperator.partial(
        task_id="audit_leaks",
        step="data_preparation.audit_leaks",
        arguments={"dataset": divided, "anonymized": anonymized},
        over="part",
        map_index_template=BY_ITEM,
        doc_md="Looks for personal data that is left, by other means, and only counts it; one task a part.",
    )
    return mapped.expand(item=parts).output


def _queue_reviews(labeled: XComArg, anonymized: XComArg) -> XComArg:
    # after the gates: what people are shown has passed them
    return RunStepOperator(
        task_id="queue_reviews",
        step="data_preparation.queue_reviews",
        arguments={"labelled": labeled, "anonymized": anonymized},
        doc_md="Queues the documents that people should label, texts as anonymized. Nothing waits for them.",
    ).output
