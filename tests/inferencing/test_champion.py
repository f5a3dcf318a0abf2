"""The alias under concurrent writers, on a real S3 server."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.artifacts.history import now
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from include.inferencing.champion import Champion, Serving, Verdict
from include.inferencing.rollout import transitions
from tests.gates import put_in_service, rollout_of
from tests.inferencing.conftest import run_of


def package(day: int) -> ArtifactRef:
    return ArtifactRef(kind="package", step="tests.package", fingerprint=f"{day:02x}" * 32, digest=f"{day:02x}" * 32)


def finish(store: ArtifactStore, use_case: str, day: int, *, passed: bool) -> Champion | None:
    """What a run does at its end: the gate's verdict and, where it passed, the move."""
    run = run_of(use_case, day)
    verdict = Verdict(**dict(run), passed=passed, report=package(day), at=now())
    champion.judge(store.bucket, use_case, verdict)
    serving = Serving(model_name=champion.model_name(use_case, package(day)), package=package(day))
    if not passed:
        return None
    current = put_in_service(store, run, serving).champion
    return current if current and current.model_name == serving.model_name else None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(st.tuples(st.integers(1, 28), st.booleans()), min_size=1, max_size=8, unique_by=lambda run: run[0]),
    workers=st.sampled_from([1, 4]),
)
def test_whatever_finishes_last_the_newest_verdict_decides(
    store: ArtifactStore, runs: list[tuple[int, bool]], workers: int
) -> None:
    use_case = f"race-{uuid.uuid4().hex[:12]}"
    with ThreadPoolExecutor(workers) as pool:
        moved = list(pool.map(lambda run: finish(store, use_case, run[0], passed=run[1]), runs))

    alias, _ = champion.read_alias(store.bucket, use_case)
    newest, passed = max(runs)
    assert alias.verdict and (alias.verdict.run_id, alias.verdict.passed) == (f"day-{newest}", passed)
    if passed:
        assert alias.champion and alias.champion.package == package(newest)
    elif alias.champion:
        assert alias.champion in moved
        assert alias.champion.package in [package(day) for day, good in runs if good]
    else:
        assert not any(moved)


def test_a_champion_of_the_former_version_is_read_and_moved(store: ArtifactStore) -> None:
    use_case = f"former-{uuid.uuid4().hex[:12]}"
    former = Champion(model_name="former", package=package(1), previous=None, moved_at=now())
    assert champion.document(store.bucket, use_case).swap(former.model_dump(mode="json"), None)

    assert champion.read(store.bucket, use_case) == former
    moved = finish(store, use_case, 2, passed=True)
    assert moved and moved.previous and moved.previous.model_name == "former"


def test_of_equal_moments_the_last_verdict_stands(store: ArtifactStore) -> None:
    use_case = f"equal-{uuid.uuid4().hex[:12]}"
    finish(store, use_case, 5, passed=True)
    finish(store, use_case, 5, passed=False)
    alias, _ = champion.read_alias(store.bucket, use_case)
    assert alias.verdict and not alias.verdict.passed
    assert alias.champion and alias.champion.package == package(5)


def test_a_verdict_that_comes_in_the_middle_of_a_phase_keeps_the_next_share_shut(store: ArtifactStore) -> None:
    use_case = f"shut-{uuid.uuid4().hex[:12]}"
    finish(store, use_case, 1, passed=True)
    serving = Serving(model_name=champion.model_name(use_case, package(2)), package=package(2))
    mine = rollout_of(run_of(use_case, 2), serving)
    transitions.start(store.bucket, mine)
    transitions.advance(store.bucket, mine, "probing")
    verdict = Verdict(**dict(run_of(use_case, 3)), passed=False, report=package(3), at=now())
    assert champion.judge(store.bucket, use_case, verdict)

    alias = transitions.advance(store.bucket, mine, "canary", 0.05)
    assert alias.rollout and (alias.rollout.phase, alias.rollout.share) == ("probing", 0)
