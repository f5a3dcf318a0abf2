"""Sources of texts without times: every record becomes a document, is quarantined, or repeats another one."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from include.artifacts.manifest import sha256_of
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.config import AggregateConfig, CollectionConfig
from include.data_preparation.config.collections import kind_of
from include.data_preparation.documents import Document
from include.data_preparation.locations import Entry, about, entries_of
from include.data_preparation.readers import Found, Reading, Row, Unreadable, UnreadableError
from include.data_preparation.sources.document_ids import document_id
from include.data_preparation.sources.licences import NOT_ONE, licence_of
from include.data_preparation.sources.provenance import without_credentials
from include.data_preparation.sources.quarantine import Quarantined
from include.data_preparation.sources.seen_ids import SeenIds
from include.data_preparation.sources.titles import title_of

FIELD = "data_preparation.aggregate.collections"
# what writers of datasets leave beside them; hidden files and folders are left out too
MARKERS = ("_SUCCESS", "_metadata", "_common_metadata", "_committed_", "_started_", "_temporary")
# in an error
NAMED = 3


@dataclass
class Tally:
    """What became of all that a source holds: `read` is the sum of documents, quarantined and repeated."""

    files: int = 0
    ignored: int = 0
    """Hidden files, markers, and files that the source's pattern leaves out."""
    foreign: int = 0
    """Files in no known format, links and devices; they are told beside what is quarantined, and not read."""
    opened: int = 0
    """Files of which something was read or lost, those inside of archives too."""
    read: int = 0
    documents: int = 0
    repeated: int = 0
    quarantined: int = 0
    broken: int = 0
    """Those of the quarantined that stand for a file, or for the rest of one."""
    formats: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    """The first that are quarantined, for an error."""
    first_foreign: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, Any]:
        """For metrics."""
        whole = ("files", "ignored", "opened", "read", "documents", "repeated", "quarantined")
        lost = {"quarantined_records": self.quarantined - self.broken, "broken_files": self.broken}
        kinds = {"formats": dict(sorted(self.formats.items())), "encodings": dict(sorted(self.encodings.items()))}
        return {name: getattr(self, name) for name in whole} | lost | {"foreign_files": self.foreign} | kinds

    def add(self, file: str, record: Unreadable) -> Quarantined:
        """Count what cannot be read, and say where it is."""
        self.foreign += record.foreign
        self.quarantined += not record.foreign
        self.broken += record.breaks
        first = self.first_foreign if record.foreign else self.first
        if len(first) < NAMED:
            first.append(file if record.foreign else f"{file}:{record.place} {record.reason}")
        return Quarantined(file, record.place, record.reason)


