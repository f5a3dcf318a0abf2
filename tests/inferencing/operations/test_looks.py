"""What looks find in a store with weeks of traffic."""

import json
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from include.artifacts.history import History, Place, RunRecord
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError
from include.inferencing import champion
from include.inferencing.champion import Serving
from include.inferencing.config import InferencingConfig
from include.inferencing.operations.budget import budget_document, freeze, read_budget
from include.inferencing.operations.burn import RULES, Count, Objective, in_time
from include.inferencing.operations.capacity import measure_capacity
from include.inferencing.operations.cost import measure_cost
from include.inferencing.operations.drift import measure_drift
from include.inferencing.operations.error_budget import measure_error_budget
from include.inferencing.operations.served import read_served
from include.inferencing.operations.spans import Span, merged, within
from include.inferencing.operations.sweep_looks import sweep_looks
from include.inferencing.operations.weekly_page import make_weekly_page
from include.inferencing.scaling.scale import Change, change_scale
from include.inferencing.traffic import ModelTraffic, Times
from tests.conftest import ObjectStoreServer
from tests.inferencing.operations.scene import (
    HOUR,
    NOW,
    complaint,
    exchanges,
    put_served,
    question,
    served_at,
    write_asked,
    write_traffic,
)

MIDNIGHT = NOW.replace(hour=0, minute=0)
DAY = timedelta(days=1)
USE_CASE = "helper"


@pytest.fixture
def own(object_store_server: ObjectStoreServer) -> ArtifactStore:
    """A store in which nothing has happened."""
    found = object_store_server.store(bucket=f"looks-{uuid.uuid4().hex[:12]}")
    found.bucket.ensure()
    return found


@pytest.fixture
def serving(own: ArtifactStore) -> Serving:
    draw = random.Random(1)
    return put_served(own, USE_CASE, questions=[question(draw) for _ in range(200)])


def objective(**bad: float) -> Objective:
    """A thousand requests in every window, so many of them bad."""
    names = {"m5": "5 min", "m30": "30 min", "h1": "1 h", "h6": "6 h", "d3": "3 d", "d30": "30 d"}
    counts = {name: Count(total=1000, bad=bad.get(key, 0)) for key, name in names.items()}
    return Objective(name="answered", wanted=0.995, counts=counts)


@pytest.mark.parametrize(
    ("bad", "severities"),
    [
        ({"m5": 80, "h1": 80}, ["page"]),
        ({"h1": 80}, []),  # it has stopped
        ({"m5": 900}, []),  # it has only begun
        ({"m30": 40, "h6": 40}, ["page"]),
        ({"h6": 6, "d3": 6}, ["ticket"]),
        ({"m5": 80, "m30": 80, "h1": 80, "h6": 80, "d3": 80}, ["page", "page", "ticket"]),
    ],
)
def test_an_alert_needs_a_long_and_a_short_window(bad: dict[str, float], severities: list[str]) -> None:
    assert [rule.severity for rule in objective(**bad).alerts(30)] == severities
    assert objective(**bad).alerts(1001) == []


def test_the_rules_spend_what_the_workbook_says() -> None:
    hours = {"1 h": 1, "6 h": 6, "3 d": 72}
    assert [rule.rate * hours[rule.long] / (30 * 24) for rule in RULES] == pytest.approx([0.02, 0.05, 0.1])


def test_one_failure_among_few_requests_is_no_burnt_budget() -> None:
    few = Objective(name="answered", wanted=0.995, counts={"30 d": Count(total=50, bad=1)})
    many = Objective(name="answered", wanted=0.995, counts={"30 d": Count(total=5000, bad=50)})

    assert few.spent == pytest.approx(4) and not few.burnt
    assert many.spent == pytest.approx(2) and many.burnt


def test_durations_within_a_bin_are_taken_to_lie_evenly() -> None:
    times = Times()
    times.add(5.0, 10)
    times.add(20.0, 10)
    assert (within(times, 8.2), within(times, 0.5)) == (10, 0)
    assert 0 < within(times, 5.0) < 10


