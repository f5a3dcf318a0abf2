"""The data card: its figures, its schema, what it shows and what it does not."""

import json
from pathlib import Path

import pyarrow.parquet
import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.pseudonym_key import pseudonym_key
from include.core.settings import settings
from include.data_preparation.audit_leaks import audit_leaks
from include.data_preparation.card import card_figures
from include.data_preparation.card.data_card import SCHEMA_FILE, DataCard, Sample, read_card
from include.data_preparation.card.data_card_page import card_page
from include.data_preparation.card.gates import Leak, privacy_gates, secret_gate
from include.data_preparation.check import TABLES, check
from include.data_preparation.config import CheckConfig
from include.data_preparation.documents import read_table
from include.data_preparation.privacy.known_values import REMOVED, digest
from include.data_preparation.sources.provenance import without_credentials
from include.privacy.pseudonyms import normalized
from tests.data_preparation.conftest import SMALL, Prepared

CHECKED = ("aggregated", "cleaned", "deduplicated", "labelled", "synthetic", "charter")


@pytest.fixture(scope="module")
def folder(store: ArtifactStore, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store.fetch(prepared.final, tmp_path_factory.mktemp("card") / "final")


def test_the_card_counts_what_the_tables_hold(folder: Path) -> None:
    card = read_card(folder)
    for name, figure in card.splits.items():
        rows = read_table(folder / f"{name}.parquet")
        assert figure.records == len(rows) == sum(figure.lengths[0].counts) == sum(figure.sources.values())
    stages = {stage.name: stage for stage in card.funnel}
    assert stages["read"].records == sum(source.records + source.quarantined for source in card.sources)
    lost = [(one, next_one) for one, next_one in zip(card.funnel, card.funnel[1:], strict=False) if next_one.lost]
    assert all(one.records - next_one.records == next_one.lost for one, next_one in lost)
    reasons = sum(sum(counts.values()) for by_source in card.dropped.values() for counts in by_source.values())
    assert reasons == stages["aggregated"].records - stages["deduplicated"].records


def test_every_source_says_where_it_comes_from(folder: Path) -> None:
    card = read_card(folder)
    click = next(source for source in card.sources if source.name == "click")
    assert click.location.startswith("installed package click ")
    assert click.licences == {"BSD-3-Clause": click.records} and len(click.digest) == 64
    assert all(source.location and source.licences for source in card.sources)


def test_the_schema_beside_the_card_is_its_own(folder: Path) -> None:
    schema = json.loads((folder / SCHEMA_FILE).read_text())
    card = json.loads((folder / "card.json").read_text())
    assert set(schema["properties"]) == set(card)
    assert schema == DataCard.model_json_schema()


def test_samples_are_finished_rows_of_each_split_and_safe_to_show(folder: Path) -> None:
    card = read_card(folder)
    assert {sample.split for sample in card.samples} == {"train", "heldout", "corpus"}
    known = {row["id"]: row["text"] for row in read_table(folder / "corpus.parquet")}
    assert all(known[one.id].startswith(one.text[:500]) for one in card.samples if one.split == "corpus")

    evil = Sample(split="corpus", id="x", source="web", text="<script>alert(1)</script>")
    page = card_page(card.model_copy(update={"samples": (evil,)})).page()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_document_that_leaks_is_no_sample() -> None:
    rows = [{"id": str(number), "source": "web", "text": f"text {number}"} for number in range(6)]
    found = card_figures.samples({"corpus": rows}, {"0", "1", "2"})
    assert {sample.id for sample in found} == {"3", "4", "5"}


@step("dataset", measures=("source",))
def with_removed(work: Workspace, source: ArtifactRef, names: list[str]) -> None:
    """An anonymized shard that says of more names that they were removed."""
    found = json.loads((work.fetch(source, only=REMOVED) / REMOVED).read_text())
    found["PERSON"] += [digest(pseudonym_key(settings()), "PERSON", name) for name in names]
    (work.output / REMOVED).write_text(json.dumps(found))
    work.metrics.update(work.manifest(source).metrics)


@step("dataset")
def with_name(work: Workspace, source: ArtifactRef, document: str, name: str) -> None:
    """A divided dataset in which a name stands at the end of what a document says."""
    folder = work.fetch(source)
    for table in TABLES:
        rows = pyarrow.parquet.read_table(folder / table)
        told = [
            row | {key: f"{row[key]} {name}" for key in ("answer", "text") if key in row and row["id"] == document}
            for row in rows.to_pylist()
        ]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(told, schema=rows.schema), work.output / table)


def test_a_document_that_the_audit_finds_something_in_is_no_sample(
    store: ArtifactStore, prepared: Prepared, folder: Path, tmp_path: Path
) -> None:
    shown, name = next(one.id for one in read_card(folder).samples if one.id.startswith("ticket:")), "Oleander Quimby"
    dataset = with_name(store, source=prepared.divided, document=shown, name=name)
    first, *others = prepared.anonymized
    arguments = {name: getattr(prepared, name) for name in CHECKED}
    anonymized = [with_removed(store, source=first, names=[normalized("PERSON", name)]), *others]
    again = check(
        store,
        dataset=dataset,
        anonymized=anonymized,
        audits=[
            audit_leaks(store, dataset=dataset, anonymized=anonymized, part=part) for part in range(len(anonymized))
        ],
        config=SMALL.check.model_copy(update={"max_leaked_share": 0.1}),
        **arguments,
    )

    samples = read_card(store.fetch(again, tmp_path / "again")).samples
    assert samples and shown not in {one.id for one in samples}


def test_a_histogram_says_what_it_shows() -> None:
    page = Report("r").columns(["short", "long"], {"before": [1, 3], "now <b>": [0, 2]}, "Length", "words").page()
    assert '<title id="t1">Length</title>' in page and "before: short 1, long 3. now &lt;b&gt;: short 0, long 2" in page
    assert 'role="img"' in page
    with pytest.raises(ValueError, match="a value a bin"):
        Report("r").columns(["short", "long"], {"before": [1]})


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:secret@example.org/a?token=1#x", "https://example.org/a"),
        ("s3:notes/", "s3:notes/"),
        ("data/notes", "data/notes"),
        ("postgresql://app:pw@db:5432/tickets", "postgresql://db:5432/tickets"),
    ],
)
def test_a_location_is_shown_without_credentials(location: str, shown: str) -> None:
    assert without_credentials(location) == shown


def test_no_sample_is_shown_where_personal_data_or_secrets_may_be_left(folder: Path) -> None:
    leak, secret = [Leak("a", "CREDIT_CARD")], [{"text": "AKIA" + "IOSFODNN7EXAMPL3"}]
    failed = [gate for gate in (*privacy_gates(leak, 1, CheckConfig()), secret_gate([secret])) if not gate.passed]
    assert len(failed) >= 2 and all(gate.private for gate in failed)

    page = card_page(read_card(folder).model_copy(update={"samples": ()})).page()
    assert "None are shown: a gate on personal data or secrets is not passed." in page
