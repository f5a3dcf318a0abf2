"""The jobs that are killed, a row each: what is added here is killed too."""

from collections.abc import Callable
from typing import Any, NamedTuple

from include.artifacts.store import ArtifactStore
from include.customization.config import DpoConfig, GrpoConfig, RewardModelConfig, TuningConfig
from tests.artifacts.sample_step import sample_step
from tests.customization.made_pairs import spec_of


class Subject(NamedTuple):
    """A job as `run_job` takes it. Its rank 0 writes curve.json with `losses`, one for each of its `steps`.

    Where the spec's key `reads` names a file, every rank appends a line to it for what it reads of a step: the step,
    the place in its batch, and the examples there.
    """

    name: str
    entry: str
    spec: Callable[[ArtifactStore], dict[str, Any]]
    batch: int
    steps: int
    save_every: int


def _tiny(store: ArtifactStore) -> dict[str, Any]:
    return {"seed": sample_step(store, text="1", source=None).model_dump()}


def _configured(config: TuningConfig) -> Callable[[ArtifactStore], dict[str, Any]]:
    return lambda store: spec_of(store, config)


_SMALL: dict[str, Any] = {"batch": 4, "length": 64, "warmup": 2, "rank": 4, "learning_rate": 1e-3}
_LEARNING = "tests.customization.faulted_job"

SUBJECTS = (
    Subject("loop", "tests.distributed.tiny_job", _tiny, batch=4, steps=300, save_every=10),
    Subject("dpo", _LEARNING, _configured(DpoConfig(**_SMALL)), batch=4, steps=60, save_every=10),
    Subject("reward", _LEARNING, _configured(RewardModelConfig(**_SMALL)), batch=4, steps=60, save_every=10),
    Subject("grpo", _LEARNING, _configured(GrpoConfig(**_SMALL, group=2, max_new_tokens=8)), 4, 60, 10),
)
