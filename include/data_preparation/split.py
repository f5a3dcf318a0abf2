"""Turn documents into questions with answers, and hold some out that training never sees in any form."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.config import SplitConfig
from include.data_preparation.division import said, shares
from include.data_preparation.division.document_shards import DocumentShards, Place, by_rank, rank_number
from include.data_preparation.division.questions import Question, question_of
from include.data_preparation.division.sorted_texts import TEXT_TYPES, SortedTexts
from include.data_preparation.documents import Document, rank
from include.data_preparation.row_files import RowFile, write_row_groups
from include.evaluation.contamination import protected
from include.evaluation.contamination.evaluation_sets import read_evaluation_set, states
from include.evaluation.contamination.protected import Guard, Protected
from include.evaluation.contamination.words import normalized
from include.privacy.pseudonyms import HIDDEN

HELDOUT_FILE = "heldout.parquet"
QUESTION_TYPES = {
    "id": "string",
    "question": "string",
    "answer": "string",
    "source": "string",
    "label": "string",
    "license": "string",
    "generated": "bool",
    "weight": "int64",
    "telltale": "string",
}


class Division(NamedTuple):
    """What is trained on, what is held out, and how many documents there are in the corpus and in all."""

    train: list[Question]
    heldout: list[Question]
    corpus: int
    documents: int
    said: list[said.Correction]


def observed(store: ArtifactStore, config: SplitConfig, **_: object) -> dict[str, Any]:
    """The files of the evaluation sets that the use case declares, by what they hold."""
    return states(store, config.evaluation_sets)


@step("dataset", observes=observed)
def split(work: Workspace, sources: list[ArtifactRef], earlier: list[ArtifactRef], config: SplitConfig) -> None:
    """train.parquet, heldout.parquet, corpus.parquet (by id) and feedback_pairs.parquet of the anonymized shards.

    `earlier` are the divisions of earlier datasets: what they held out is not trained on either. `kept_out` counts
    documents, and questions that came up for training, by what they would have shown.
    """
    guard = Guard(_protected(work, earlier, config), hides=HIDDEN)
    shards = DocumentShards(work.fetch(source) for source in sources)
    found = divide(shards, config, guard, work.output / "corpus.parquet", work.folder / "texts.arrow")
    write_row_groups(work.output / "train.parquet", map(vars, found.train), QUESTION_TYPES)
    write_row_groups(work.output / HELDOUT_FILE, map(vars, found.heldout), QUESTION_TYPES)
    generated = sum(row.generated for row in found.train)
    pairs = [one.pair() for one in found.said if one.rejected]
    write_row_groups(work.output / said.PAIRS_FILE, pairs, said.PAIR_TYPES)
    sizes = {"train": len(found.train), "heldout": len(found.heldout), "corpus": found.corpus}
    work.metrics.update(
        sizes,
        documents=found.documents,
        feedback=sum(1 for one in found.said if one.question.weight),
        feedback_pairs=len(pairs),
        generated_share=round(generated / len(found.train), 4),
        train_by_label=dict(Counter(row.label for row in found.train).most_common()),
        heldout_by_label=dict(Counter(row.label for row in found.heldout).most_common()),
        kept_out={one.origin: guard.found[one.origin] for one in guard.protected},
        protected={one.origin: one.phrases.size for one in guard.protected},
    )
    Report("Questions").bars(
        {"documents": found.documents, "corpus": found.corpus, "train": sizes["train"], "held out": sizes["heldout"]},
        "Sizes",
    ).table(
        ["what is protected", "phrases", "documents and questions kept out"],
        [(name, size, work.metrics["kept_out"][name]) for name, size in work.metrics["protected"].items()],
        "Kept out of what is trained on",
    ).write(work.output)


def divide(shards: DocumentShards, config: SplitConfig, guard: Guard, corpus: Path, scratch: Path) -> Division:
    """Train and heldout, and the corpus as a file.

    No held-out answer, and no held-out question that is long enough, occurs in train or in a text of the corpus, no
    held-out question is one of train, and nothing else that `guard` protects occurs; what is held out is added to it.
    Generated rows of train and of the corpus are capped as shares of each, and in train what users said; that is
    neither held out nor in the corpus.
    """
    heldout = _held_out(shards, config)
    least = config.contamination_min_words
    guard.protected = [
        protected.of_answers(protected.HELDOUT_ANSWERS, (protected.telltale(vars(row)) for row in heldout)),
        protected.of_questions(protected.HELDOUT_QUESTIONS, (row.question for row in heldout), least),
        *guard.protected,
    ]
    ids = {question.id for question in heldout}
    real = documents = 0
    made: dict[str, array[int]] = {}
    with SortedTexts(scratch) as texts:
        for document in shards.read():
            documents += 1
            if said.is_said(_place(document)):
                continue
            if document.id in ids or not guard.holds(document.text):
                continue
            texts.add({name: getattr(document, name) for name in TEXT_TYPES})
            if _place(document).made:
                made.setdefault(document.source, array("Q")).append(rank_number(config.seed, document.id))
            else:
                real += 1
        highest = shares.highest_ranks(made, real, config)
        stay = (row for row in texts.in_order() if _stays(row, highest, config))
        count = write_row_groups(corpus, stay, TEXT_TYPES)
    train, corrections = _with_said(_chosen(shards, guard, ids, highest, config), shards, guard, config)
    return Division(train, heldout, count, documents, corrections)


def _with_said(
    chosen: list[Question], shards: DocumentShards, guard: Guard, config: SplitConfig
) -> tuple[list[Question], list[said.Correction]]:
    """What is trained on with what users said in it, which answers its questions alone; and that."""
    found = said.bounded(said.corrections(shards, guard, config), len(chosen), config)
    taught = [one.question for one in found if one.question.weight]
    kept = said.without(chosen, found)[: max(0, config.train - len(taught))]
    return sorted([*kept, *taught], key=lambda question: rank(config.seed + 1, question.id)), found


def _held_out(shards: DocumentShards, config: SplitConfig) -> list[Question]:
    """The first real questions by rank, in the order of their ids."""
    needed = config.heldout + 1
    asked = by_rank(shards, config.seed, _is_real, lambda document: question_of(document, config), 2 * needed)
    found = list(islice(_unique((question, True) for question in asked), needed))
    if len(found) < needed:
        raise SourceError(
            "data_preparation.split.heldout",
            config.heldout,
            f"the sources yield only {len(found)} unique real questions, and some have to be left to train on",
            "Add sources, give their documents titles, or hold out fewer",
        )
    return sorted((question for question, _ in found[: config.heldout]), key=lambda question: question.id)


def _chosen(
    shards: DocumentShards, guard: Guard, ids: set[str], highest: dict[str, int], config: SplitConfig
) -> list[Question]:
    """What is trained on of the documents of the corpus: real questions by rank, and generated ones as capped."""
    most, each, total = config.train, config.generated_source_share, config.generated_share
    made = [
        question
        for source, last in sorted(highest.items())
        for question in islice(_made(shards, guard, source, last, config), shares.most_beside(most, each))
    ]
    made = shares.in_turns(made, config.seed)
    among = shares.capped(made, shares.most_among(most, total), shares.most_among(most, each))
    real = list(islice(_real(shards, guard, ids, config), most - len(among)))
    beside = shares.capped(made, shares.most_beside(len(real), total), shares.most_beside(len(real), each))
    chosen = real + beside[: most - len(real)]
    if not chosen:
        raise SourceError(
            "data_preparation.split.train",
            config.train,
            "every question shares its answer with one that is held out, or with an evaluation set",
            "Add sources, or hold out fewer",
        )
    return sorted(chosen, key=lambda question: rank(config.seed + 1, question.id))


def _real(shards: DocumentShards, guard: Guard, ids: set[str], config: SplitConfig) -> Iterator[Question]:
    """Unique real questions that may be trained on, by rank."""

    def ask(document: Document) -> tuple[Question, bool] | None:
        question = question_of(document, config)
        return (question, guard.is_clean(document.text)) if question else None

    needed = 2 * (config.train + config.heldout)
    for question, clean in _unique(by_rank(shards, config.seed, _is_real, ask, needed)):
        if clean and question.id not in ids and guard.lets_teach(question.question, question.answer):
            yield question


def _made(shards: DocumentShards, guard: Guard, source: str, last: int, config: SplitConfig) -> Iterator[Question]:
    """Questions of a generator that may be trained on, by rank up to `last`."""

    def ask(document: Document) -> Question | None:
        return question_of(document, config) if guard.is_clean(document.text) else None

    needed = 2 * shares.most_beside(config.train, config.generated_source_share)
    of_source = by_rank(shards, config.seed, lambda place: place.made and place.source == source, ask, needed, last)
    return (question for question in of_source if guard.lets_teach(question.question, question.answer))


def _is_real(place: Place) -> bool:
    return not place.made and not said.is_said(place)


def _place(document: Document) -> Place:
    return Place(document.id, document.source, document.generated)


def _stays(row: dict[str, Any], highest: dict[str, int], config: SplitConfig) -> bool:
    place = Place(row["id"], row["source"], row["generated"])
    return not place.made or rank_number(config.seed, place.id) <= highest.get(place.source, -1)


def _unique(questions: Iterable[tuple[Question, bool]]) -> Iterator[tuple[Question, bool]]:
    """Those whose question and answer, or what else tells them from others, none before has."""
    seen: set[str] = set()
    for question, clean in questions:
        keys = {f"q{normalized(question.question)}", f"a{normalized(protected.telltale(vars(question)))}"}
        if not keys & seen:
            seen |= keys
            yield question, clean


def _protected(work: Workspace, earlier: Sequence[ArtifactRef], config: SplitConfig) -> list[Protected]:
    rows = [row for ref in earlier for row in RowFile(work.fetch(ref, only=HELDOUT_FILE) / HELDOUT_FILE)]
    words, least = config.contamination_words, config.contamination_min_words
    return [
        protected.of_answers(protected.EARLIER_ANSWERS, map(protected.telltale, rows)),
        protected.of_questions(protected.EARLIER_QUESTIONS, (row["question"] for row in rows), least),
        *(
            protected.of_texts(one.name, read_evaluation_set(work.store, one), words, least)
            for one in config.evaluation_sets
        ),
    ]
