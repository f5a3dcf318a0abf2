"""Read all sources, as they stood at a moment, into one sharded dataset with the ground truth of planted values."""

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.scratch import scratch_folder
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.core.pseudonym_key import key_id, pseudonym_key
from include.core.settings import settings
from include.data_preparation.config import AggregateConfig
from include.data_preparation.config.sources import BY_ENDPOINT, BY_TEMPLATES
from include.data_preparation.documents import Document, rank, read_all, write_planted
from include.data_preparation.shard_files import ShardFiles
from include.data_preparation.sources import docstrings, undated_sources
from include.data_preparation.sources.dated_sources import DatedSource, states
from include.data_preparation.sources.feedback import sources_with_times
from include.data_preparation.sources.provenance import Provenance, by_licence, provenance
from include.data_preparation.sources.quarantine import QUARANTINE, SHOWN, QuarantineFile
from include.data_preparation.sources.topics import topics
from include.data_preparation.sources.undated_sources import Collection, collections_of
from include.data_preparation.support_tickets.customers import write_ticket_tables

# no package is called so
VISIBLE, HELD = "visible in", "held by"


def observed(
    store: ArtifactStore,
    as_of: str,
    config: AggregateConfig,
    generated: ArtifactRef | None = None,
    use_case: str = "",
) -> dict[str, Any]:
    """Versions of the packages that are read, and what the sources with times show at the moment `as_of`.

    Where ids are hidden, the key that they are hidden under too. SourceError where one of them is missing,
    ConfigurationError where there is no key.
    """
    versions: dict[str, Any] = {"python": platform.python_version()}
    for name in config.packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            docstrings.package(name)
    if "hidden" in {*(one.ids for one in config.records), *(one.ids for one in config.collections)}:
        versions["pseudonym_key"] = key_id(pseudonym_key(settings()))
    with scratch_folder("records") as scratch:
        dated = states(sources_with_times(store, as_of, config, use_case), scratch)
    return versions | {VISIBLE: dated, HELD: undated_sources.states(collections_of(store, config))}


@step("dataset", observes=observed, through=("as_of", "use_case"), measures=("generated",))
def aggregate(
    work: Workspace,
    as_of: str,
    config: AggregateConfig,
    generated: ArtifactRef | None = None,
    use_case: str = "",
) -> None:
    """Topics, docstrings, tickets, records and what users of `use_case` said, visible at the moment `as_of`, and
    collections as they are now, as documents in `config.shards` files or more.

    quarantined.parquet names the places that hold no record, and the files in no known format. The metrics of a
    collection say what became of all that was read: read = documents + quarantined + repeated.
    """
    dated = sources_with_times(work.store, as_of, config, use_case)
    collections = collections_of(work.store, config)
    with QuarantineFile(work.output / QUARANTINE) as quarantine:
        shards, origins, origin_rows = _collect(work, dated, collections, config, quarantine)
    if generated:
        origin_rows += _add_generated(work, generated, shards)
    if not shards.documents:
        raise SourceError(
            "data_preparation.aggregate",
            ", ".join(row["name"] for row in origin_rows) or "none",
            f"no source that is switched on shows anything as of {as_of}",
            "Switch one on, or look at a later moment",
        )
    tickets = [ticket for source in dated for ticket in source.tickets]
    shards.close()
    write_planted(work.output, {one.document.id: one.truth for one in tickets}, (one.document for one in tickets))
    if tickets:
        write_ticket_tables(work.output, [ticket.row for ticket in tickets], config.seed)
    work.metrics.update(
        documents=shards.documents,
        sources=sum(1 for count in origins.values() if count),
        words=shards.words,
        shards=shards.shards,
        by_origin=dict(origins),
        by_license=by_licence(shards.by_license),
        dated={source.name: source.counts for source in dated},
        provenance=origin_rows,
        collections={one.title: one.tally.counts for one in collections},
    )
    _report(work, dated, collections, quarantine)


def _collect(
    work: Workspace,
    dated: list[DatedSource],
    collections: list[Collection],
    config: AggregateConfig,
    quarantine: QuarantineFile,
) -> tuple[ShardFiles, Counter[str], list[dict[str, Any]]]:
    """Shards that hold all documents, how many each source gave (0 where it gave none), and the provenance of each."""
    scratch = work.folder / "reading"
    scratch.mkdir()
    shards = ShardFiles(work.output, config.shards, config.shard_megabytes, scratch)
    names: set[str] = set()
    origins: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for origin, found in _sources(config):
        # the first of a name wins: a package may define it once a platform
        new = {document.id: document for document in reversed(found) if document.id not in names}
        names |= new.keys()
        origins[origin] += len(new)
        rows.append(_taken(new.values(), shards, origin, _installed(origin, config)).row())
    for source in dated:
        row = _taken(source.documents(scratch, quarantine.add), shards, source.name, source.location)
        origins[source.name] += source.shown.visible
        rows.append(row.row(source.quarantined))
    for one in collections:
        row = _taken(one.documents(scratch, quarantine.add), shards, one.title, one.source.location)
        origins[one.title] += one.tally.documents
        rows.append(row.row(one.tally.quarantined))
    return shards, origins, rows


