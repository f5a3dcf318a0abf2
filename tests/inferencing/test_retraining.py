"""When a model is trained again: bounded by time and money, one request at a time, the same answer when asked again."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from include.artifacts.history import History, Place, RunRecord, now
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT
from include.feedback.said import Said, write_said
from include.inferencing import champion
from include.inferencing.champion import Verdict
from include.inferencing.config.learning import RetrainingConfig
from include.inferencing.learning.retraining import Requests, Seen, counted, decide, decide_retraining, read_requests
from include.strategy.charter import charter
from include.strategy.config import StrategyConfig
from include.use_cases.document import read_document
from tests.inferencing.operations.scene import keep_charter

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
CONFIG = RetrainingConfig(feedback=3, hours_between=24, budget=10, tenant_share=1, patience_hours=36)


def said(name: str, at: datetime, tenant: str = "t", **changes: object) -> Said:
    common = Said(
        id=f"chatcmpl-{name}",
        tenant=tenant,
        answered_at=at.isoformat(),
        recorded_at=at.isoformat(),
        question=f"What is {name}?",
        correction="c",
        answer="a",
    )
    return common.model_copy(update=changes)


def seen(**changes: object) -> Seen:
    return Seen.model_validate({"feedback": 5, "cost": 1.0} | changes)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 20),
            st.integers(0, 5),
            st.booleans(),
            st.floats(0, 6),
            st.booleans(),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_time_and_money_bound_requests_and_one_is_open_at_a_time(
    looks: list[tuple[int, int, bool, float, bool, bool]],
) -> None:
    at, state = START, Requests()
    for hours, feedback, drifted, cost, started, judged in looks:
        at += timedelta(hours=hours)
        drift = ("inputs",) if drifted else ()
        before = state
        decision, state = decide(
            before, Seen(feedback=feedback, drift=drift, cost=cost, started=started, judged=judged), CONFIG, at
        )
        assert decision.reason
        assert all(one.closed for one in state.requests[:-1])
        if decision.wanted:
            assert decision.run_id == state.requests[-1].run_id
            assert decision.conf == {"as_of": state.requests[-1].at}
    moments = [datetime.fromisoformat(one.at) for one in state.requests]
    assert all(later - one >= timedelta(hours=24) for one, later in pairwise(moments))
    for month in {one.at[:7] for one in state.requests}:
        assert state.spent(month) <= CONFIG.budget


def test_a_refusal_says_what_is_missing() -> None:
    asked, state = decide(Requests(), seen(), CONFIG, START)
    assert asked.wanted and "5 corrections" in asked.reason
    under_way, _ = decide(state, seen(started=True), CONFIG, START + timedelta(hours=1))
    assert not under_way.wanted and asked.run_id in under_way.reason
    soon, state = decide(state, seen(judged=True), CONFIG, START + timedelta(hours=2))
    assert not soon.wanted and "2026-11-21" in soon.reason
    few, _ = decide(state, seen(feedback=2), CONFIG, START + timedelta(days=2))
    assert not few.wanted and "fewer than 3" in few.reason
    dear, _ = decide(state, seen(cost=9.5), CONFIG, START + timedelta(days=2))
    assert not dear.wanted and "9.5" in dear.reason and "1 of 10" in dear.reason
    drifted, _ = decide(state, seen(feedback=0, drift=("questions",)), CONFIG, START + timedelta(days=2))
    assert drifted.wanted and "questions" in drifted.reason


def test_a_run_that_never_judges_is_given_up() -> None:
    _, state = decide(Requests(), seen(), CONFIG, START)
    later, state = decide(state, seen(started=True), CONFIG, START + timedelta(hours=37))
    assert later.wanted
    assert [one.closed for one in state.requests] == ["given up", ""]


def test_feedback_counts_from_the_dataset_and_request_that_read_it(store: ArtifactStore) -> None:
    use_case = f"retrained_{uuid.uuid4().hex[:8]}"
    at = datetime.now(UTC)
    for number in range(3):
        write_said(store.bucket, use_case, said(f"{number}00000", at - timedelta(hours=3 + number)))
    assert "costs is not known" in decide_retraining(store, use_case, CONFIG, [], at).reason
    declared = read_document(PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml")["strategy"]
    keep_charter(store, use_case, charter(store, config=StrategyConfig.model_validate(declared)))
    first = decide_retraining(store, use_case, CONFIG, [], at)
    assert first.wanted and first.conf["as_of"] == at.isoformat()
    # nobody has triggered it yet: whoever asks again gets the same request
    assert decide_retraining(store, use_case, CONFIG, [], at + timedelta(minutes=1)) == first

    read = Place(use_case=use_case, run_id=first.run_id, as_of=at.isoformat(), task="data_preparation.aggregate")
    ref = ArtifactRef(kind="dataset", step="tests.read", fingerprint="a" * 64, digest="b" * 64)
    History(store.bucket).write(
        RunRecord(place=read, ref=ref, reused=False, reason="", metrics={}, seconds=1, at=now())
    )
    assert "under way" in decide_retraining(store, use_case, CONFIG, [], at + timedelta(minutes=2)).reason
    report = ref.model_copy(update={"kind": "report"})
    verdict = Verdict(
        use_case=use_case, run_id=first.run_id, as_of=at.isoformat(), passed=True, report=report, at=now()
    )
    champion.judge(store.bucket, use_case, verdict)
    later = at + timedelta(hours=30)
    assert "0 corrections" in decide_retraining(store, use_case, CONFIG, [], later).reason
    # said again of the same answers, and of others with the same question: nothing that the run did not read
    for number in range(3):
        old = said(f"{number}00000", at - timedelta(hours=3 + number))
        again = {"recorded_at": (at + timedelta(hours=1)).isoformat(), "correction": " C "}
        write_said(store.bucket, use_case, old.model_copy(update=again))
        write_said(store.bucket, use_case, old.model_copy(update=again | {"id": f"chatcmpl-{number}99999"}))
    assert "0 corrections" in decide_retraining(store, use_case, CONFIG, [], later).reason
    for number in range(3):
        write_said(store.bucket, use_case, said(f"{number}11111", at + timedelta(hours=number)))
    assert decide_retraining(store, use_case, CONFIG, [], later).wanted


def test_a_tenant_counts_for_its_share_and_what_gives_no_data_does_not() -> None:
    config = RetrainingConfig(feedback=20, tenant_share=0.5)
    assert counted([said(f"{number:08}", START) for number in range(50)], config) == 10
    assert counted([said(f"{number:08}", START, tenant=f"t{number % 4}") for number in range(40)], config) == 40
    thumbs = [said(f"{number:08}", START, correction="", thumb="up") for number in range(50)]
    assert counted(thumbs, config) == 0
    same = [said(f"{number:08}", START, question="What?") for number in range(50)]
    assert counted(same, config) == 1


def test_looks_at_past_days_ask_for_nothing(store: ArtifactStore) -> None:
    use_case = f"backfilled_{uuid.uuid4().hex[:8]}"
    for days in range(90, 0, -1):
        past = datetime.now(UTC) - timedelta(days=days)
        assert not decide_retraining(store, use_case, CONFIG, ["questions"], past).wanted
    assert read_requests(store, use_case).requests == ()
