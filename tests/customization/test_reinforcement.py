"""DPO, GRPO and the reward model by TRL: what they learn, and that a killed one goes on as if nothing was."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import RewardError
from include.core.settings import PROJECT_ROOT
from include.customization import dpo_job, grpo_job, reward_job
from include.customization.config import DpoConfig, GrpoConfig, RewardModelConfig
from include.customization.rewards import Sample
from include.customization.rewards.reward_model import load_reward_model
from include.customization.tune_job import reference
from include.distributed.job import Job
from include.evaluation.canaries import planted
from include.evaluation.model import load_model
from tests.conftest import free_ports
from tests.customization.dying_ranks import job_of
from tests.customization.made_pairs import spec_of
from tests.customization.one_rank import one_rank

__all__ = ["one_rank"]

SHORT = {"batch": 4, "length": 64, "warmup": 2, "log_every": 4, "rank": 4, "learning_rate": 1e-2}
DPO = DpoConfig(**SHORT, steps=6, save_every=2, dropout=0.1)
# answers of two steps, each learnt from twice: between 4 and 8 there is nothing to go on from
GRPO = GrpoConfig(
    **SHORT, steps=8, save_every=3, group=2, steps_per_generation=2, iterations=2, max_new_tokens=8, beta=0.1
)
DIED = {"dpo": (DPO, dpo_job, 5, 4), "grpo": (GRPO, grpo_job, 7, 4)}


class Scene:
    """Jobs on made pairs, each in a folder of its own."""

    def __init__(self, store: ArtifactStore, folder: Path) -> None:
        self.store, self.folder = store, folder

    def told(
        self, name: str, config: Any, attempt: str = "", reward_model: ArtifactRef | None = None
    ) -> dict[str, Any]:
        spec, fingerprint = spec_of(self.store, config, reward_model), sha256_of([name, str(self.folder)])
        return {"spec": spec, "folder": str(self.folder / f"{name}{attempt}"), "fingerprint": fingerprint}


@pytest.fixture
def scene(store: ArtifactStore, tmp_path: Path) -> Scene:
    return Scene(store, tmp_path)


@pytest.fixture
def steps_done() -> Iterator[list[int]]:
    """The steps that trainers of this process do."""
    from transformers import TrainerCallback
    from transformers.trainer import DEFAULT_CALLBACKS

    done: list[int] = []

    class Counts(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done.append(state.global_step)

    DEFAULT_CALLBACKS.append(Counts)
    yield done
    DEFAULT_CALLBACKS.remove(Counts)


def results(told: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(told["folder"]) / "results" / name).read_text())
    return found


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("one_rank")
def test_a_killed_job_goes_on_bitwise_from_where_answers_are_new(scene: Scene, steps_done: list[int]) -> None:
    killed = [
        scene.told(f"killed {name}", config) | {"entry": job.__name__, "dies_after": dies, "saved": saved}
        for name, (config, job, dies, saved) in DIED.items()
    ]
    (scene.folder / "jobs.json").write_text(json.dumps(killed))
    died = subprocess.run(
        [sys.executable, "-m", "tests.customization.dying_ranks", str(scene.folder / "jobs.json")],
        cwd=PROJECT_ROOT,
        env=os.environ | {"MASTER_PORT": str(free_ports(1))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.stdout.splitlines()[-1] == "[-9, -9]", died.stderr[-3000:]

    for name, (config, job, _, saved) in DIED.items():
        steps_done.clear()
        undisturbed, resumed = scene.told(f"undisturbed {name}", config), scene.told(f"killed {name}", config, " again")
        job.main(job_of(undisturbed))
        job.main(job_of(resumed))

        assert steps_done == [*range(1, config.steps + 1), *range(saved + 1, config.steps + 1)]
        curve, again = results(undisturbed, "curve.json"), results(resumed, "curve.json")
        assert len(set(curve["losses"])) > config.steps // 2
        assert (again["losses"], again["tokens"]) == (curve["losses"], curve["tokens"])
        told, again = results(undisturbed, "summary.json"), results(resumed, "summary.json")
        assert again | {"earlier_seconds": 0, "steps": 0} == told | {"earlier_seconds": 0, "steps": 0}


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("one_rank")
def test_dpo_learns_which_answer_is_better(scene: Scene) -> None:
    told = scene.told("dpo", DPO.model_copy(update={"steps": 20, "save_every": 20}))
    job = job_of(told)

    dpo_job.main(job)

    summary = results(told, "summary.json")
    assert summary["final_accuracy"] == 1.0 and summary["final_margin"] > summary["first_margin"]
    info = results(told, "adapter/adapter_info.json")
    assert (info["technique"], info["form"], info["base"]) == ("dpo", "lora", told["spec"]["model"]["digest"])
    assert len(planted(info)) == DPO.canaries
    load_model(job.fetch(reference(job, "model")), job.results / "adapter", 1)


@step("adapter")
def committed(work: Workspace, folder: str) -> None:
    """What a job wrote."""
    for path in Path(folder).iterdir():
        (work.output / path.name).write_bytes(path.read_bytes())


def poisoned(job: Job) -> Path:
    """The reward model that a job wrote, with a head that is no number."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(job.results / "adapter", job.results / "spoilt")
    weights = load_file(folder / "adapter_model.safetensors")
    spoilt = {name: tensor.fill_(float("nan")) if "score" in name else tensor for name, tensor in weights.items()}
    save_file(spoilt, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("one_rank")
def test_a_reward_model_likes_what_is_preferred_and_rewards_by_it(scene: Scene) -> None:
    config = RewardModelConfig(**SHORT, steps=20, save_every=20)
    told = scene.told("reward", config)
    job = job_of(told)

    reward_job.main(job)

    assert results(told, "summary.json")["final_accuracy"] == 1.0
    reward = load_reward_model(job.fetch(reference(job, "model")), job.results / "adapter")
    better, worse = (reward(Sample("p", "What is 3?", "", answer)) for answer in ("3, please.", "3, no!"))
    assert 0 <= worse < better <= 1
    model = committed(scene.store, folder=str(job.results / "adapter"))
    rewarded_config = GRPO.model_copy(update={"rewards": {"reward_model": 1.0}, "steps": 4})
    rewarded = scene.told("rewarded", rewarded_config, reward_model=model)
    grpo_job.main(job_of(rewarded))
    assert 0 < results(rewarded, "summary.json")["final_reward_model_reward"] < 1
    broken = scene.told("broken", rewarded_config, reward_model=committed(scene.store, folder=str(poisoned(job))))
    with pytest.raises(
        RewardError, match=r"rewards\.reward_model = 'docstring:.*it gave nan, which is no finite number"
    ):
        grpo_job.main(job_of(broken))
