"""What users said, as questions to train on and pairs of answers: bounded in all and by tenant, never held out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from include.data_preparation.config import SplitConfig
from include.data_preparation.config.sources import FEEDBACK
from include.data_preparation.division import shares
from include.data_preparation.division.document_shards import DocumentShards, Place
from include.data_preparation.division.questions import Question, question_of
from include.data_preparation.documents import Document
from include.evaluation.contamination.protected import Guard
from include.evaluation.contamination.words import normalized

PAIRS_FILE = "feedback_pairs.parquet"
PAIR_TYPES = dict.fromkeys(("id", "question", "chosen", "rejected", "source", "license"), "string")


class Correction(NamedTuple):
    """A question with the answer that it should get, the one that it got (may be empty), and who says so."""

    question: Question
    rejected: str
    author: str

    def pair(self) -> dict[str, str]:
        """Its row in feedback_pairs.parquet."""
        one = self.question
        told = {"id": one.id, "question": one.question, "chosen": one.answer, "rejected": self.rejected}
        return told | {"source": one.source, "license": one.license}


def is_said(place: Place) -> bool:
    """Whether it is what a user said."""
    return place.source == FEEDBACK


def corrections(shards: DocumentShards, guard: Guard, config: SplitConfig) -> list[Correction]:
    """What users said that may be trained on, the newest first, one of each tenant and question."""
    found: list[Correction] = []
    asked: set[tuple[str, str]] = set()
    said = sorted(shards.read(is_said), key=lambda one: (one.event_time, one.id), reverse=True)
    for document in said:
        question = question_of(document, config)
        if not question or (document.author, normalized(question.question)) in asked:
            continue
        if guard.is_clean(document.text) and guard.lets_teach(question.question, question.answer):
            asked.add((document.author, normalized(question.question)))
            found.append(Correction(question, _loser(document, question, guard), document.author))
    return found


def bounded(found: Iterable[Correction], beside: int, config: SplitConfig) -> list[Correction]:
    """As many as may stand beside so many other questions, in all and of each tenant, tenants in turn.

    Of what tenants may say of one question, the first counts: what is beyond a tenant's bound displaces nobody's.
    """
    total, each = (shares.most_beside(beside, share) for share in (config.feedback_share, config.tenant_share))
    within = [one for turn, one in _turns(found) if turn < each]
    first = {normalized(one.question.question): one for one in reversed(within)}
    counting = _turns(one for one in within if first[normalized(one.question.question)] is one)
    return [one for _, one in sorted(counting, key=lambda entry: entry[0])][:total]


def _turns(found: Iterable[Correction]) -> list[tuple[int, Correction]]:
    """Each with how many of its tenant stand before it."""
    turns: Counter[str] = Counter()
    ranked: list[tuple[int, Correction]] = []
    for one in found:
        ranked.append((turns[one.author], one))
        turns[one.author] += 1
    return ranked


def without(questions: Sequence[Question], said: Sequence[Correction]) -> list[Question]:
    """Those that no correction answers."""
    corrected = {normalized(one.question.question) for one in said if one.question.weight}
    return [one for one in questions if normalized(one.question) not in corrected]


def _loser(document: Document, question: Question, guard: Guard) -> str:
    rejected = " ".join(document.rejected.split())
    differs = normalized(rejected) != normalized(question.answer)
    return rejected if rejected and differs and guard.lets_teach(question.question, rejected) else ""
