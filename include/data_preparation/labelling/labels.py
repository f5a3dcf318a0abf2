"""The taxonomies of a use case: which labels a document may have, and how its labelling functions vote."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import yaml

from include.core.settings import PROJECT_ROOT
from include.data_preparation.config import LabelConfig
from include.data_preparation.config.labelling import (
    OTHER,
    VOTERS,
    CategoryConfig,
    TaxonomyConfig,
    Voter,
    plain,
)
from include.data_preparation.documents import Document

BUILT_IN = "include/data_preparation/labelling/taxonomies.yaml"
# characters; what a message is about stands at its beginning
BEGINNING, TEXT = 160, 2000
# before and after a keyword, by whether a word's character stands there: the first is several times as fast
_EDGE = {True: (r"\b", r"\b"), False: (r"(?<!\w)", r"(?!\w)")}
_INNER = re.compile(r"[._]|(?<=[a-z])(?=[A-Z])")
_LOOKS_AT: Mapping[Voter, Callable[[Document], str]] = {
    "title": lambda document: _apart(document.title),
    "beginning": lambda document: document.text[:BEGINNING],
    "text": lambda document: document.text[:TEXT],
}
Votes = tuple[tuple[str, str], ...]


class Taxonomy:
    """A taxonomy that is ready to vote; each labelling function names a label, or abstains."""

    def __init__(self, config: TaxonomyConfig) -> None:
        self.name, self.trust = config.name, config.trust
        self.choices = (*(one.name for one in config.labels), OTHER)
        described = {one.name: one.description for one in config.labels}
        self.described = json.dumps(described | {OTHER: "None of these."}, ensure_ascii=False)
        self._keywords = {one.name: _keywords(one) for one in config.labels if one.keywords}
        self._patterns = [(one.name, pattern) for one in config.labels for pattern in one.patterns]
        self._titles = {title: one.name for one in config.labels for title in one.titles}
        longest_first = sorted(self._titles, key=lambda title: (-len(title), title))
        self._title_start = re.compile(rf"({'|'.join(map(re.escape, longest_first))})(?!\w)")
        self._values = {plain("values", value): one.name for one in config.labels for value in one.values}
        self._sources = {source: one.name for one in config.labels for source in one.sources}
        signs: dict[Voter, Collection[Any]] = dict.fromkeys(_LOOKS_AT, self._keywords)
        signs |= {"source": self._sources, "column": self._values}
        signs |= {"title_start": self._titles, "pattern": self._patterns}
        self._voters = [voter for voter in VOTERS if self.trust[voter] and signs[voter]]

    @property
    def expected(self) -> dict[str, float]:
        """The accuracy that is expected of each labelling function, by its full name."""
        return {self.full_name(voter): share for voter, share in self.trust.items()}

    def full_name(self, voter: Voter) -> str:
        """What reports call a labelling function of this taxonomy."""
        return f"{self.name}: {voter}"

    def votes(self, documents: Sequence[Document]) -> list[Votes]:
        """What each labelling function that does not abstain says of each document, in the order of VOTERS."""
        said: dict[Voter, list[str]] = {voter: self._of(voter, documents) for voter in self._voters}
        return [
            tuple((self.full_name(voter), labels[row]) for voter, labels in said.items() if labels[row])
            for row in range(len(documents))
        ]

    def _of(self, voter: Voter, documents: Sequence[Document]) -> list[str]:
        """The votes of one labelling function, empty where it abstains."""
        if voter == "source":
            return [self._sources.get(document.source, "") for document in documents]
        if voter == "column":
            return [self._values.get(plain("values", document.label), "") for document in documents]
        if voter == "title_start":
            found = [self._title_start.match(document.title) for document in documents]
            return [self._titles[one[0]] if one else "" for one in found]
        if voter == "pattern":
            return self._by_pattern([document.text[:TEXT] for document in documents])
        texts = map(_LOOKS_AT[voter], documents)
        return [_most({name: len(words.findall(text)) for name, words in self._keywords.items()}) for text in texts]

    def _by_pattern(self, texts: Sequence[str]) -> list[str]:
        import pyarrow
        from pyarrow.compute import count_substring_regex

        column = pyarrow.array(texts, pyarrow.large_string())
        found = [Counter[str]() for _ in texts]
        for name, pattern in self._patterns:
            for row, count in enumerate(count_substring_regex(column, pattern, ignore_case=True).to_pylist()):
                found[row][name] += count
        return list(map(_most, found))


class Taxonomies:
    """The taxonomies of a configuration; those that are built in are for sources that none of its own is for.

    One of its own takes the place of a built-in one that has its name.
    """

    def __init__(self, config: LabelConfig) -> None:
        named = {one.name: one for one in (*built_in(), *config.taxonomies)}
        self._of_source: dict[str, Taxonomy] = {}
        for one in sorted(named.values(), key=config.taxonomies.__contains__):
            self._of_source |= dict.fromkeys(one.sources, Taxonomy(one))

    def of(self, document: Document) -> Taxonomy | None:
        """The taxonomy that a document gets its label from; None where none is for its source."""
        return self._of_source.get(document.source)

    def votes(self, documents: Sequence[Document]) -> list[tuple[str, Votes]]:
        """Of each document its taxonomy's name, empty where it has none, and what was said."""
        found: list[tuple[str, Votes]] = [("", ())] * len(documents)
        rows: dict[Taxonomy, list[int]] = {}
        for row, document in enumerate(documents):
            if taxonomy := self.of(document):
                rows.setdefault(taxonomy, []).append(row)
        for taxonomy, mine in rows.items():
            for row, said in zip(mine, taxonomy.votes([documents[row] for row in mine]), strict=True):
                found[row] = taxonomy.name, said
        return found

    @property
    def expected(self) -> dict[str, float]:
        """The accuracy that is expected of each labelling function."""
        return {name: share for one in self._of_source.values() for name, share in one.expected.items()}


def built_in() -> tuple[TaxonomyConfig, ...]:
    """What generated tickets and Python's own documentation are labelled by."""
    content = yaml.safe_load((PROJECT_ROOT / BUILT_IN).read_text(encoding="utf-8"))
    return LabelConfig.model_validate(content).taxonomies


def _keywords(label: CategoryConfig) -> re.Pattern[str]:
    """All keywords of a label: between what is no letter, digit or underscore, or before any ending."""
    words = sorted({unicodedata.normalize("NFC", word) for word in label.keywords}, key=lambda word: (-len(word), word))
    found: dict[str, list[str]] = {}
    for word in words:
        stem = word.removesuffix("*")
        spaced = r"\s+".join(map(re.escape, stem.split()))
        end = "" if stem != word else _EDGE[bool(re.match(r"\w", stem[-1]))][1]
        found.setdefault(_EDGE[bool(re.match(r"\w", stem[0]))][0], []).append(spaced + end)
    return re.compile("|".join(rf"{start}(?:{'|'.join(some)})" for start, some in found.items()), re.IGNORECASE)


def _apart(title: str) -> str:
    """A title with the parts of names in it as words: of a.b, of a_b and of aB."""
    return _INNER.sub(" ", title)


def _most(counts: Mapping[str, int]) -> str:
    """The label with the most, empty where there is none or several have as many."""
    best = max(counts.values(), default=0)
    winners = [name for name, count in counts.items() if count == best]
    return winners[0] if best and len(winners) == 1 else ""
