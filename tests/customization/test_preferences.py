"""Pairs of answers: what files may hold, what is kept out, and the model's own answers beside the references."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from include.artifacts.outcome import Outcome
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, SourceError
from include.customization.collect_preferences import collect_preferences
from include.customization.config import CustomizationConfig, PreferencesConfig
from include.data_preparation.config import SplitConfig
from include.evaluation.development import development_ids
from tests.training.sample_dataset import sample_dataset
from tests.training.tiny_model import tiny_model

VARIANT = CustomizationConfig.model_validate({"techniques": ["again"], "variants": {"again": {"technique": "dpo"}}})
DPO = CustomizationConfig(techniques=("lora", "dpo"))


class Collection:
    """Files of pairs beside a dataset of 40 questions, 4 of them for development, and 4 held out."""

    def __init__(self, store: ArtifactStore, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.model, self.dataset = tiny_model(store), sample_dataset(store, train=40, heldout=4)
        self.train = self._rows("train.parquet")
        self.heldout = self._rows("heldout.parquet")

    def _rows(self, name: str) -> list[dict[str, Any]]:
        at = self.store.fetch(self.dataset, self.folder / name.partition(".")[0], only=name)
        found: list[dict[str, Any]] = pq.read_table(at / name).to_pylist()
        return found

    def put(self, name: str, rows: Iterable[object]) -> None:
        lines = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows).encode()
        (self.folder / "pairs").mkdir(exist_ok=True)
        (self.folder / "pairs" / name).write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)

    def collect(self, customization: CustomizationConfig = DPO, **knobs: object) -> Outcome:
        where = (
            {"files": [{"name": "people", "location": str(self.folder / "pairs"), "license": "MIT"}]}
            if self.has_files
            else {}
        )
        config = PreferencesConfig.model_validate(where | {"own_answers": 0, "min_pairs": 2} | knobs)
        section = customization.model_dump(mode="json")
        arguments = {"model": self.model, "dataset": self.dataset, "customization": section, "config": config}
        arguments["split"] = self.split()
        return collect_preferences.run(self.store, arguments)

    def split(self) -> dict[str, Any]:
        """What data_preparation keeps out of training; an evaluation set where there is a folder of one."""
        exam = {"name": "exam", "location": str(self.folder / "exam")}
        sets = [exam] if (self.folder / "exam").exists() else []
        return SplitConfig.model_validate({"evaluation_sets": sets}).model_dump(mode="json")

    @property
    def has_files(self) -> bool:
        return (self.folder / "pairs").exists()

    def pairs(self, outcome: Outcome) -> list[dict[str, str]]:
        at = self.store.fetch(outcome.ref, self.folder / outcome.ref.fingerprint)
        found: list[dict[str, str]] = pq.read_table(at / "preferences.parquet").to_pylist()
        return found


@pytest.fixture
def collection(store: ArtifactStore, tmp_path: Path) -> Collection:
    return Collection(store, tmp_path)


def pair(number: int, **fields: object) -> dict[str, object]:
    return {"prompt": f"What is {number}?", "chosen": f"It is {number}.", "rejected": "No idea."} | fields


def test_rows_that_are_no_pairs_are_set_aside_with_their_reasons(collection: Collection) -> None:
    turns = {
        "chosen": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}],
        "rejected": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "No."}],
    }
    wrong: list[object] = [
        pair(1, rejected=None),
        pair(2, rejected=" "),
        pair(3, rejected="It  is 3."),
        pair(4, prompt=""),
        pair(5, chosen="x" * 300),
        pair(6, chosen=["It is 6."]),
        pair(8, rejected=7),
        pair(7, chosen="\ud800"),
        pair(10),
        pair(11, chosen="No idea.", rejected="It is 11."),
        "{\n",
        "[1]\n",
    ]
    collection.put("a.jsonl", [pair(10), pair(11), {"question": "Who?", "chosen": "You.", "rejected": "Me."}, *wrong])
    collection.put("b.jsonl.gz", [turns])
    table = pyarrow.table({"prompt": ["What?"], "chosen": ["That."], "rejected": ["This."], "score": [1]})
    pq.write_table(table, collection.folder / "pairs" / "c.parquet")

    outcome = collection.collect(max_characters=200, max_quarantined_share=0.9)

    found = [(one["question"], one["chosen"], one["rejected"]) for one in collection.pairs(outcome)]
    assert found == [
        ("What is 10?", "It is 10.", "No idea."),
        ("What is 11?", "It is 11.", "No idea."),
        ("Who?", "You.", "Me."),
        ("Why?", "Because.", "No."),
        ("What?", "That.", "This."),
    ]
    assert outcome.metrics["licences"] == {"MIT": 5}
    with pytest.raises(ValidationError, match=r"files\.0\.license"):
        PreferencesConfig.model_validate({"files": [{"name": "people", "location": "pairs"}]})
    assert outcome.metrics["reasons"] == {
        "a pair without a loser": 2,
        "no object with fields": 2,
        "chosen and rejected are equal": 1,
        "question is missing or empty": 1,
        "chosen is longer than 200 characters": 1,
        "chosen is missing or empty": 1,
        "rejected is no text": 1,
        "chosen is not UTF-8": 1,
        "the same pair again": 1,
        "an earlier row calls the other answer better": 1,
    }
    with pytest.raises(SourceError, match=r"12 of 17 rows are no pairs \(allowed: 10.0%\): a.jsonl:4 a pair without"):
        collection.collect(max_characters=200)


def test_a_damaged_file_is_named(collection: Collection) -> None:
    collection.put("a.jsonl.gz", [pair(number) for number in range(200)])
    file = collection.folder / "pairs" / "a.jsonl.gz"
    packed = bytearray(file.read_bytes())
    packed[40:60] = bytes(20)
    file.write_bytes(packed)

    with pytest.raises(SourceError, match=r"a\.jsonl\.gz.*it is damaged"):
        collection.collect()


def test_what_models_are_judged_by_is_kept_out_and_a_changed_file_is_read_again(collection: Collection) -> None:
    development = development_ids(row["id"] for row in collection.train)
    judged = next(row for row in collection.train if row["id"] in development)
    held = collection.heldout
    shown = [
        pair(0, prompt=held[0]["question"].upper()),
        pair(1, chosen=f"As it says: {held[1]['answer']} Yes."),
        pair(2, rejected=held[2]["answer"]),
        pair(3, prompt=judged["question"]),
        pair(4, prompt=f"Tell me, as I have wondered for long: {held[3]['question']} Be short."),
        pair(5, rejected=f"Somebody once asked me {held[0]['question']} and I did not know."),
    ]
    collection.put("a.jsonl", [*shown, pair(10), pair(11)])

    outcome = collection.collect()

    assert {name: count for name, count in outcome.metrics["excluded"].items() if count} == {
        "held-out questions": 3,
        "held-out answers": 2,
        "development questions": 1,
    }
    assert [one["question"] for one in collection.pairs(outcome)] == ["What is 10?", "What is 11?"]
    assert collection.collect().reused
    collection.put("a.jsonl", [pair(12), pair(13)])
    again = collection.collect()
    assert [one["question"] for one in collection.pairs(again)] == ["What is 12?", "What is 13?"]


def test_what_is_in_an_evaluation_set_is_no_pair_and_a_changed_set_is_read_again(collection: Collection) -> None:
    exam = "Which of the seven lamps in the old lighthouse is lit first when the fog comes in from the northern sea?"
    copied = f"As the exam has it: {exam.split('lighthouse')[0]}lighthouse is lit first when the fog comes, no?"
    collection.put("a.jsonl", [pair(10), pair(11), pair(12, chosen=copied), pair(13, prompt="Which lamp?")])
    before = collection.collect()
    (collection.folder / "exam").mkdir()
    (collection.folder / "exam" / "a.jsonl").write_text(json.dumps({"question": exam}) + "\n")

    outcome = collection.collect()

    assert len(collection.pairs(before)) == 4 and not outcome.reused
    assert [one["question"] for one in collection.pairs(outcome)] == ["What is 10?", "What is 11?", "Which lamp?"]
    assert outcome.metrics["excluded"]["exam"] == 1


def test_own_answers_lose_to_the_references_of_training_questions(collection: Collection) -> None:
    outcome = collection.collect(own_answers=12, max_new_tokens=8, most_alike=40, batch_size=4)

    references = {row["id"]: row for row in collection.train}
    development = development_ids(row["id"] for row in collection.train)
    pairs = collection.pairs(outcome)
    assert 2 <= len(pairs) <= 12 and outcome.metrics["own_pairs"] == len(pairs)
    for one in pairs:
        reference = references[one["id"]]
        assert one["chosen"] == reference["answer"] and one["rejected"] != one["chosen"]
        assert reference["id"] not in development
        assert (one["source"], one["license"]) == ("own answers", reference["license"])
    forced = collect_preferences.run(
        collection.store,
        {
            "model": collection.model,
            "dataset": collection.dataset,
            "customization": DPO.model_dump(mode="json"),
            "config": PreferencesConfig(own_answers=12, max_new_tokens=8, most_alike=40, batch_size=4, min_pairs=2),
            "split": collection.split(),
        },
        force=True,
    )
    assert forced.ref.digest == outcome.ref.digest


def test_nothing_is_collected_where_nothing_learns_from_it_and_too_little_is_said(collection: Collection) -> None:
    empty = collection.collect(CustomizationConfig(techniques=("lora", "grpo")), own_answers=12)

    assert empty.metrics["pairs"] == 0 and collection.pairs(empty) == []
    assert b"none are collected" in collection.store.read(empty.ref, "report.html")
    other = collection.collect(CustomizationConfig(techniques=("lora",)), own_answers=12)
    assert other.reused, "techniques count only by whether they learn from pairs"
    collection.put("a.jsonl", [pair(1), pair(2)])
    with pytest.raises(ConfigurationError, match=r"preferences\.min_pairs = 3: there are 2 pairs"):
        collection.collect(
            CustomizationConfig(techniques=("again",), variants={"again": {"technique": "dpo"}}), min_pairs=3
        )