def _taken(documents: Iterable[Document], shards: ShardFiles, name: str, location: str) -> Provenance:
    row = Provenance(name, location)
    for document in documents:
        shards.add(document)
        row.add(document)
    return row


def _add_generated(work: Workspace, generated: ArtifactRef, shards: ShardFiles) -> list[dict[str, Any]]:
    """Texts that were written for the dataset join here, and go the way of all others; the provenance of each kind."""
    measured = work.manifest(generated).metrics
    location = {BY_ENDPOINT: f"{measured['model']} at {measured['location']}", BY_TEMPLATES: "the use case"}
    documents = read_all(work.fetch(generated))
    for document in documents:
        shards.add(document)
    return [
        provenance(f"generated by {kind}", where, found)
        for kind, where in location.items()
        if (found := [document for document in documents if document.source == kind])
    ]


def _installed(origin: str, config: AggregateConfig) -> str:
    if origin in config.packages:
        return f"installed package {origin} {importlib.metadata.version(origin)}"
    return f"installed Python {platform.python_version()}"


def _sources(config: AggregateConfig) -> list[tuple[str, list[Document]]]:
    found: list[tuple[str, list[Document]]] = []
    if config.topics:
        found.append(("pydoc topics", topics()))
    if config.standard_library:
        library = _sample(list(docstrings.standard_library()), config.max_standard_library, config.seed)
        if not library:
            raise SourceError(
                "data_preparation.aggregate.standard_library",
                True,
                "this Python has no source files of its standard library",
                "Install them, or set it to false",
            )
        found.append(("standard library", library))
    for name in config.packages:
        found.append((name, _sample(docstrings.package(name), config.max_package, config.seed)))
    return found


def _sample(documents: list[Document], limit: int, seed: int) -> list[Document]:
    chosen = sorted(documents, key=lambda document: rank(seed, document.id))[:limit]
    return sorted(chosen, key=lambda document: document.id)


def _report(
    work: Workspace, dated: list[DatedSource], collections: list[Collection], quarantine: QuarantineFile
) -> None:
    counts = {source.name: source.counts for source in dated}
    headers = ["source", *next(iter(counts.values()), {})]
    _warn(work, dated, collections)
    report = Report("Aggregated sources").text(
        f"{work.metrics['documents']} documents, {work.metrics['words']} words. "
        "Tickets are generated by this project and marked as generated."
    )
    report.bars(work.metrics["by_origin"], "Documents by origin")
    report.bars(work.metrics["by_license"], "Documents by licence")
    report.table(headers, [(name, *row.values()) for name, row in counts.items()], "Sources with times, as they stood")
    report.text(
        "Late: recorded after a record that happened later. Corrected: an earlier version was recorded before. Deleted "
        "and erased records are left out, erased ones at every moment. Quarantined lines are no records. Foreign: "
        "notes beside the record files."
    )
    if collections:
        _report_collections(report, collections)
    reasons = [(*key, count) for key, count in sorted(quarantine.reasons.items(), key=lambda item: (-item[1], item[0]))]
    report.table(["source", "reason", "entries"], reasons, f"Not read, and why: {quarantine.reasons.total()} entries")
    shown = [astuple(row) for rows in quarantine.shown.values() for row in rows]
    title = f"The first {SHOWN} of each source; {QUARANTINE} of the artifact has all"
    report.table(["source", "file", "line", "reason"], shown, title)
    report.write(work.output)


def _warn(work: Workspace, dated: list[DatedSource], collections: list[Collection]) -> None:
    for source in dated:
        if source.undated:
            work.log.warning("%s: %d lines are no records and tell no time", source.name, source.undated)
    for one in collections:
        if one.tally.foreign:
            names = ", ".join(one.tally.first_foreign)
            work.log.warning("%s: %d files are not read, such as %s", one.title, one.tally.foreign, names)


def _report_collections(report: Report, collections: list[Collection]) -> None:
    files = ("files", "ignored", "opened", "broken_files", "foreign_files")
    records = ("read", "documents", "repeated", "quarantined_records")
    rows = [(one.title, *(one.tally.counts[name] for name in (*files, *records))) for one in collections]
    report.table(["source", *files, *records], rows, "Sources without times, as they are now")
    report.text(
        "Files lie in the source; ignored are hidden ones, markers of those who write datasets, and those that the "
        "source leaves out. Opened count those inside of archives, too; of these, broken ones could not be read to "
        "their end. Foreign ones are in no known format, or links and devices inside of archives. Read is the sum of "
        "documents, repeated and quarantined records, and broken files, each of which counts once."
    )
    kinds = [
        (one.title, what, kind, count)
        for one in collections
        for what, counted in (("format", one.tally.formats), ("encoding", one.tally.encodings))
        for kind, count in sorted(counted.items())
    ]
    report.table(["source", "what", "kind", "files"], kinds, "How they were read")
