"""Which earlier run a gate compares with."""

from include.artifacts.history import Place
from include.artifacts.manifest import Manifest
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from tests.plugins import airflow_home

__all__ = ["airflow_home"]


@step("dataset")
def source(work: Workspace, number: int) -> None:
    (work.output / "number.txt").write_text(str(number))


@step("report")
def gate(work: Workspace, aggregated: ArtifactRef, passed: bool) -> None:
    (work.output / "passed.txt").write_text(str(passed))
    work.metrics["passed"] = passed


def place(day: int) -> Place:
    return Place(use_case="baseline", run_id=f"r{day}", as_of=f"2026-01-{day:02d}T00:00:00+00:00", task="gate")


def forget(store: ArtifactStore, manifest: Manifest) -> None:
    store.bucket.delete(store.bucket.keys(manifest.ref.prefix))


def test_it_is_the_newest_earlier_one_that_passed_and_whose_artifacts_are_left(store: ArtifactStore) -> None:
    from genai_airflow.earlier_runs import baseline

    one, two, three, now = (source(store, number=number) for number in (1, 2, 3, 4))
    assert baseline(store, place(5), "aggregated", now) is None

    gates = {}
    for day, ref, passed in ((1, one, True), (2, two, True), (3, three, False), (8, three, True)):
        gates[day] = gate.run(store, {"aggregated": ref, "passed": passed}, place=place(day))
    assert baseline(store, place(5), "aggregated", now) == two
    assert baseline(store, place(2), "aggregated", now) == one
    assert baseline(store, place(1), "aggregated", now) is None
    assert baseline(store, place(9), "aggregated", now) == three
    assert baseline(store, place(9), "aggregated", three) is None

    gates[2] = gate.run(store, {"aggregated": two, "passed": True}, force=True)
    replaced = store.manifest(gates[2].ref)
    changed = tuple(entry.model_copy(update={"sha256": "0" * 64}) for entry in replaced.files)
    store.replace(replaced.model_copy(update={"files": changed}))
    assert baseline(store, place(5), "aggregated", now) == two, "a forced run gave the gate's report other bytes"

    forget(store, store.manifest(two))
    assert baseline(store, place(5), "aggregated", now) is None
    forget(store, store.manifest(gates[8].ref))
    assert baseline(store, place(9), "aggregated", now) is None


@step("dataset")
def divided(work: Workspace, source: ArtifactRef, earlier: list[ArtifactRef], number: int) -> None:
    told = (work.fetch(source) / "number.txt").read_text()
    (work.output / "number.txt").write_text(f"{told} {number} {len(earlier)}")


@step("dataset")
def searched(work: Workspace, source: ArtifactRef, part: int, earlier: list[ArtifactRef]) -> None:
    (work.output / "number.txt").write_text(f"{(work.fetch(source) / 'number.txt').read_text()} {part} {len(earlier)}")


@step("dataset")
def publish(work: Workspace, dataset: ArtifactRef, passed: bool) -> None:
    work.metrics["passed"] = passed


def test_earlier_datasets_are_those_that_were_published_before_and_are_not_this_one(store: ArtifactStore) -> None:
    from genai_airflow.earlier_runs import published

    def run(day: int, number: int, passed: bool = True) -> tuple[ArtifactRef, list[ArtifactRef]]:
        made = source(store, number=number)
        at = place(day).model_copy(update={"use_case": "published", "task": "divided"})
        found = published(store, at, "publish:dataset", divided, {"source": made, "number": 1})
        ref = divided(store, source=made, earlier=found, number=1)
        publish.run(store, {"dataset": ref, "passed": passed}, place=at.model_copy(update={"task": "publish"}))
        return ref, found

    one, before = run(11, 101)
    assert before == []
    assert run(12, 101) == (one, []), "a run without news looks at what the run before it looked at"
    late, before = run(20, 103)
    assert before == [one]
    run(14, 102, passed=False)
    two, before = run(15, 104)
    assert before == [one], "neither what was not published nor what is of a later moment"
    assert run(16, 104) == (two, [one])
    assert run(21, 103)[1] == [one, two], "what a backfill published since counts for later moments"
    assert run(22, 105)[1] == [one, two, late, run(21, 103)[0]]

    forget(store, store.manifest(two))
    assert two not in run(23, 106)[1]


def test_all_tasks_of_a_run_look_back_at_what_was_published_when_it_began(store: ArtifactStore) -> None:
    from genai_airflow.earlier_runs import BEGINS, published

    def at(day: int, task: str) -> Place:
        return place(day).model_copy(update={"use_case": "beside", "task": task})

    def publish_on(day: int, number: int) -> ArtifactRef:
        ref = divided(store, source=source(store, number=number), earlier=[], number=1)
        publish.run(store, {"dataset": ref, "passed": True}, place=at(day, "publish"))
        return ref

    def looked_back(part: int) -> list[ArtifactRef]:
        arguments = {"source": source(store, number=303), "part": part}
        return published(store, at(20, "searched"), "publish:dataset", searched, arguments)

    first = publish_on(11, 301)
    source.run(store, {"number": 303}, place=at(20, BEGINS))
    assert looked_back(0) == [first]
    backfilled = publish_on(12, 302)
    assert looked_back(1) == [first], "published while the run was on its way"
    source.run(store, {"number": 303}, place=at(20, BEGINS))
    assert looked_back(0) == looked_back(1) == [first, backfilled]


def test_a_step_before_the_published_one_is_the_same_in_a_run_without_news(store: ArtifactStore) -> None:
    from genai_airflow.earlier_runs import published

    def run(day: int, number: int) -> tuple[ArtifactRef, list[ArtifactRef]]:
        made = source(store, number=number)
        at = place(day).model_copy(update={"use_case": "before", "task": "searched"})
        found = published(store, at, "publish:dataset", searched, {"source": made, "part": 0})
        searched(store, source=made, part=0, earlier=found)
        ref = divided(store, source=made, earlier=[], number=1)
        publish.run(store, {"dataset": ref, "passed": True}, place=at.model_copy(update={"task": "publish"}))
        return ref, found

    one, before = run(11, 201)
    assert before == []
    assert run(12, 201) == (one, [])
    two, before = run(13, 202)
    assert before == [one]
    assert run(14, 202) == (two, [one])
