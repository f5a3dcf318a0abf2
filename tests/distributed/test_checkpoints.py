"""Checkpoints without DeepSpeed: what is copied when, what is committed, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from include.artifacts.bucket import StoreAddress
from include.artifacts.manifest import sha256_of
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, JobFailedError, ModelError, StoreAccessError
from include.core.settings import settings
from include.distributed.batches import accumulation_of
from include.distributed.checkpoint import require_same, shapes
from include.distributed.hosts import Host, fitting, read_hostfile, spread
from include.distributed.job import Job
from include.distributed.messages import error_of, heard, tell_owner, told_error
from include.distributed.pickles import require_plain
from include.distributed.snapshot import Snapshot
from include.distributed.trainer_checkpoints import TrainerCheckpoints
from tests.conftest import ObjectStoreServer


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """This process is the only rank, as other tests of its session may have made it already."""
    made = not dist.is_initialized()
    if made:
        dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    if made:
        dist.destroy_process_group()


def use(monkeypatch: pytest.MonkeyPatch, address: StoreAddress) -> None:
    for name, value in address.environment().items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


def job_of(folder: Path, name: str) -> Job:
    return Job({}, folder / "job", "tests.trainer", sha256_of(name), rank=0, ranks=1)


def test_a_snapshot_is_of_its_moment_and_its_memory_is_used_again(tmp_path: Path) -> None:
    snapshot, tied, losses = Snapshot(), torch.arange(6.0).reshape(2, 3), [1.0]
    state = {"a": tied, "b": tied, "column": tied[:, 1], "losses": losses, "none": torch.empty(0)}
    snapshot.save(state, "anywhere/state.pt")
    tied.zero_()
    losses.append(2.0)
    snapshot.write(tmp_path)
    found = snapshot.load(str(tmp_path / "state.pt"))
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and found["column"].tolist() == [1, 4]
    assert found["losses"] == [1.0] and found["none"].shape == (0,)
    assert found["a"].data_ptr() == found["b"].data_ptr(), "tied weights stay one tensor"

    before = [buffer.data_ptr() for buffer in snapshot._buffers["state.pt"]]
    snapshot.save(state, "anywhere/state.pt")
    assert [buffer.data_ptr() for buffer in snapshot._buffers["state.pt"]] == before
    snapshot.write(tmp_path)
    assert snapshot.load(str(tmp_path / "state.pt"))["a"].sum() == 0


@pytest.mark.usefixtures("alone")
def test_a_trainers_folder_is_kept_though_the_trainer_deletes_it(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, store.bucket.address)
    model, written = torch.nn.Linear(2, 2), tmp_path / "checkpoint-3"
    (written / "global_step3").mkdir(parents=True)
    (written / "global_step3" / "state.json").write_bytes(b"bytes")
    checkpoints = TrainerCheckpoints(job_of(tmp_path, "kept"), range(1, 10))
    assert checkpoints.newest() is None
    checkpoints.save(model, written, 3, {"micro_batch": 2})
    (written / "global_step3" / "state.json").unlink()
    checkpoints.close()

    later = TrainerCheckpoints(job_of(tmp_path / "later", "kept"), range(1, 10))
    found = later.newest()
    assert found and (found.step, found.facts["micro_batch"]) == (3, 2)
    folder = later.restore(model, found)
    assert folder and (folder / "global_step3" / "state.json").read_bytes() == b"bytes"
    with pytest.raises(ModelError, match=r"weight = '\[2, 2\] in the checkpoint, \[4, 2\].*of another model"):
        later.restore(torch.nn.Linear(2, 4), found)


@pytest.mark.usefixtures("alone")
def test_where_no_checkpoint_is_whole_the_job_fails_and_then_begins_anew(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, store.bucket.address)
    written = tmp_path / "checkpoint-3"
    written.mkdir()
    (written / "state.pt").write_bytes(b"bytes")
    checkpoints = TrainerCheckpoints(job_of(tmp_path, "torn"), range(1, 10))
    checkpoints.save(torch.nn.Linear(2, 2), written, 3, {})
    checkpoints.close()
    manifest = store.find("tests.trainer.checkpoints", checkpoints.store.fingerprint(3))
    assert manifest
    store.bucket.put_bytes(manifest.key(manifest.files[0]), b"other")
    with pytest.raises(JobFailedError, match=r"checkpoints = '3': none of them is whole"):
        checkpoints.newest()
    assert checkpoints.newest() is None


@pytest.mark.usefixtures("alone")
def test_what_fails_in_the_background_is_raised_by_training(
    object_store_server: ObjectStoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, object_store_server.address(object_store_server.reader))
    (tmp_path / "checkpoint-3").mkdir()
    (tmp_path / "checkpoint-3" / "state.pt").write_bytes(b"bytes")
    checkpoints = TrainerCheckpoints(job_of(tmp_path, "refused"), range(1, 10))
    checkpoints.save(torch.nn.Linear(2, 2), tmp_path / "checkpoint-3", 3, {})
    with pytest.raises(StoreAccessError):
        checkpoints.close()


def test_other_numbers_of_ranks_compute_the_same_examples_together() -> None:
    assert [accumulation_of(48, 4, ranks) for ranks in (1, 2, 3, 4, 6)] == [12, 6, 4, 3, 2]
    assert accumulation_of(6, 2, 2) == 3, "fewer at once where they do not divide: never more memory"
    with pytest.raises(ConfigurationError, match="batch = 8: it does not divide by the 3 ranks"):
        accumulation_of(8, 2, 3)
    assert (fitting(8, 7), fitting(None, 7)) == (4, 7)
    assert spread([Host("a", 2), Host("b", 4)], 3) == [Host("a", 2), Host("b", 1)]


def test_a_wrong_line_of_a_hostfile_is_named(tmp_path: Path) -> None:
    hostfile = tmp_path / "hostfile"
    hostfile.write_text("# two\nworker-1 slots=4\n\nworker-2 slots=2 # small\n")
    assert read_hostfile(hostfile) == [Host("worker-1", 4), Host("worker-2", 2)]
    for line in ("worker-1", "worker-3 slots=0", "worker-1 slots=2", "-oProxyCommand=x slots=1"):
        hostfile.write_text(f"worker-1 slots=4\n{line}\n")
        with pytest.raises(ConfigurationError, match=r"GENAI_TRAINING_HOSTFILE = .*is no new host"):
            read_hostfile(hostfile)
    hostfile.write_text("# worker-1 slots=4\n")
    with pytest.raises(ConfigurationError, match="it names no host"):
        read_hostfile(hostfile)


def test_an_error_reaches_the_owner_through_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    tell_owner("failure", told_error(ModelError("batch", 4, "x" * 10_000, "Lower it")))
    (line,) = filter(None, capfd.readouterr().out.splitlines())
    message = heard(line)
    assert message and heard("step 1/2") is None and len(line) < 4096
    error: Any = error_of(message[1])
    assert isinstance(error, ModelError) and (error.field, error.value, error.remedy) == ("batch", 4, "Lower it")


def test_the_shapes_of_what_is_trained_are_compared() -> None:
    model = torch.nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    assert shapes(model) == {"weight": [2, 2]}
    require_same(shapes(model), shapes(model))


def test_an_error_in_any_letters_stays_one_line_that_a_pipe_takes_whole(capfd: pytest.CaptureFixture[str]) -> None:
    tell_owner("failure", told_error(ModelError(*["é\n" * 2000] * 3, "Senkt es")))  # type: ignore[arg-type]
    (line,) = filter(None, capfd.readouterr().out.splitlines())
    assert heard(line) and len(line.encode()) < 4096
    unknown = error_of({"kind": "Any", "field": "a", "more": 1})
    assert isinstance(unknown, JobFailedError) and unknown.field == "a"


class Calls:
    """What an unrestricted pickle would run."""

    def __reduce__(self) -> Any:
        return print, ("it ran",)


def test_a_checkpoint_that_names_code_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    torch.save({"state": torch.zeros(2), "progress": {"losses": [0.1]}}, tmp_path / "plain.pt")
    require_plain(tmp_path)
    torch.save({"state": Calls()}, tmp_path / "altered.pt")
    with pytest.raises(ModelError, match=r"altered\.pt = '.*print'"):
        require_plain(tmp_path)
    (tmp_path / "altered.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"altered\.pt = "):
        require_plain(tmp_path)
