"""From texts to spans: the network's scores, the best sequence of tags that is a sequence, and repaired ends."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from include.privacy.recognition.features import PAD, featurize
from include.privacy.recognition.network import one_thread
from include.privacy.recognition.repair import Found, repaired
from include.privacy.typography import plain

ENTITIES = (
    "PERSON",
    "STREET_ADDRESS",
    "LOCATION",
    "ORGANIZATION",
    "DATE_TIME",
    "NRP",
    "TITLE",
    "AGE",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "US_DRIVER_LICENSE",
    "EMAIL_ADDRESS",
    "URL",
    "IP_ADDRESS",
    "ACCOUNT_NUMBER",
)
TAGS = ("O", *(f"{place}-{entity}" for entity in ENTITIES for place in "BI"))
IMPOSSIBLE = -1e4
_PROVEN = ("EMAIL_ADDRESS", "URL", "IP_ADDRESS", "IBAN_CODE")


@cache
def _transitions() -> tuple[Any, Any]:
    """Scores of the first tag, and of each tag after each: I-X stands only after B-X or I-X."""
    import numpy as np

    first = np.array([IMPOSSIBLE if tag[0] == "I" else 0 for tag in TAGS], "float32")
    after = np.zeros((len(TAGS), len(TAGS)), "float32")
    for column, tag in enumerate(TAGS):
        if tag[0] == "I":
            after[:, column] = IMPOSSIBLE
            after[[TAGS.index(f"B{tag[1:]}"), column], column] = 0
    return first, after


def best_tags(scores: Any) -> Any:
    """The best allowed sequence of tags for scores [tokens, tags]: Viterbi, where the best tags alone are none."""
    import numpy as np

    greedy = scores.argmax(1)
    first, after = _transitions()
    if not len(greedy) or (first[greedy[0]] == 0 and (after[greedy[:-1], greedy[1:]] == 0).all()):
        return greedy
    columns = np.arange(len(TAGS))
    value, back = first + scores[0], []
    for row in scores[1:]:
        through = value[:, None] + after
        chosen = through.argmax(0)
        back.append(chosen)
        value = through[chosen, columns] + row
    path = [int(value.argmax())]
    for chosen in reversed(back):
        path.append(int(chosen[path[-1]]))
    return np.array(path[::-1])


class Tagger:
    """A trained network that finds personal data; `caution` is taken from the log-probability of plain text."""

    def __init__(self, network: Any, caution: float = 0.0) -> None:
        self.network, self.caution = network.eval(), caution

    def tag(self, texts: Sequence[str]) -> list[list[Found]]:
        """Entity, first character and the character after the last of each finding, text by text, in order."""
        import torch

        batch = featurize(texts)
        with one_thread(), torch.inference_mode():
            scores = self.network(batch).numpy()
        scores[:, 0] -= self.caution
        found, place = [], PAD
        for text, starts, ends in zip(texts, batch.starts, batch.ends, strict=True):
            tags = best_tags(scores[place : place + len(starts)])
            found.append(repaired(plain(text), _spans(tags, starts, ends)))
            place += len(starts) + PAD
        return found


def _spans(tags: Any, starts: Any, ends: Any) -> list[Found]:
    spans: list[Found] = []
    for place in tags.nonzero()[0]:
        tag = TAGS[tags[place]]
        if tag[0] == "B":
            spans.append((tag[2:], int(starts[place]), int(ends[place])))
        else:
            spans[-1] = (*spans[-1][:2], int(ends[place]))
    return spans


def combined(tagged: Sequence[Found], shapes: Sequence[Found]) -> list[Found]:
    """Disjoint spans in order: what is proven by its shape first, then the longer, then what the tagger found."""
    chosen: list[Found] = []
    ranked = [(one[0] not in _PROVEN, one[1] - one[2], 0, one) for one in shapes]
    ranked += [(True, one[1] - one[2], 1, one) for one in tagged]
    for *_, one in sorted(ranked, key=lambda rank: rank[:3]):
        if all(one[2] <= other[1] or one[1] >= other[2] for other in chosen):
            chosen.append(one)
    return sorted(chosen, key=lambda one: one[1])
