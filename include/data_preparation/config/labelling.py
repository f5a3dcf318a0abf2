"""How texts get their labels: which there are, what speaks for each, and what people are asked."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from include.data_preparation.config.base import StepConfig

# what a document is called that no label fits, or that no taxonomy is for
OTHER = "other"
Voter = Literal["source", "column", "title_start", "title", "beginning", "text", "pattern"]
VOTERS: tuple[Voter, ...] = get_args(Voter)
# where the label model starts, and what it holds on to where votes are few
TRUST: dict[Voter, float] = {
    "source": 0.98,
    "column": 0.95,
    "title_start": 0.95,
    "title": 0.7,
    "beginning": 0.8,
    "text": 0.7,
    "pattern": 0.8,
}
# what speaks for a label, and the labelling functions that look at it
SIGNS: dict[str, tuple[Voter, ...]] = {
    "keywords": ("title", "beginning", "text"),
    "patterns": ("pattern",),
    "titles": ("title_start",),
    "values": ("column",),
    "sources": ("source",),
}
Words = tuple[Annotated[str, Field(pattern=r"\S", max_length=500)], ...]


class CategoryConfig(StepConfig):
    """One label of a taxonomy, and what speaks for it; each of the lists is a labelling function of its own."""

    name: str = Field(
        pattern=r"^\w([\w .,/&+'()-]{0,58}[\w.+)])?$", description="What documents, reports and people call it."
    )
    description: str = Field("", max_length=300, description="When to choose it, for the people who review.")
    keywords: Words = Field(
        (),
        description="Words and phrases of titles and texts, in any case, as whole words; a * at the end stands for any "
        "ending. In languages that are written without spaces, use patterns.",
    )
    patterns: Words = Field(
        (),
        description="Regular expressions in RE2's syntax, in any case: any text is searched in linear time.",
    )
    titles: Words = Field((), description="Whole words that titles begin with, in this case.")
    values: Words = Field(
        (), description="What the source's own label (its column `columns.label`; of records, `label`) says for it."
    )
    sources: Words = Field((), description="Sources of the taxonomy whose documents mostly have this label.")

    @field_validator("name")
    @classmethod
    def _is_not_other(cls, value: str) -> str:
        if value.casefold() == OTHER:
            raise ValueError(f"every taxonomy has {OTHER} as it is: for what no label fits")
        return value

    @field_validator("keywords")
    @classmethod
    def _are_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not re.search(r"\w", one) or "*" in one[:-1]:
                raise ValueError(f"{one!r} is no word or phrase; a * stands at its end only")
        return value

    @field_validator("patterns")
    @classmethod
    def _compile(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if problem := pattern_problem(one):
                raise ValueError(f"{one!r} is no regular expression of RE2's: {problem}")
        return value

    @model_validator(mode="after")
    def _has_a_vote(self) -> Self:
        if not any(getattr(self, name) for name in SIGNS):
            raise ValueError(f"nothing votes for the label {self.name}; give it one or more of {', '.join(SIGNS)}")
        return self


class TaxonomyConfig(StepConfig):
    """Labels to choose from, exactly one a document, and the sources whose documents get them."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="What reports call it.")
    sources: Words = Field(min_length=1, description="Sources that it labels; each belongs to one taxonomy.")
    labels: tuple[CategoryConfig, ...] = Field(max_length=200, description="Two or more; `other` is added.")
    trust: dict[Voter, float] = Field(
        TRUST,
        description="How often each labelling function is expected to be right, below 1; 0: it does not vote. title, "
        "beginning and text look for keywords there; title_start is titles, column is values.",
    )

    @field_validator("labels")
    @classmethod
    def _differ(cls, value: tuple[CategoryConfig, ...]) -> tuple[CategoryConfig, ...]:
        if len(value) < 2:
            raise ValueError("there is nothing to choose from; declare two labels or more")
        if twice := _twice(one.name for one in value):
            raise ValueError(f"two labels are called {twice}; rename one")
        for kind in SIGNS:
            if twice := _twice(key for one in value for key in {plain(kind, sign) for sign in getattr(one, kind)}):
                owners = [one.name for one in value if twice in {plain(kind, sign) for sign in getattr(one, kind)}]
                raise ValueError(f"{twice!r} stands in {kind} of {' and '.join(owners)}; keep it in one of them")
        return value

    @field_validator("trust", mode="before")
    @classmethod
    def _with_defaults(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        if unknown := sorted(map(str, given.keys() - TRUST.keys())):
            raise ValueError(f"no labelling function is called {unknown[0]}; choose among {', '.join(VOTERS)}")
        return TRUST | dict(given)

    @field_validator("trust")
    @classmethod
    def _are_shares(cls, value: dict[Voter, float]) -> dict[Voter, float]:
        if wrong := [f"{name} {share}" for name, share in value.items() if not 0 <= share < 1]:
            raise ValueError(f"{wrong[0]} is not from 0 to below 1")
        return value

    @model_validator(mode="after")
    def _votes_count(self) -> Self:
        heard = [kind for kind, voters in SIGNS.items() if any(self.trust[voter] for voter in voters)]
        if mute := [one.name for one in self.labels if not any(getattr(one, kind) for kind in heard)]:
            raise ValueError(
                f"nothing that is trusted votes for the label {mute[0]}; give it one of {', '.join(heard)}"
            )
        foreign = [
            f"{one.name}: {source}" for one in self.labels for source in one.sources if source not in self.sources
        ]
        if foreign:
            raise ValueError(f"the label {foreign[0]} is none of the taxonomy's sources, {', '.join(self.sources)}")
        return self


class LabelConfig(StepConfig):
    """How votes of the labelling functions become a label, and what people are asked to look at."""

    taxonomies: tuple[TaxonomyConfig, ...] = Field(
        (),
        description="Labels by source. The generated tickets and Python's own documentation have theirs "
        "(labelling/taxonomies.yaml); documents of sources that no taxonomy names are called `other`, and nobody is "
        "asked about them.",
    )
    min_confidence: float = Field(0.5, ge=0, le=1, description="Below it, the label is `other`.")
    prior_votes: float = Field(
        1000, ge=0, description="How many votes seen the expected accuracy of a labelling function (trust) is worth."
    )
    examined: int = Field(
        10_000,
        ge=0,
        le=200_000,
        description="Documents, drawn evenly, in which label errors are looked for; 0: none. Memory: 10 kB each.",
    )
    folds: int = Field(5, ge=2, le=20, description="Folds of the classifier that finds label errors.")
    review: int = Field(100, ge=0, le=10_000, description="Documents that people are asked to label; 0: none.")
    annotators: int = Field(
        2, ge=1, le=10, description="People who are asked about a document: from two on, agreement."
    )
    min_agreement: float = Field(0.667, ge=-1, le=1, description="Agreement below which the data card warns.")
    seed: int = Field(7, ge=0, description="Draws the documents that are examined, and the folds.")

    @field_validator("taxonomies")
    @classmethod
    def _are_apart(cls, value: tuple[TaxonomyConfig, ...]) -> tuple[TaxonomyConfig, ...]:
        if twice := _twice(one.name for one in value):
            raise ValueError(f"two taxonomies are called {twice}; rename one")
        if twice := _twice(source for one in value for source in set(one.sources)):
            owners = " and ".join(one.name for one in value if twice in one.sources)
            raise ValueError(f"{owners} both label the source {twice}; a document has one label")
        return value


def plain(kind: str, sign: str) -> str:
    """A keyword or value as it is compared, whatever its case and spaces; other signs as they are."""
    return unicodedata.normalize("NFC", " ".join(sign.split())).casefold() if kind in ("keywords", "values") else sign


def pattern_problem(pattern: str) -> str:
    """Why RE2 does not take a pattern, or why it speaks for no label; empty where it does."""
    import pyarrow
    import pyarrow.compute

    try:
        found = pyarrow.compute.match_substring_regex(pyarrow.array([""]), pattern)
    except pyarrow.ArrowInvalid as error:
        return str(error).removeprefix("Invalid regular expression: ")
    return "it is found in an empty text, and so in all" if found[0].as_py() else ""


def _twice(names: Iterable[str]) -> str:
    counts = Counter(names)
    return next((name for name, count in counts.items() if count > 1), "")
