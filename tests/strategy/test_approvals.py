"""Decisions on charters, on a real store: each is kept once, none is changed, and they count as people mean them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.artifacts.sweep import folders
from include.core.errors import ConfigurationError, CorruptedArtifactError
from include.strategy.approvals import ApprovalLog, Decision, all_decisions, standing

PEOPLE = ("ada", "ben", "cyd")


def charter_of(digest: str) -> ArtifactRef:
    return ArtifactRef(kind="charter", step="strategy.charter", fingerprint="f" * 64, digest=digest * 64)


def decision(user: str, choice: Any = "approved", **changes: Any) -> Decision:
    known = {"use_case": "letters", "charter": charter_of("a"), "name": user.title(), "run_id": "r", "task": "t"}
    at = "2026-01-01T12:00:00+00:00"
    return Decision.model_validate({**known, "user": user, "choice": choice, "at": at, **changes})


def test_decisions_are_kept_in_their_order_beside_the_charter_of_one_use_case(store: ArtifactStore) -> None:
    log = ApprovalLog(store.bucket, "letters", charter_of("a"))
    assert log.read() == []
    log.add(decision("ada", comment="<b>as discussed</b>"))
    log.add(decision("ben", "rejected"))

    assert [(one.number, one.user, one.choice) for one in log.read()] == [
        (1, "ada", "approved"),
        (2, "ben", "rejected"),
    ]
    assert log.read()[0].comment == "<b>as discussed</b>"
    assert ApprovalLog(store.bucket, "letters", charter_of("b")).read() == [], "a changed charter is another one"
    assert ApprovalLog(store.bucket, "other", charter_of("a")).read() == [], "so is that of another use case"
    assert [one.user for one in all_decisions(store.bucket, "letters")] == ["ada", "ben"]
    assert not [folder for folder in folders(store) if "approvals" in folder.prefix], "the sweep leaves them alone"


def test_the_same_answer_is_kept_once(store: ArtifactStore) -> None:
    log = ApprovalLog(store.bucket, "once", charter_of("a"))
    said = decision("ada", use_case="once")
    assert log.add(said) == log.add(said) == log.read()
    assert len(log.add(decision("ada", use_case="once", run_id="another"))) == 2


def test_writers_at_once_do_not_overwrite_each_other(store: ArtifactStore) -> None:
    log = ApprovalLog(store.bucket, "racing", charter_of("a"))
    answers = [decision(user, use_case="racing", run_id=f"run {number}") for user in PEOPLE for number in range(4)]
    with ThreadPoolExecutor(len(answers)) as pool:
        list(pool.map(log.add, answers))

    found = log.read()
    assert [one.number for one in found] == list(range(1, len(answers) + 1))
    assert sorted((one.user, one.run_id) for one in found) == sorted((one.user, one.run_id) for one in answers)
    assert [len(standing(found))] == [len(PEOPLE)]


def test_a_damaged_record_approves_nothing(store: ArtifactStore) -> None:
    log = ApprovalLog(store.bucket, "damaged", charter_of("a"))
    log.add(decision("ada", use_case="damaged"))
    (key,) = store.bucket.keys("approvals/damaged/")
    store.bucket.put_bytes(key, b"{}")
    with pytest.raises(CorruptedArtifactError, match="nothing is approved"):
        log.read()
    with pytest.raises(ConfigurationError):
        ApprovalLog(store.bucket, "../letters", charter_of("a"))


def test_a_record_that_is_copied_to_another_charter_or_use_case_approves_nothing(store: ArtifactStore) -> None:
    log = ApprovalLog(store.bucket, "copied", charter_of("a"))
    log.add(decision("ada", use_case="copied"))
    (key,) = store.bucket.keys("approvals/copied/")
    data, _ = store.bucket.get_bytes(key)
    number = key.removeprefix(f"{log.base}-")
    for use_case, digest in (("copied", "b"), ("other-one", "a")):
        other = ApprovalLog(store.bucket, use_case, charter_of(digest))
        store.bucket.put_bytes(f"{other.base}-{number}", data)
        with pytest.raises(CorruptedArtifactError, match="another charter or use case"):
            other.read()
        with pytest.raises(CorruptedArtifactError, match="another charter or use case"):
            all_decisions(store.bucket, use_case)
    store.bucket.put_bytes(f"{log.base}-000002.json", data)
    with pytest.raises(CorruptedArtifactError, match="another charter or use case"):
        log.read()


def test_a_person_counts_once_and_a_rejection_takes_back_what_was_before() -> None:
    first, second, no = decision("ada"), decision("ben"), decision("cyd", "rejected")

    assert [one.user for one in standing([first, first])] == ["ada"]
    assert [one.user for one in standing([first, second])] == ["ada", "ben"]
    assert standing([first, second, no]) == []
    assert [one.user for one in standing([first, no, second])] == ["ben"]
    assert [one.user for one in standing([first, second], approvers=["ben"])] == ["ben"]


@given(
    st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["approved", "rejected"]))),
    st.sets(st.sampled_from(PEOPLE)),
)
def test_who_stands_are_different_approvers_that_approved_after_the_last_rejection(
    said: list[tuple[str, str]], approvers: set[str]
) -> None:
    found = standing([decision(user, choice) for user, choice in said], approvers)
    last = max((place for place, (_, choice) in enumerate(said) if choice == "rejected"), default=-1)
    expected = {user for user, _ in said[last + 1 :] if not approvers or user in approvers}

    assert len(found) == len({one.user for one in found})
    assert {one.user for one in found} == expected
