"""Records keep their ids through all steps, so that each can be followed."""

from pathlib import Path

from include.artifacts.store import ArtifactStore
from include.data_preparation.documents import DROPPED, read_dropped
from include.data_preparation.membership import TICKETS, Membership, find_record, read_records
from tests.data_preparation.conftest import Prepared


def follow(store: ArtifactStore, prepared: Prepared, record: str) -> dict[str, list[Membership]]:
    """Step -> where its artifacts have the record."""
    single = [prepared.aggregated, prepared.deduplicated, prepared.labelled, prepared.synthetic, prepared.divided]
    refs = [*single, *prepared.cleaned, *prepared.anonymized, prepared.final]
    search = find_record(store.bucket, [store.manifest(ref) for ref in refs], record, lambda done, total: None)
    assert search.unreadable == []
    found: dict[str, list[Membership]] = {}
    for ref, membership in search.found.items():
        found.setdefault(ref.step.rpartition(".")[2], []).append(membership)
    return found


def test_a_record_that_is_trained_on_is_in_every_dataset_before(store: ArtifactStore, prepared: Prepared) -> None:
    manifest = store.manifest(prepared.final)
    trained = read_records(store.bucket, [(manifest, "train.parquet")])
    assert len(trained.records) == trained.counts[str(prepared.final), "train.parquet"] == manifest.metrics["train"]

    for record in (min(trained.records), next(id for id in sorted(trained.records) if id.startswith("ticket:"))):
        found = follow(store, prepared, record)
        steps = {"aggregate", "clean", "deduplicate", "label", "anonymize", "split", "check"}
        assert found.keys() == steps
        assert {len(places) for places in found.values()} == {1}, "one shard of each"
        assert "train.parquet" in found["check"][0].files
        assert (TICKETS in found["aggregate"][0].files) == record.startswith("ticket:")


def test_a_dropped_record_is_in_no_dataset_after(store: ArtifactStore, prepared: Prepared, tmp_path: Path) -> None:
    folder = store.fetch(prepared.deduplicated, tmp_path, only=DROPPED)
    row = next(read_dropped(folder / DROPPED))

    found = follow(store, prepared, row.id)
    assert found["deduplicate"] == [Membership([], [row])]
    assert found.keys() == {"aggregate", "clean", "deduplicate"}