def test_a_burnt_budget_freezes_rollouts_until_it_recovers_or_nobody_looks(
    own: ArtifactStore, serving: Serving
) -> None:
    write_traffic(own.bucket, serving.model_name, MIDNIGHT, 10, failed=2)

    look = measure_error_budget(served_at(own, USE_CASE))
    assert not look.passed and look.burnt == ("answered",)
    reason = freeze(own.bucket, USE_CASE, NOW)
    assert "answered is burnt" in reason
    assert freeze(own.bucket, USE_CASE, NOW + 2 * DAY) == ""
    # a late retry of an older look changes nothing
    measure_error_budget(served_at(own, USE_CASE, MIDNIGHT))
    assert read_budget(own.bucket, USE_CASE).frozen  # type: ignore[union-attr]
    measure_error_budget(served_at(own, USE_CASE, NOW + HOUR, budget={"freeze": False}))
    assert freeze(own.bucket, USE_CASE, NOW + HOUR) == ""
    own.bucket.put_bytes(budget_document(own.bucket, USE_CASE).key, b'{"frozen": 3}')
    with pytest.raises(CorruptedArtifactError, match=r"budget\.json"):
        freeze(own.bucket, USE_CASE, NOW)


def test_slow_answers_spend_the_latency_s_budget(own: ArtifactStore, serving: Serving) -> None:
    write_traffic(own.bucket, serving.model_name, NOW.replace(minute=0) - HOUR, 2, seconds=30.0)

    look = measure_error_budget(served_at(own, USE_CASE))
    assert look.latency_seconds == 10
    assert {(alert.objective, alert.severity) for alert in look.alerts} >= {("in time", "page")}
    assert measure_error_budget(served_at(own, USE_CASE, budget={"latency_seconds": 60})).passed


def test_who_gave_up_after_the_latency_got_a_late_answer() -> None:
    traffic = ModelTraffic(requests=40, cancelled=20)
    traffic.whole.add(1.0, 20)
    traffic.given_up.add(30.0, 15)
    traffic.given_up.add(0.5, 5)
    span = Span(at=NOW.isoformat(), seconds=60, models={"m": traffic})
    count = in_time([span], NOW, 0.95, 10.0).counts["30 d"]
    assert (count.total, count.bad) == (35, 15)


def test_hours_are_kept_by_day_with_the_same_counts_and_made_again_where_they_are_lost(
    own: ArtifactStore, serving: Serving
) -> None:
    write_traffic(own.bucket, serving.model_name, MIDNIGHT - 2 * DAY, 58)
    write_traffic(own.bucket, "other-0123456789ab", MIDNIGHT, 10, gateway="g2")

    def counted() -> tuple[int, int]:
        spans = served_at(own, USE_CASE).spans
        return merged(one for span in spans for one in span.models.values()).requests, len(spans)

    first = counted()
    assert first[0] == 5 * 60 * 58
    kept = own.bucket.keys(f"serving/{USE_CASE}/traffic/")
    assert [key[-15:-5] for key in kept] == ["2026-11-23", "2026-11-24", "2026-11-25"]
    assert counted() == first
    own.bucket.put_bytes(kept[0], b"{torn")
    own.bucket.delete(kept[1:])
    assert counted() == first


def test_cost_is_shared_by_tokens_and_counts_what_training_made(own: ArtifactStore, serving: Serving) -> None:
    champion_moved = NOW - 10 * HOUR
    write_traffic(own.bucket, serving.model_name, champion_moved.replace(minute=0), 10, requests=6)
    write_traffic(own.bucket, "other-0123456789ab", champion_moved.replace(minute=0), 10, requests=2, gateway="g2")
    change_scale(
        own.bucket,
        lambda scale: scale.model_copy(
            update={
                "servers": 2,
                "changes": (
                    Change(at=(NOW - 5 * DAY).isoformat(), servers=1, instances={}, reason=""),
                    Change(at=(NOW - 5 * HOUR).isoformat(), servers=2, instances={}, reason=""),
                ),
            }
        ),
    )
    ref = ArtifactRef(kind="adapter", step="customization.tune", fingerprint="a" * 64, digest="b" * 64)
    place = Place(use_case=USE_CASE, run_id="r", as_of=NOW.isoformat(), task="customization.tune")
    record = RunRecord(
        place=place,
        ref=ref,
        reused=False,
        reason="ran",
        metrics={"device_seconds": 7200},
        seconds=1,
        at=NOW.isoformat(),
    )
    for run, again in (("r", False), ("later", True)):
        there = record.place.model_copy(update={"run_id": run})
        History(own.bucket).write(record.model_copy(update={"place": there, "reused": again}))

    day = measure_cost(served_at(own, USE_CASE)).windows["24 h"]
    assert day.server_hours == pytest.approx(5.5 + 2 * 5, abs=0.6)
    assert day.part == 0.75
    assert day.serving == pytest.approx(day.server_hours * 0.75 * 0.05, rel=0.01)
    assert (day.device_hours, day.training) == (2, pytest.approx(0.1))
    assert day.tenants["acme"] == 3 * day.tenants["globex"]


