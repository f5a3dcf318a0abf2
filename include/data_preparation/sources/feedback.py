"""What users said of answers, as it stood at a moment: corrections become records, and what they correct loses to them.

Texts in it are data, whatever they say; who may bring in how much is the division's to bound.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from include.artifacts.store import ArtifactStore
from include.data_preparation.config.sources import FEEDBACK, AggregateConfig, FeedbackConfig
from include.data_preparation.documents import Document
from include.data_preparation.sources.dated_sources import DatedSource, Quarantine, dated_sources, moment_of
from include.data_preparation.sources.point_in_time import Version, utc
from include.data_preparation.sources.quarantine import Quarantined
from include.evaluation.contamination.words import normalized
from include.feedback.said import RECORDS, Said, said_prefix, versions


class FeedbackSource(DatedSource):
    """All that was said of one use case's answers; of more than `most`, each tenant's newest in turn."""

    def __init__(self, store: ArtifactStore, use_case: str, moment: datetime, config: FeedbackConfig) -> None:
        super().__init__(FEEDBACK, f"s3:{said_prefix(use_case)}", moment)
        self._config = config
        found = list(versions(store.bucket, use_case))
        self._bad = [key for key, said in found if said is None]
        self._said = [said for _, said in found if said]
        self._moment = moment

    @property
    def is_empty(self) -> bool:
        """Whether nothing had been said by then."""
        return not self._bad and not any(utc(one.recorded_at) < self._moment for one in self._said if not one.erased)

    def visible(self, scratch: Path, quarantine: Quarantine) -> Iterator[Version[Any]]:
        """The newest version of what was said of each answer."""
        self.quarantined = self.undated = len(self._bad)
        quarantine(self.name, (Quarantined(key, 0, "no feedback") for key in self._bad))
        found = list(self.shown.of(_by_answer(self._said), scratch))
        yield from sorted(_in_turn(found)[: self._config.most], key=lambda version: version.id)

    def documents(self, scratch: Path, quarantine: Quarantine) -> Iterator[Document]:
        """Corrections, and answers that were found good where another to the same question was not."""
        said: list[Said] = [one.content for one in self.visible(scratch, quarantine) if one.content]
        losers = [one for one in said if one.answer and (one.correction or one.thumb == "down")]
        lost: dict[str, list[str]] = {}
        for one in losers:
            lost.setdefault(normalized(one.question), []).append(one.answer)
        for one in said:
            document = self._document(one, lost.get(normalized(one.question), []))
            if document:
                yield document

    def _document(self, said: Said, lost: Sequence[str]) -> Document | None:
        if said.correction:
            text, weight, losers = said.correction, self._config.weight, [said.answer]
        elif said.thumb == "up":
            # without a loser beside it, an answer of the model's own teaches what it knows
            text, weight, losers = said.answer, int(self._config.thumbs_up), list(lost)
        else:
            return None
        rejected = next((one for one in losers if one and normalized(one) != normalized(text)), "")
        if not said.question or not text or not (weight or rejected):
            return None
        return Document(
            id=f"{RECORDS}{said.id}",
            source=FEEDBACK,
            title=said.question,
            text=text,
            license=self._config.license,
            event_time=utc(said.recorded_at).isoformat(),
            rejected=rejected,
            weight=weight,
            author=said.tenant,
        )


def sources_with_times(store: ArtifactStore, as_of: str, config: AggregateConfig, use_case: str) -> list[DatedSource]:
    """All sources with times; what users of `use_case` said is one where anything had been said by then."""
    found = dated_sources(store, as_of, config)
    if use_case and config.feedback.enabled:
        said = FeedbackSource(store, use_case, moment_of(as_of), config.feedback)
        found += [] if said.is_empty else [said]
    return found


def _in_turn(found: Iterable[Version[Any]]) -> list[Version[Any]]:
    """The newest of each tenant, then the second newest of each, and so on."""
    newest = sorted(found, key=lambda version: (version.recorded_at, version.id), reverse=True)
    turns: Counter[str] = Counter()
    ranked: list[tuple[int, Version[Any]]] = []
    for one in newest:
        tenant = one.content.tenant if one.content else ""
        ranked.append((turns[tenant], one))
        turns[tenant] += 1
    return [one for _, one in sorted(ranked, key=lambda entry: entry[0])]


def _by_answer(said: Iterable[Said]) -> Iterator[tuple[bool, Iterator[Version[Said]]]]:
    """Whether it was taken back, and all that was said, of each answer."""
    ordered = sorted(said, key=lambda one: (one.id, utc(one.recorded_at)))
    for _, mine in groupby(ordered, key=lambda one: one.id):
        all_of_it = list(mine)
        kept = (one for one in all_of_it if not one.erased)
        yield any(one.erased for one in all_of_it), (_version(one) for one in kept)


def _version(said: Said) -> Version[Said]:
    moment = utc(said.recorded_at)
    return Version(said.id, moment, moment, said, said.id)