class Collection:
    """One source, its documents, and the tally that is complete once they have all been taken."""

    def __init__(self, store: ArtifactStore, source: CollectionConfig, config: AggregateConfig) -> None:
        self.source, self.tally, self._config = source, Tally(), config
        self.title = f"collection {source.name}"
        self._where, found = entries_of(store, source, config.limits, f"{FIELD}.{source.name}.location")
        self._files = [file for file in found if self._is_read(file.name)]
        self.tally.files, self.tally.ignored = len(self._files), len(found) - len(self._files)
        if not self._files:
            raise self._error(
                f"there are no files {source.files} in {self._where or without_credentials(source.location)}",
                "Put them there, or correct the location",
            )

    def _is_read(self, name: str) -> bool:
        *folders, file = PurePosixPath(name).parts
        hidden = any(folder.startswith((".", "_temporary")) for folder in folders)
        return not hidden and not file.startswith((".", *MARKERS)) and fnmatchcase(name, self.source.files)

    @property
    def state(self) -> str:
        """All that it holds now, in a few words that differ where it does."""
        states = []
        for file in self._files:
            with about(FIELD, self._where + file.name):
                states.append((file.name, file.state()))
        return f"{len(states)} files ({sha256_of(states)[:16]})"

    def documents(self, scratch: Path, quarantine: Callable[[str, list[Quarantined]], None]) -> Iterator[Document]:
        """Every record that is one, in the order of files and places; `quarantine` takes the places that hold none.

        SourceError where there is none, or more than `max_quarantined_share` is quarantined.
        """
        tally, source = self.tally, self.source
        reading = Reading(
            scratch, self._config.limits, source.columns, source.format, source.encoding, tally.formats, tally.encodings
        )
        with SeenIds(scratch) as seen:
            for file, found in self._found(scratch, reading):
                record = self._document(file, found, seen)
                tally.read += not (isinstance(record, Unreadable) and record.foreign)
                if isinstance(record, Document):
                    tally.documents += 1
                    yield record
                elif record:
                    quarantine(self.title, [tally.add(file, record)])
                else:
                    tally.repeated += 1
        assert tally.read == tally.documents + tally.quarantined + tally.repeated
        self._require_enough()

    def _found(self, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        names: set[str] = set()
        for file in self._files:
            before = skipped = ""
            for name, found in self._found_in(file, scratch, reading):
                name = name.encode("utf-8", "replace").decode()
                twice = name != before and name in names
                if twice and name != skipped:
                    yield name, Unreadable(0, "another file has its name", breaks=True)
                if twice:
                    skipped = name
                    continue
                if name != before:
                    self.tally.opened += not (isinstance(found, Unreadable) and found.foreign)
                names.add(name)
                before = name
                yield name, found
            # an empty table is a file, too
            self.tally.opened += not before

    def _found_in(self, file: Entry, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        if file.unusable:
            yield file.name, Unreadable(0, file.unusable, breaks=True)
            return
        with about(FIELD, self._where + file.name):
            yield from file.found(scratch, reading)

    def _document(self, file: str, found: Found, seen: SeenIds) -> Document | Unreadable | None:
        """The record as a document, or why it is none; None where it repeats another one."""
        if isinstance(found, Unreadable):
            return found
        try:
            document = self._made(file, found)
        except UnreadableError as error:
            return Unreadable(found.place, str(error))
        if not self.source.columns.id:
            return document
        same = seen.before(document.id, f"{document.title}\0{document.license}\0{document.label}\0{document.text}")
        if same is None:
            return document
        if not same and kind_of(self.source.location) == "sql":
            # which of the two comes first is the database's choice
            raise self._error("two rows have the same id and differ", "Let columns.id name a column that is unique")
        return None if same else Unreadable(found.place, "another record has its id, and says something else")

    def _made(self, file: str, row: Row) -> Document:
        name = _name(row.fields.get("id"))
        if self.source.columns.id and row.place and not name:
            raise UnreadableError("no id")
        text, title = _text(row.fields, "text"), _text(row.fields, "title")
        if not text.strip():
            raise UnreadableError("no text")
        if len(text) > (most := self._config.limits.max_record_characters):
            raise UnreadableError(f"{len(text)} characters, and a record may have {most} characters")
        licence = licence_of(_text(row.fields, "license"), self.source.license)
        if licence is None:
            raise UnreadableError(NOT_ONE)
        place = f"{file}#{row.place}" if row.place else file
        return Document(
            id=document_id("collection", self.source.name, name or place, self.source.ids),
            source=self.source.name,
            title=title_of(title, name or (place if row.place else PurePosixPath(file).stem), self.source.ids),
            text=text,
            license=licence,
            label=_name(row.fields.get("label")),
        )

    def _require_enough(self) -> None:
        tally, allowed = self.tally, self._config.max_quarantined_share
        first = "; ".join(tally.first)
        remedy = "Correct them, leave them out by the source's files, or raise aggregate.max_quarantined_share"
        bad = tally.quarantined
        if bad > allowed * tally.read:
            raise self._error(f"{bad} of {tally.read} records cannot be read (allowed: {allowed:.1%}): {first}", remedy)
        if tally.broken > allowed * tally.opened:
            raise self._error(
                f"{tally.broken} of {tally.opened} files cannot be read to their end (allowed: {allowed:.1%}): {first}",
                remedy,
            )
        if tally.foreign > tally.opened:
            raise self._error(
                f"{tally.foreign} of {tally.foreign + tally.opened} files are in no known format: "
                f"{', '.join(tally.first_foreign)}",
                "Leave them out by the source's files, or name their format",
            )
        if not tally.documents:
            raise self._error(
                f"there is no record in {self._where or without_credentials(self.source.location)}",
                "Put some there, or take the source off the list",
            )

    def _error(self, problem: str, remedy: str) -> SourceError:
        return SourceError(
            f"{FIELD}.{self.source.name}.location", without_credentials(self.source.location), problem, remedy
        )


def collections_of(store: ArtifactStore, config: AggregateConfig) -> list[Collection]:
    """The sources of a configuration; SourceError where one is empty, or may not be listed."""
    return [Collection(store, source, config) for source in config.collections]


def states(collections: list[Collection]) -> Mapping[str, str]:
    """Name -> state, for the fingerprint."""
    return {one.title: one.state for one in collections}


def _name(value: Any) -> str:
    """An id as text; empty where it is none."""
    if isinstance(value, float) and value.is_integer():
        # tables with a missing value somewhere hold whole numbers as floats
        value = int(value)
    if not isinstance(value, int | str | UUID) or isinstance(value, bool):
        return ""
    return str(value).strip().encode("utf-8", "replace").decode()


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise UnreadableError(f"{name} is no text")
    return value.encode("utf-8", "replace").decode()
