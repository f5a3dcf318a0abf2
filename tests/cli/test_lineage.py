"""`genai lineage`: from a model back to its records, from a record to what serves, and its three forms."""

import json
import xml.etree.ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import MANIFEST, ArtifactStore
from include.cli.lineage.command import answer
from include.cli.lineage.view import View
from include.cli.main import BAD_INPUT, OK, main
from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, settings
from include.data_preparation.membership import ALL
from include.evaluation.trained_on import file_read
from tests.cli.lineage_chain import USE_CASE, Chain, deploy, make, run_chain
from tests.conftest import ObjectStoreServer, free_ports

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def own_store(object_store_server: ObjectStoreServer) -> ArtifactStore:
    store = object_store_server.store(bucket="cli-lineage")
    store.bucket.ensure()
    return store


@pytest.fixture(scope="module")
def chain(own_store: ArtifactStore) -> Chain:
    return run_chain(own_store)


@pytest.fixture
def command(own_store: ArtifactStore, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line's settings name the store."""
    for name, value in own_store.bucket.address.environment().items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def notes(view: View) -> dict[str, str]:
    """Step, or what is no artifact, and its note; shards apart."""
    return {item.title.partition("/")[0]: item.note for item in view.items.values() if "shard" not in item.facts}


def test_a_model_leads_back_to_the_records_it_was_trained_on(own_store: ArtifactStore, chain: Chain) -> None:
    for ref in (chain.model_name, USE_CASE):
        view = answer(own_store, ref, records=True)
        assert view.items[view.root].note.startswith(f"champion of {USE_CASE} since ")
        titles = {item.title for item in view.items.values()}
        assert {str(ref) for ref in (chain.package, chain.adapter, chain.checked, chain.aggregated)} <= titles
        assert str(chain.scratch) not in titles
        assert view.records
        assert view.records["ids"] == ["doc:0"]
        assert view.records["by_license"] == {"Apache-2.0": 1}
        assert [part["file"] for part in view.records["files"]] == ["train.parquet"]


def test_a_model_from_scratch_was_trained_on_the_corpus_too(own_store: ArtifactStore, chain: Chain) -> None:
    view = answer(own_store, f"{chain.scratch.step}/{chain.scratch.fingerprint[:6]}", records=True)
    assert view.records and view.records["ids"] == ["doc:0", "doc:2"]


def test_a_record_leads_forward_to_what_serves(own_store: ArtifactStore, chain: Chain) -> None:
    found = notes(answer(own_store, "doc:0"))

    assert found["data_preparation.check"] == "holds it in corpus.parquet, train.parquet"
    assert found["customization.tune"] == "trained on it (train.parquet)"
    assert found["training.pretrain"] == "trained on it (corpus.parquet, train.parquet)"
    assert found["inferencing.package"] == "made of what was trained on it"
    assert found[chain.model_name].startswith(f"champion of {USE_CASE} since ")
    assert found[chain.model_name].endswith("deployed by run run-1")
    assert "training.import_pretrained" not in found


def test_what_is_held_out_went_into_no_model(own_store: ArtifactStore, chain: Chain) -> None:
    view = answer(own_store, "doc:1")
    found = notes(view)

    assert found["customization.tune"] == found["training.pretrain"] == "held out, not trained on it"
    assert "heldout.parquet" in found["evaluation.evaluate"]
    assert not {item.kind for item in view.items.values()} & {"package", "deployment"}
    assert view.notes == ["held by 5 of 7 datasets; went into no model; serving now: none of these"]


def test_a_model_that_reads_the_questions_only_is_not_affected_by_the_corpus(
    own_store: ArtifactStore, chain: Chain
) -> None:
    found = notes(answer(own_store, "doc:2"))

    assert found["training.pretrain"] == "trained on it (corpus.parquet)"
    assert found["customization.tune"] == "not trained on it, which is in corpus only"
    assert "inferencing.package" not in found


@pytest.mark.parametrize(
    ("record", "step", "note"),
    [
        ("doc:3", "data_preparation.clean", "dropped it (clean: too short)"),
        ("doc:4", "data_preparation.deduplicate", "dropped it (deduplicate: same text as doc:2)"),
        ("ticket:T1", "data_preparation.split", "left it out"),
        ("ticket:T1", "data_preparation.synthesize", "fitted to the table that holds it"),
    ],
)
def test_a_dropped_record_goes_no_further(
    own_store: ArtifactStore, chain: Chain, record: str, step: str, note: str
) -> None:
    view = answer(own_store, record)

    assert note in {item.note for item in view.items.values() if item.title.startswith(f"{step}/")}
    assert "data_preparation.check" not in notes(view)
    assert not {item.kind for item in view.items.values()} & {"model", "adapter", "package", "deployment"}


def test_an_artifact_leads_forward_to_all_that_descends_from_it(own_store: ArtifactStore, chain: Chain) -> None:
    found = notes(answer(own_store, str(chain.checked), forward=True))
    steps = {"training.pretrain", "customization.tune", "evaluation.evaluate", "inferencing.package"}
    assert steps | {"data_preparation.check", chain.model_name} == set(found)


def test_what_served_before_is_told_with_its_runs(object_store_server: ObjectStoreServer) -> None:
    store = object_store_server.store(bucket="cli-lineage-before")
    store.bucket.ensure()
    packages = [make(store, "inferencing.package", {"x.parquet": [str(number)]}) for number in range(3)]
    names = [deploy(store, ref, f"run-{number}") for number, ref in enumerate(packages)]

    states = [notes(answer(store, str(ref), forward=True))[name] for ref, name in zip(packages, names, strict=True)]
    assert states[0] == f"deployed earlier of {USE_CASE}, deployed by run run-0"
    assert states[1] == f"previous champion of {USE_CASE}, deployed by run run-1"
    assert states[2].startswith(f"champion of {USE_CASE} since ")


def test_a_champion_whose_package_is_gone_is_still_known(object_store_server: ObjectStoreServer) -> None:
    store = object_store_server.store(bucket="cli-lineage-gone")
    store.bucket.ensure()
    chain = run_chain(store)
    store.bucket.delete([f"{ref.prefix}/{MANIFEST}" for ref in (chain.checked, chain.divided)])
    store.bucket.put_bytes(f"{chain.scratch.prefix}/{MANIFEST}", b"{}")

    view = answer(store, USE_CASE, records=True)
    assert [item.title for item in view.items.values() if item.gone] == [str(chain.checked)]
    assert view.records and view.records["count"] == 0
    assert f"records of {chain.checked}: unknown, it is gone" in view.notes
    assert any(note.startswith("1 manifests are damaged") for note in view.notes)

    store.bucket.delete([f"{chain.package.prefix}/{MANIFEST}"])
    (package,) = [item for item in answer(store, chain.model_name).items.values() if item.kind == "package"]
    assert package.gone


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("customization.tune/abc", "fewer than 6 characters"),
        ("customization.tune/000000000000", "customization.tune/"),
        ("customization.tuen/000000000000", "there are: customization.tune"),
        ("smal", "there are: small, small-"),
        ("doc:99", "no table of a dataset has this record"),
    ],
)
def test_an_unknown_name_lists_candidates(own_store: ArtifactStore, chain: Chain, ref: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match="REF") as error:
        answer(own_store, ref)
    assert message in str(error.value)


