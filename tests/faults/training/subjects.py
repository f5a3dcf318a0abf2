"""The jobs that are killed, a row each: what is added here is killed too."""

from collections.abc import Callable
from typing import Any, NamedTuple

from include.artifacts.store import ArtifactStore
from include.customization.config import (
    ContinuedPretrainingConfig,
    DoraConfig,
    DpoConfig,
    FullConfig,
    GrpoConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    QloraConfig,
    RewardModelConfig,
    TuningConfig,
)
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
    # what is learnt from is drawn by each rank, so that losses are other ones on another number of ranks
    sampled: bool = False


def _tiny(store: ArtifactStore) -> dict[str, Any]:
    return {"seed": sample_step(store, text="1", source=None).model_dump()}


def _learning(config: TuningConfig, steps: int = 60) -> Subject:
    def spec(store: ArtifactStore) -> dict[str, Any]:
        return spec_of(store, config)

    entry = "tests.customization.faulted_job"
    sampled = isinstance(config, GrpoConfig)
    return Subject(config.technique, entry, spec, config.batch, steps, save_every=10, sampled=sampled)


_SMALL: dict[str, Any] = {"batch": 4, "length": 128, "warmup": 2, "learning_rate": 1e-3}
_SUPERVISED = (
    FullConfig,
    LoraConfig,
    DoraConfig,
    QloraConfig,
    PromptTuningConfig,
    PTuningConfig,
    PrefixTuningConfig,
    ContinuedPretrainingConfig,
)

SUBJECTS = (
    Subject("loop", "tests.distributed.tiny_job", _tiny, batch=4, steps=300, save_every=10),
    *(_learning(config(**_SMALL)) for config in _SUPERVISED),
    _learning(DpoConfig(**_SMALL)),
    _learning(RewardModelConfig(**_SMALL)),
    _learning(GrpoConfig(**_SMALL, group=2, max_new_tokens=8)),
)
