"""A rollout on a real Triton: to its end, back, and on from wherever its owner died."""

import threading
import time
from collections.abc import Iterator

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.core.settings import settings
from include.inferencing import champion, fleet
from include.inferencing.triton_client import TritonClient
from tests.faults.serving.packages import BAD, stand_in
from tests.gates import gate_of
from tests.inferencing.conftest import QUICK, TritonServer, deploy, run_of
from tests.tiny_model import tiny_dataset


def loaded(triton: TritonServer, *packages: ArtifactRef, use_case: str) -> list[bool]:
    with TritonClient(triton.address) as client:
        return [client.ready(champion.model_name(use_case, one)) for one in packages]


def test_a_long_answer_is_completed_by_a_model_that_leaves(
    store: ArtifactStore, triton: TritonServer, use_case: str
) -> None:
    slow = stand_in(store, "slow", gap_seconds=0.1)
    deploy(store, slow, run_of(use_case), QUICK)
    heard: list[str] = []
    with TritonClient(triton.address) as client:
        answer = client.stream(champion.model_name(use_case, slow), "Why?", 32, 30)
        heard.append(next(answer).text)
        client.unload(champion.model_name(use_case, slow))
        assert not client.ready(champion.model_name(use_case, slow))
        heard += [piece.text for piece in answer]
    assert "".join(heard).split()[-1] == "container"


REASONS = {
    "does not load": "no such weights",
    "is empty": "its answer to .* is empty",
    "fails": "of 30 answers failed or empty, the champion's 0 of 30",
    "is slow": "first token later than .* s: 30 of 30",
    "says nonsense": "chrF -",
}
STRICT = QUICK.model_copy(update={"first_token_seconds": 0.3})


@pytest.mark.parametrize("kind", BAD)
def test_a_worse_package_goes_back_by_itself(
    store: ArtifactStore, triton: TritonServer, use_case: str, kind: str
) -> None:
    good, bad = stand_in(store, "good"), stand_in(store, kind, kind)
    dataset = tiny_dataset(store, rows=30)
    deploy(store, good, run_of(use_case), STRICT)
    with pytest.raises(ModelError, match=f"it was rolled back: .*{REASONS[kind]}"):
        deploy(store, bad, run_of(use_case, 2), STRICT, dataset)

    alias, _ = champion.read_alias(store.bucket, use_case)
    assert alias.champion and alias.champion.package == good
    assert (alias.rollout, alias.leaving) == (None, ())
    assert loaded(triton, good, bad, use_case=use_case) == [True, False]


def test_a_better_package_takes_over_share_by_share(
    store: ArtifactStore, triton: TritonServer, use_case: str
) -> None:
    old, new = stand_in(store, "good"), stand_in(store, "better")
    deploy(store, old, run_of(use_case), QUICK)
    deploy(store, new, run_of(use_case, 2), QUICK, tiny_dataset(store, rows=30))

    alias, _ = champion.read_alias(store.bucket, use_case)
    name = champion.model_name(use_case, new)
    happened = [(one.what, one.share) for one in alias.log if one.model_name == name]
    shares = [("canary", share) for share in QUICK.shares]
    assert happened == [("started", 0), ("probing", 0), *shares, ("promoted", 0)]
    assert [(one.what, one.model_name) for one in alias.log[-1:]] == [("left", champion.model_name(use_case, old))]
    assert loaded(triton, old, new, use_case=use_case) == [False, True]