def test_a_use_case_without_a_champion_says_so(object_store_server: ObjectStoreServer) -> None:
    store = object_store_server.store(bucket="cli-lineage-none")
    store.bucket.ensure()
    make(store, "training.pretrain")
    with pytest.raises(ConfigurationError, match="the use case has no champion yet"):
        answer(store, USE_CASE)


@pytest.mark.usefixtures("command")
def test_the_tree_shows_each_artifact_once(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", USE_CASE, "--records"]) == OK
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].startswith(chain.model_name)
    assert lines[1].startswith(f"└─ package: {chain.package}")
    assert sum(f"─ dataset: {chain.checked}" in line for line in lines) == 1
    assert sum("(2 shards)" in line and "also" not in line for line in lines) == 1
    assert lines[-1].strip() == "doc:0"


@pytest.mark.usefixtures("command")
def test_json_has_one_record_a_line(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", str(chain.scratch), "--records", "--format", "json"]) == OK
    text = capsys.readouterr().out
    shown: dict[str, Any] = json.loads(text)

    assert shown["records"]["ids"] == ["doc:0", "doc:2"]
    assert '\n   "doc:0",\n   "doc:2"\n' in text
    ids = {node["id"] for node in shown["nodes"]}
    assert {edge[side] for edge in shown["edges"] for side in ("source", "target")} <= ids


@pytest.mark.usefixtures("command")
def test_the_drawing_flows_from_left_to_right(chain: Chain, tmp_path: Path) -> None:
    for arguments in ([USE_CASE], ["doc:0"], [str(chain.checked), "--forward"]):
        file = tmp_path / "lineage.svg"
        assert main(["lineage", *arguments, "--format", "svg", "--output", str(file)]) == OK
        root = xml.etree.ElementTree.fromstring(file.read_text())
        boxes = {
            text: float(box.attrib["x"])
            for group in root.iter(f"{SVG}g")
            if (box := group.find(f"{SVG}rect")) is not None and (text := group.findtext(f"{SVG}title"))
        }
        x = {name.partition("/")[0]: place for name, place in boxes.items()}
        assert x["data_preparation.check"] < x["customization.tune"] < x["inferencing.package"]
        assert "prefers-color-scheme: dark" in file.read_text()
        assert "href" not in file.read_text()


@pytest.mark.usefixtures("command")
def test_a_file_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["lineage", USE_CASE, "--output", str(tmp_path / "no" / "x")]) == BAD_INPUT
    assert capsys.readouterr().err.startswith("genai: --output = ")