def test_capacity_is_measured_and_stands_beside_the_charter(own: ArtifactStore, serving: Serving) -> None:
    for day in range(10):
        write_traffic(own.bucket, serving.model_name, MIDNIGHT - (10 - day) * DAY, 24, requests=5 + 5 * day)
    write_traffic(own.bucket, serving.model_name, MIDNIGHT, 11, requests=55)

    found = measure_capacity(served_at(own, USE_CASE))
    assert found.use["1 h"].requests == 55 * 60
    assert found.promise and found.promise.requests_a_day == 2000
    assert found.minutes_measured > 300 and found.ceiling_requests > found.use["1 h"].peak_requests
    assert found.days_left and found.days_left > 1


def test_drift_is_computed_once_an_hour_and_again_when_there_is_more(own: ArtifactStore, serving: Serving) -> None:
    draw = random.Random(2)
    write_asked(own.bucket, USE_CASE, exchanges([question(draw) for _ in range(80)]))
    quiet = measure_drift(served_at(own, USE_CASE))
    assert quiet.tests and quiet.drifted == ()

    write_asked(own.bucket, USE_CASE, exchanges([complaint(draw) for _ in range(160)], NOW - 3 * HOUR))
    loud = measure_drift(served_at(own, USE_CASE))
    assert [line.split()[0] for line in loud.drifted] == ["lengths", "words", "classifier"]
    assert measure_drift(served_at(own, USE_CASE, NOW + HOUR / 4)) == loud


def test_the_page_of_a_week_is_made_once_when_it_has_ended_and_now_when_asked(
    own: ArtifactStore, serving: Serving
) -> None:
    assert make_weekly_page(served_at(own, USE_CASE), now=False) is None
    write_traffic(own.bucket, serving.model_name, MIDNIGHT - 4 * DAY, 3)
    write_traffic(own.bucket, serving.model_name, MIDNIGHT, 3)

    made = make_weekly_page(served_at(own, USE_CASE), now=False)
    again = make_weekly_page(served_at(own, USE_CASE, NOW + 3 * DAY), now=False)
    assert made and again and again.reused and again.ref == made.ref
    assert made.metrics["week"] == "2026-W47" and made.metrics["requests"] == 900
    now = make_weekly_page(served_at(own, USE_CASE), now=True)
    assert now and now.metrics["week"] == "2026-W48" and now.metrics["requests"] == 900
    named = json.loads(own.bucket.get_bytes(f"aliases/{USE_CASE}/weekly.json")[0])
    assert list(named) == ["2026-W47"] and champion.use_cases(own.bucket) == [USE_CASE]
    assert "week 2026-W47" in own.read(made.ref, "report.html").decode()


def test_old_looks_go_and_weekly_pages_stay(
    own: ArtifactStore, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.inferencing.operations.error_budget import error_budget

    served = served_at(own, USE_CASE)
    write_traffic(own.bucket, serving.model_name, MIDNIGHT - 4 * DAY, 1)
    page = make_weekly_page(served_at(own, USE_CASE), now=False)
    look = error_budget.run(own, {"found": measure_error_budget(served), "day": served.day}).ref
    kept, gone = (f"serving/{USE_CASE}/traffic/{day}.json" for day in ("2099-01-01", "2020-01-01"))
    own.bucket.put_bytes(kept, b"{}")
    assert page and sweep_looks(own) == []
    own.bucket.put_bytes(gone, b"{}")
    assert [piece.keys for piece in sweep_looks(own)] == [(gone,)]
    assert kept in own.bucket.keys("serving/")

    monkeypatch.setattr("include.inferencing.operations.sweep_looks.KEPT", timedelta(seconds=-60))
    assert [piece.prefix for piece in sweep_looks(own, dry_run=True)] == [look.prefix]
    assert own.find(look.step, look.fingerprint)
    sweep_looks(own)
    assert not own.find(look.step, look.fingerprint) and own.find(page.ref.step, page.ref.fingerprint)


def test_nothing_serves_nothing_is_looked_at(own: ArtifactStore) -> None:
    assert read_served(own, "nobody", InferencingConfig(), datetime.now(UTC)) is None
