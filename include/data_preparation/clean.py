"""Repair and tidy the texts of one shard, and drop those that are no use, each with its reason."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.cleaning.boilerplate import REPEATED, RepeatedLine, cut
from include.data_preparation.cleaning.languages import UNKNOWN, identify
from include.data_preparation.cleaning.markup import without_markup
from include.data_preparation.cleaning.messages import without_quotes
from include.data_preparation.cleaning.quality import verdict
from include.data_preparation.config import CleanConfig
from include.data_preparation.documents import (
    DROPPED,
    PLANTED,
    Document,
    Dropped,
    read_documents,
    read_planted,
    read_table,
    shard_name,
    write_planted,
    write_rows,
)
from include.privacy.secrets import redact

# what needs no repair: printable ASCII without entities
_DAMAGED = re.compile(r"[^\n\t\x20-\x7e]|&")
# characters of no width: in any text, and the joiners of other scripts and of emoji where letters need none
_INVISIBLE = re.compile(r"[\u00ad\u200b\u2060\ufeff]|(?<=[!-~])[\u200c\u200d]+(?=[!-~])")
REPEATED_LINE = "repeated line"


@dataclass
class _Cleaned:
    """A shard's documents, and what was taken out of them or left out."""

    kept: list[Document] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    secrets: Counter[str] = field(default_factory=Counter)
    boilerplate: Counter[str] = field(default_factory=Counter)
    boilerplate_characters: int = 0
    languages: Counter[str] = field(default_factory=Counter)


@step("dataset", measures=("repeated",))
def clean(
    work: Workspace, source: ArtifactRef, shard: int, config: CleanConfig, repeated: ArtifactRef | None = None
) -> None:
    """Shard `shard` of the aggregated documents, tidied, filtered, without boilerplate and secrets.

    `repeated` is what find_boilerplate found in all shards. Metrics count what was dropped by source and reason, and
    what was cut out of texts that stay by kind.
    """
    documents = read_documents(work.fetch(source, only=shard_name(shard)) / shard_name(shard))
    lines, least = _repeated_lines(work, repeated)
    done = _Cleaned()
    for document in documents:
        _clean_one(document, done, lines[document.source], least, config)
    write_rows(work.output / shard_name(0), Document, done.kept)
    write_rows(work.output / DROPPED, Dropped, done.dropped)
    write_planted(work.output, read_planted(work.fetch(source, only=PLANTED)), done.kept)
    _measure(work, done, len(documents))
    _report(shard, done, work.metrics).write(work.output)


def tidy(text: str) -> str:
    """Text without encoding damage, markup and stray whitespace."""
    if _DAMAGED.search(text):
        import ftfy

        text = ftfy.fix_text(text, normalization="NFC").replace("\x00", "")
        text = _INVISIBLE.sub("", text)
    return without_markup(text.replace("\t", "    "))


def tidy_title(title: str) -> str:
    """A title in one line, repaired as texts are; where that would leave nothing, only its whitespace is."""
    line = " ".join(title.split())
    return " ".join(tidy(line).split()) or line


def _repeated_lines(work: Workspace, repeated: ArtifactRef | None) -> tuple[Mapping[str, frozenset[bytes]], int]:
    """The keys of repeated lines by source, and the words from which a line counts."""
    found: defaultdict[str, set[bytes]] = defaultdict(set)
    if repeated is None:
        return defaultdict(frozenset), 0
    for row in read_table(work.fetch(repeated, only=REPEATED) / REPEATED):
        line = RepeatedLine(**row)
        found[line.source].add(bytes.fromhex(line.digest))
    keys = {source: frozenset(mine) for source, mine in found.items()}
    return defaultdict(frozenset, keys), int(work.manifest(repeated).metrics["min_words"])


def _clean_one(document: Document, done: _Cleaned, repeated: frozenset[bytes], least: int, config: CleanConfig) -> None:
    removed: Counter[str] = Counter()
    text, removed[REPEATED_LINE] = cut(document.source, document.text, repeated, least, config.min_words)
    if config.quoted_replies:
        text = without_quotes(text, removed)
    characters = len(document.text) - len(text)
    text = tidy(text)
    answer = verdict(text, config)
    if answer is not True:
        done.dropped.append(Dropped(document.id, document.source, "clean", str(answer)))
        return
    found = identify(text, config.language_min_characters)
    title = redact(tidy_title(document.title), done.secrets)
    rejected = redact(tidy(document.rejected), done.secrets)
    done.kept.append(replace(document, title=title, text=redact(text, done.secrets), rejected=rejected))
    done.boilerplate.update(+removed)
    done.boilerplate_characters += characters
    done.languages[found.code if found and found.score >= config.language_confidence else UNKNOWN] += 1


def _measure(work: Workspace, done: _Cleaned, raw: int) -> None:
    by_source: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in done.dropped:
        by_source[row.source][row.reason.partition(":")[0]] += 1
    reasons = sum(by_source.values(), Counter[str]())
    work.metrics.update(documents=len(done.kept), dropped=len(done.dropped), raw=raw, shards=1)
    work.metrics.update(
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        dropped_by_source={source: dict(sorted(counts.items())) for source, counts in sorted(by_source.items())},
        secrets=dict(sorted(done.secrets.items())),
        boilerplate=dict(sorted(done.boilerplate.items())),
        boilerplate_characters=done.boilerplate_characters,
        languages=dict(sorted(done.languages.items())),
    )


def _report(shard: int, done: _Cleaned, metrics: dict[str, Any]) -> Report:
    by_source = metrics["dropped_by_source"]
    rows = [(reason, *(by_source[name].get(reason, 0) for name in by_source)) for reason in metrics["reasons"]]
    return (
        Report(f"Cleaning, shard {shard}")
        .bars({"read": metrics["raw"], "kept": metrics["documents"]}, "Documents")
        .bars(metrics["reasons"], "Dropped, by reason")
        .table(["reason", *by_source], rows, "Dropped, by reason and source")
        .bars(metrics["languages"], "Language of what is kept")
        .bars(metrics["boilerplate"], "Lines of boilerplate removed, by kind")
        .bars(metrics["secrets"], "Secrets removed, by kind")
        .table(
            ["document", "reason"], [(row.id, row.reason) for row in done.dropped[:50]], "The first that were dropped"
        )
    )