def test_a_store_that_does_not_run_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENAI_STATE_FOLDER", str(tmp_path))
    monkeypatch.setenv("GENAI_S3_PORT", str(free_ports(1)))
    settings.cache_clear()
    try:
        assert main(["lineage", "python_assistant"]) == BAD_INPUT
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    error = capsys.readouterr().err
    assert "the local stack's object store does not run" in error and "genai up" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("record", "affected"),
    [
        ("doc:0", {"continued_pretraining", "lora", "grpo", "rewarded"}),
        ("doc:2", {"continued_pretraining"}),
        ("doc:5", {"dpo", "reward_model", "rewarded", "lora", "grpo"}),
        ("people:a.jsonl:1", {"dpo", "reward_model", "rewarded"}),
    ],
)
def test_a_record_went_into_what_its_technique_reads(
    object_store_server: ObjectStoreServer, record: str, affected: set[str]
) -> None:
    store = object_store_server.store(bucket="cli-lineage-techniques")
    store.bucket.ensure()
    tables = {"train.parquet": ["doc:0", "doc:5"], "corpus.parquet": ["doc:0", "doc:2"], "heldout.parquet": ["doc:1"]}
    dataset = make(store, "data_preparation.check", tables)
    learnt = {"preferences.parquet": ["doc:5", "people:a.jsonl:1"]}
    pairs = make(store, "customization.collect_preferences", learnt, dataset=dataset)

    def adapter(technique: str, step: str = "customization.tune", **inputs: Any) -> ArtifactRef:
        return make(store, step, config={"technique": technique}, **inputs)

    scorer = adapter("reward_model", "customization.train_reward_model", preferences=pairs)
    made = {name: adapter(name, dataset=dataset) for name in ("continued_pretraining", "lora", "grpo")}
    made |= {"dpo": adapter("dpo", dataset=dataset, preferences=pairs), "reward_model": scorer}
    made["rewarded"] = adapter("grpo", dataset=dataset, reward_model=scorer, seed=1)

    view = answer(store, record)

    met = {item.id: item.note for item in view.items.values() if "trained on it" in item.note}
    went = {name for name, ref in made.items() if not met.get(f"{ref.step}/{ref.fingerprint}", "not").startswith("not")}
    assert went == affected
    behind = answer(store, str(made["dpo"]), records=True)
    assert behind.records and behind.records["ids"] == ["doc:5", "people:a.jsonl:1"]


def test_a_job_reads_the_file_that_lineage_says_it_trains_on() -> None:
    jobs = {"dpo": "dpo_job", "grpo": "grpo_job", "reward_model": "reward_job"}
    for technique, job in jobs.items():
        source = PROJECT_ROOT.joinpath("include", "customization", f"{job}.py").read_text()
        assert {file for file in ALL if file in source} == {file_read(technique)}, technique
