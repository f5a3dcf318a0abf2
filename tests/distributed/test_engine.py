"""However DeepSpeed divides a model among ranks, it learns the same."""

import json
from pathlib import Path

import pytest

from include.artifacts.manifest import sha256_of
from include.artifacts.ref import artifact_prefix
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, PrerequisiteError
from include.core.settings import settings
from include.distributed.engine import engine_config
from include.distributed.kernels import use_kernels
from include.distributed.launch import run_job
from include.distributed.meter import CURVES, DOCUMENT, curve
from tests.distributed.zero_job import PLAN, STEPS, WAYS


@pytest.mark.timeout(600)
def test_every_stage_trains_to_the_same_losses_and_goes_on_alone(
    store: ArtifactStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    work = Workspace(store, "tests.zero_job", sha256_of("zero"), tmp_path)

    results = run_job(work, "tests.distributed.zero_job", {})
    found = json.loads((results / "ways.json").read_text())

    # the owner alone tells a rank that loads or uploads from one that hangs
    assert json.loads((results / "patience.json").read_text()) > 600 * settings().training_silence_minutes
    assert found.keys() == WAYS.keys()
    first = found["zero 0"]
    assert first["losses"][-1] < first["losses"][0]
    for name, way in found.items():
        close = 0.05 if "bf16" in name else 1e-3
        assert way["losses"] == pytest.approx(first["losses"], abs=close), name
        assert [step for step, _ in way["validation"]] == [2, STEPS]
        held, same = ([losses["held"] for _, losses in one["validation"]] for one in (way, first))
        assert held == pytest.approx(same, abs=close), name
        assert way["weights"] == pytest.approx(first["weights"], rel=0.02 if "bf16" in name else 1e-3), name
        assert (way["parameters"], way["tied"]) == (first["parameters"], True), name
    told = json.loads(store.bucket.get_bytes(DOCUMENT.format(step=work.step, fingerprint=sha256_of("zero 3")))[0])
    assert (told["step"], told["steps"], told["mfu"], told["eta_seconds"]) == (STEPS, STEPS, None, 0)
    assert told["loss"] == pytest.approx(sum(first["losses"][-2:]) / 2, abs=1e-3)
    assert told["memory_bytes"] > 1 << 20 and told["tokens_per_second"] > 0
    drawn = json.loads(store.bucket.get_bytes(CURVES.format(step=work.step, fingerprint=sha256_of("zero 3")))[0])
    assert [step for step, _ in drawn["losses"]] == list(range(1, STEPS + 1)) and drawn["steps"] == STEPS
    assert [loss for _, loss in drawn["losses"]] == pytest.approx(found["zero 3"]["losses"], abs=1e-3)
    assert [step for step, _ in drawn["validations"]] == [2, STEPS]

    for name in WAYS:
        prefix = artifact_prefix(f"{work.step}.checkpoints", sha256_of([sha256_of(name), STEPS]))
        store.bucket.delete(store.bucket.keys(f"{prefix}/"))
    alone = Workspace(store, work.step, work.fingerprint, tmp_path / "alone")
    resumed = json.loads((run_job(alone, "tests.distributed.zero_job", {}, ranks=1) / "ways.json").read_text())
    for name, way in resumed.items():
        assert way["losses"] == pytest.approx(found[name]["losses"], abs=0.05 if "bf16" in name else 1e-3), name
    assert caplog.text.count("resumed from the checkpoint after step 2 on 1 ranks, written by 2") == len(WAYS)


def test_a_curve_of_many_steps_is_drawn_by_few_points_each_the_mean_of_its_stretch() -> None:
    drawn = curve([float(step) for step in range(1, 1002)], most=100)
    assert len(drawn) <= 100 and drawn[-1] == (1001, pytest.approx(996.0))
    assert drawn[:2] == [(11, pytest.approx(6.0)), (22, pytest.approx(17.0))]
    assert curve([]) == [] and curve([3.0, 2.0]) == [(1, 3.0), (2, 2.0)]


def test_a_configuration_of_its_own_leaves_the_batch_to_the_plan() -> None:
    from dataclasses import replace

    own = {"train_batch_size": 16, "zero_optimization": {"stage": 1}}
    with pytest.raises(ConfigurationError, match=r"deepspeed.train_batch_size = 16: batch and accumulation decide it"):
        engine_config(replace(PLAN, deepspeed=own), 2)
    for name, value in (
        ("scheduler", {"type": "WarmupLR", "params": {"warmup_num_steps": "auto"}}),
        ("gradient_clipping", 0.5),
        ("fp16", {"enabled": True}),
        ("bf16", {"enabled": True}),
    ):
        with pytest.raises(ConfigurationError, match=f"deepspeed.{name} = "):
            engine_config(replace(PLAN, deepspeed={name: value}), 2)
    loose = {"gradient_clipping": "auto", "fp16": {"enabled": False}, "bf16": {"enabled": "auto"}}
    assert engine_config(replace(PLAN, deepspeed=loose), 2)["gradient_clipping"] == PLAN.clip
    with pytest.raises(ConfigurationError, match=r"batch = 4: it does not divide by 3 ranks"):
        engine_config(PLAN, 3)
    config = engine_config(replace(PLAN, deepspeed={"optimizer": {"type": "Lion", "params": {"lr": "auto"}}}), 2)
    assert config["optimizer"] == {"type": "Lion", "params": {"lr": 1e-2, "weight_decay": 0.01}}


def test_fused_kernels_that_cannot_be_had_are_told() -> None:
    from dataclasses import replace

    with pytest.raises(PrerequisiteError, match=r"kernels = 'liger'.*dependency group gpu"):
        use_kernels(None, replace(PLAN, kernels="liger"))
