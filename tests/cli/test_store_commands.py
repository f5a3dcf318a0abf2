"""`genai history` and `genai sweep` on a real S3 server, as a user starts them."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.artifacts.history import Place
from include.artifacts.ref import artifact_prefix
from include.artifacts.store import BIRTH, WINDOW, ArtifactStore
from include.cli.airflow import in_turn
from include.core.settings import PROJECT_ROOT
from include.data_preparation.labelling.review_queue import QUEUE_TASK
from tests.artifacts.sample_step import sample_step
from tests.conftest import ObjectStoreServer
from tests.plugins.made_queue import made_queue


class Shell:
    """Runs genai against a bucket of the test's own."""

    def __init__(self, server: ObjectStoreServer, folder: Path) -> None:
        self.store: ArtifactStore = server.store(bucket=f"cli-{uuid.uuid4().hex[:12]}")
        self.store.bucket.ensure()
        self.environment = os.environ | self.store.bucket.address.environment()
        self.environment |= {"GENAI_STATE_FOLDER": str(folder), "PYTHONPATH": str(PROJECT_ROOT), "COLUMNS": "200"}

    def genai(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "include.cli.main", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def shell(object_store_server: ObjectStoreServer, tmp_path: Path) -> Shell:
    return Shell(object_store_server, tmp_path)


def run_of(day: int, text: str, shell: Shell, task: str = "data_preparation.check") -> None:
    moment = f"2026-01-{day:02d}T00:00:00+00:00"
    place = Place(use_case="demo", run_id=f"day-{day}", as_of=moment, task=task)
    sample_step.run(shell.store, {"text": text}, place=place)


@pytest.mark.parametrize(
    ("arguments", "added"),
    [
        (["backfill", "create", "--dag-id", "a"], ["--max-active-runs", "1"]),
        (["backfill", "create", "--max-active-runs", "2"], []),
        (["backfill", "create", "--max-active-runs=2"], []),
        (["dags", "list"], []),
    ],
)
def test_a_backfill_goes_interval_by_interval_unless_told_otherwise(arguments: list[str], added: list[str]) -> None:
    assert in_turn(arguments) == [*arguments, *added]


def test_history_tells_what_each_run_ran_in_the_order_of_its_moments(shell: Shell) -> None:
    for day, text in ((3, "b"), (1, "a"), (2, "a")):
        run_of(day, text, shell)
    told = json.loads(shell.genai("history", "demo", "--json").stdout)
    assert [(run["run_id"], run["ran"], run["reused"]) for run in told["runs"]] == [
        ("day-1", ["data_preparation.check"], 0),
        ("day-2", [], 1),
        ("day-3", ["data_preparation.check"], 0),
    ]
    assert told["tasks"] == {"data_preparation.check": {"ran": 2, "reused": 1}}
    shown = shell.genai("history", "demo", "--last", "2")
    assert shown.returncode == 0 and "2026-01-03 00:00" in shown.stdout and "2026-01-01" not in shown.stdout


def test_a_use_case_without_runs_is_bad_input(shell: Shell) -> None:
    done = shell.genai("history", "nothing")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "it has not run" in done.stderr


def test_sweep_lists_and_deletes_only_when_told(shell: Shell) -> None:
    run_of(1, "kept", shell)
    born = f"{datetime.now(UTC) - WINDOW * 2:{BIRTH}}-{'a' * 12}"
    key = f"{artifact_prefix('tests.lost', 'f' * 64)}/{born}/ab/x.bin"
    shell.store.bucket.put_bytes(key, b"x" * 1500)

    listed = shell.genai("sweep", "--keep-runs", "5")
    assert listed.returncode == 0 and "files of a writer that did not commit" in listed.stdout
    assert "1 objects, 1.5 kB and 0 pending uploads would go with --delete" in listed.stdout
    assert key in shell.store.bucket.keys("tests/")

    done = shell.genai("sweep", "--delete", "--keep-runs", "5")
    assert done.returncode == 0 and "deleted" in done.stdout and "1 artifacts" in done.stdout
    assert key not in shell.store.bucket.keys("tests/")
    assert shell.genai("sweep", "--keep-runs", "0").returncode == 2


def test_a_store_that_does_not_answer_is_one_line(shell: Shell) -> None:
    shell.environment["GENAI_S3_ENDPOINT"] = "127.0.0.1:9"
    done = shell.genai("history", "demo")
    assert done.returncode == 2 and "did not answer" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_review_tells_what_waits_goes_out_and_comes_back(shell: Shell, tmp_path: Path) -> None:
    place = Place(use_case="demo", run_id="one", as_of="2026-01-01T00:00:00+00:00", task=QUEUE_TASK)
    made_queue.run(shell.store, {"texts": ["slow", "down"]}, place=place)
    tasks, answers = tmp_path / "tasks.json", tmp_path / "answers.csv"
    exported = shell.genai("review", "export", "demo", str(tasks))
    assert exported.returncode == 0 and "2 documents of run one" in exported.stdout
    assert len(json.loads(tasks.read_text())) == 2 and "<Choices" in tasks.with_suffix(".xml").read_text()

    header, moment = "document,shown,label,annotator,exported_at", "2026-01-02T00:00:00Z"
    filled = [f"d0,shown0,bug,{name},{moment}\n" for name in ("ann", "bob")]
    answers.write_text(f"{header}\n{''.join(filled)}d1,shown1,,,{moment}\n")
    for fresh in (2, 0):
        taken = shell.genai("review", "import", "demo", str(answers))
        assert taken.returncode == 0 and f"2 labels read, {fresh} of them new" in taken.stdout
    answers.write_text(f"{header}\nd1,shown1,bug,ann,{moment}\nd0,shown0,cooking,ann,{moment}\n")
    refused = shell.genai("review", "import", "demo", str(answers))
    assert refused.returncode == 2 and "line 3: label = 'cooking'" in refused.stderr

    answers.write_text(f"{header}\nd1,shown1,bug,ann@example.org,{moment}\n")
    doubtful = shell.genai("review", "import", "demo", str(answers))
    assert doubtful.returncode == 2 and "this may be ann" in doubtful.stderr

    told = json.loads(shell.genai("review", "status", "demo", "--json").stdout)
    assert (told["tasks"], told["annotators"]) == (2, {"ann": 1, "bob": 1})
    shown = shell.genai("review", "status", "demo")
    assert "waiting: 2 documents (2 low confidence)" in shown.stdout and "all labels are the same" in shown.stdout
    assert shell.genai("review", "export", "nothing", str(tasks)).returncode == 2
