"""Turn documents into questions with answers, and hold some out that training never sees in any form."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.data_preparation.config import SplitConfig
from include.data_preparation.config.sources import GENERATORS
from include.data_preparation.documents import Document, rank, read_all
from include.data_preparation.questions import Question, normalized, question_of

QUESTION_TYPES = {
    "id": "string",
    "question": "string",
    "answer": "string",
    "source": "string",
    "label": "string",
    "license": "string",
    "generated": "bool",
}
TEXT_TYPES = {"id": "string", "text": "string", "source": "string", "license": "string", "generated": "bool"}


@step("dataset")
def split(work: Workspace, sources: list[ArtifactRef], config: SplitConfig) -> None:
    """train.parquet, heldout.parquet and corpus.parquet of the anonymized shards."""
    documents = sorted(
        (document for source in sources for document in read_all(work.fetch(source))), key=lambda document: document.id
    )
    train, heldout, corpus = divide(documents, config)
    write_rows_typed(work.output / "train.parquet", [vars(row) for row in train], QUESTION_TYPES)
    write_rows_typed(work.output / "heldout.parquet", [vars(row) for row in heldout], QUESTION_TYPES)
    texts = [{name: getattr(document, name) for name in TEXT_TYPES} for document in corpus]
    write_rows_typed(work.output / "corpus.parquet", texts, TEXT_TYPES)
    generated = sum(row.generated for row in train)
    work.metrics.update(
        train=len(train),
        heldout=len(heldout),
        corpus=len(corpus),
        documents=len(documents),
        generated_share=round(generated / len(train), 4),
        train_by_label=dict(Counter(row.label for row in train).most_common()),
        heldout_by_label=dict(Counter(row.label for row in heldout).most_common()),
    )
    Report("Questions").bars(
        {"documents": len(documents), "corpus": len(corpus), "train": len(train), "held out": len(heldout)}, "Sizes"
    ).table(
        ["question", "answer"], [(row.question, row.answer) for row in heldout[:20]], "Some held-out questions"
    ).table(["question", "answer"], [(row.question, row.answer) for row in train[:20]], "Some to train on").write(
        work.output
    )


def divide(documents: Sequence[Document], config: SplitConfig) -> tuple[list[Question], list[Question], list[Document]]:
    """Train, heldout and corpus: no held-out question or answer occurs in train or in a text of the corpus."""
    real = _unique(
        question for document in documents if not _is_made(document) for question in _questions(document, config)
    )
    if len(real) <= config.heldout:
        raise SourceError(
            "data_preparation.split.heldout",
            config.heldout,
            f"the sources yield only {len(real)} unique real questions, and some have to be left to train on",
            "Add sources, or hold out fewer",
        )
    real.sort(key=lambda question: rank(config.seed, question.id))
    heldout = sorted(real[: config.heldout], key=lambda question: question.id)
    corpus = _without(documents, heldout)
    allowed = {document.id for document in corpus}
    asked = {normalized(question.question) for question in heldout}
    made = [question for document in corpus if _is_made(document) for question in _questions(document, config)]
    made = _in_turns([question for question in made if normalized(question.question) not in asked], config.seed)
    candidates = [question for question in real[config.heldout :] if question.id in allowed]
    chosen = candidates[: config.train - len(_capped(made, config.train, config, whole=True))]
    added = _capped(made, len(chosen), config)
    train = sorted(chosen + added, key=lambda question: rank(config.seed + 1, question.id))
    if not train:
        raise SourceError(
            "data_preparation.split.train",
            config.train,
            "every question shares its answer with one that is held out",
            "Add sources, or hold out fewer",
        )
    return train, heldout, corpus


def write_rows_typed(path: Path, rows: list[dict[str, Any]], types: dict[str, str]) -> None:
    """Rows as a parquet file that `datasets` loads with these types."""
    from datasets import Dataset, Features, Value, disable_progress_bars

    disable_progress_bars()
    features = Features({name: Value(kind) for name, kind in types.items()})
    columns = {name: [row[name] for row in rows] for name in types}
    Dataset.from_dict(columns, features=features).to_parquet(str(path))


def _is_made(document: Document) -> bool:
    """Whether nobody wrote it: by its mark, or by where it comes from."""
    return document.generated or document.source in GENERATORS


def _in_turns(made: Iterable[Question], seed: int) -> list[Question]:
    """By rank, one of each generator in turn: one that gives many does not crowd out the others."""
    turns: Counter[str] = Counter()
    taken: list[tuple[int, Question]] = []
    for question in sorted(made, key=lambda question: rank(seed, question.id)):
        taken.append((turns[question.source], question))
        turns[question.source] += 1
    return [question for _, question in sorted(taken, key=lambda item: item[0])]


def _capped(made: Sequence[Question], rows: int, config: SplitConfig, *, whole: bool = False) -> list[Question]:
    """The first of `made` that may stand beside `rows` others (or, `whole`, among them), in total and by generator."""

    def most(share: float) -> int:
        return int(rows * share if whole else rows * share / (1 - share))

    taken: Counter[str] = Counter()
    kept: list[Question] = []
    for question in made:
        if len(kept) < most(config.generated_share) and taken[question.source] < most(config.generated_source_share):
            taken[question.source] += 1
            kept.append(question)
    return kept


def _questions(document: Document, config: SplitConfig) -> list[Question]:
    question = question_of(document, config)
    return [question] if question else []


def _unique(questions: Iterable[Question]) -> list[Question]:
    seen: set[str] = set()
    kept: list[Question] = []
    for question in questions:
        keys = {f"q{normalized(question.question)}", f"a{normalized(question.answer)}"}
        if not keys & seen:
            kept.append(question)
            seen |= keys
    return kept


def _without(documents: Sequence[Document], heldout: Sequence[Question]) -> list[Document]:
    ids = {question.id for question in heldout}
    answers = [normalized(question.answer) for question in heldout]
    kept = []
    for document in documents:
        text = normalized(document.text)
        if document.id not in ids and not any(answer in text for answer in answers):
            kept.append(document)
    return kept
