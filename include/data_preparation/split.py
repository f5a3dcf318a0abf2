"""Turn documents into questions with answers, and hold some out that training never sees in any form."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.config import SplitConfig
from include.data_preparation.config.sources import GENERATORS
from include.data_preparation.division.evaluation_sets import read_evaluation_set, states
from include.data_preparation.division.protected import EARLIER, HELDOUT, Guard, Protected, of_answers, of_texts
from include.data_preparation.division.questions import Question, normalized, question_of
from include.data_preparation.documents import Document, rank, read_all, read_table

HELDOUT_FILE = "heldout.parquet"
Made = TypeVar("Made", Question, Document)
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


def observed(store: ArtifactStore, config: SplitConfig, **_: object) -> dict[str, Any]:
    """The files of the evaluation sets that the use case declares, by what they hold."""
    return states(store, config.evaluation_sets)


@step("dataset", observes=observed)
def split(work: Workspace, sources: list[ArtifactRef], earlier: list[ArtifactRef], config: SplitConfig) -> None:
    """train.parquet, heldout.parquet and corpus.parquet of the anonymized shards.

    `earlier` are the divisions of earlier datasets: what they held out is not trained on either. `kept_out` counts
    documents and questions by what they would have shown.
    """
    documents = sorted(
        (document for source in sources for document in read_all(work.fetch(source))), key=lambda document: document.id
    )
    guard = Guard(_protected(work, earlier, config))
    train, heldout, corpus = divide(documents, config, guard)
    write_rows_typed(work.output / "train.parquet", [vars(row) for row in train], QUESTION_TYPES)
    write_rows_typed(work.output / HELDOUT_FILE, [vars(row) for row in heldout], QUESTION_TYPES)
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
        kept_out={one.origin: guard.found[one.origin] for one in guard.protected},
        protected={one.origin: one.phrases.size for one in guard.protected},
    )
    Report("Questions").bars(
        {"documents": len(documents), "corpus": len(corpus), "train": len(train), "held out": len(heldout)}, "Sizes"
    ).table(
        ["what is protected", "phrases", "documents and questions kept out"],
        [(name, size, work.metrics["kept_out"][name]) for name, size in work.metrics["protected"].items()],
        "Kept out of what is trained on",
    ).write(work.output)


def divide(
    documents: Sequence[Document], config: SplitConfig, guard: Guard | None = None
) -> tuple[list[Question], list[Question], list[Document]]:
    """Train, heldout and corpus.

    No held-out answer occurs in train or in a text of the corpus, no held-out question is one of train, and nothing
    else that `guard` protects occurs; what is held out is added to it. Generated rows of train and of the corpus are
    capped as shares of each.
    """
    guard = guard or Guard()
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
    guard.protected = [_held_out(heldout), *guard.protected]
    ids = {question.id for question in heldout}
    clean = [document for document in documents if document.id not in ids and guard.holds(document.text)]
    corpus = _mixed(clean, config)
    allowed = {document.id for document in corpus}
    candidates = [question for question in real[config.heldout :] if question.id in allowed]
    made = [question for document in corpus if _is_made(document) for question in _questions(document, config)]
    train = _chosen(_teachable(candidates, guard), _teachable(made, guard), config)
    if not train:
        raise SourceError(
            "data_preparation.split.train",
            config.train,
            "every question shares its answer with one that is held out, or with an evaluation set",
            "Add sources, or hold out fewer",
        )
    return train, heldout, corpus


def _held_out(heldout: Sequence[Question]) -> Protected:
    return of_answers(HELDOUT, (row.question for row in heldout), (row.answer for row in heldout))


def _mixed(documents: Sequence[Document], config: SplitConfig) -> list[Document]:
    """All real documents and as many generated ones as may stand beside them, in the order given."""
    made = [document for document in documents if _is_made(document)]
    kept = {one.id for one in _capped(_in_turns(made, config.seed), len(documents) - len(made), config)}
    return [document for document in documents if not _is_made(document) or document.id in kept]


def _chosen(real: list[Question], made: list[Question], config: SplitConfig) -> list[Question]:
    """What is trained on of real questions, in their order, and of generated ones, capped as shares."""
    made = _in_turns(made, config.seed)
    chosen = real[: config.train - len(_capped(made, config.train, config, whole=True))]
    added = _capped(made, len(chosen), config)
    return sorted(chosen + added, key=lambda question: rank(config.seed + 1, question.id))


def _teachable(questions: Iterable[Question], guard: Guard) -> list[Question]:
    return [question for question in questions if guard.lets_teach(question.question, question.answer)]


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


def _in_turns(made: Iterable[Made], seed: int) -> list[Made]:
    """By rank, one of each generator in turn: one that gives many does not crowd out the others."""
    turns: Counter[str] = Counter()
    taken: list[tuple[int, Made]] = []
    for one in sorted(made, key=lambda one: rank(seed, one.id)):
        taken.append((turns[one.source], one))
        turns[one.source] += 1
    return [one for _, one in sorted(taken, key=lambda item: item[0])]


def _capped(made: Sequence[Made], rows: int, config: SplitConfig, *, whole: bool = False) -> list[Made]:
    """The first of `made` that may stand beside `rows` others (or, `whole`, among them), in total and by generator."""

    def most(share: float) -> int:
        return int(rows * share if whole else rows * share / (1 - share))

    taken: Counter[str] = Counter()
    kept: list[Made] = []
    for one in made:
        if len(kept) < most(config.generated_share) and taken[one.source] < most(config.generated_source_share):
            taken[one.source] += 1
            kept.append(one)
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


def _protected(work: Workspace, earlier: Sequence[ArtifactRef], config: SplitConfig) -> list[Protected]:
    rows = [row for ref in earlier for row in read_table(work.fetch(ref, only=HELDOUT_FILE) / HELDOUT_FILE)]
    words, least = config.contamination_words, config.contamination_min_words
    return [
        of_answers(EARLIER, (row["question"] for row in rows), (row["answer"] for row in rows)),
        *(of_texts(one.name, read_evaluation_set(work.store, one), words, least) for one in config.evaluation_sets),
    ]
