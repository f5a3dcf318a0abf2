"""Compare what users ask, and what they are answered, with what the champion was trained on."""

import io
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.bucket import Bucket
from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError
from include.inferencing.config.operations import DriftConfig
from include.inferencing.learning.exchanges import Said, StoredExchange, exchanges_prefix, read_exchanges, read_said
from include.inferencing.operations import shift
from include.inferencing.operations.quality import Share, Window, agreement, shares, worsened
from include.inferencing.operations.served import Served
from include.inferencing.operations.shift import Shift, shown, thinned


class DriftLook(BaseModel):
    """What a look found."""

    model_config = ConfigDict(frozen=True)
    days: float
    exchanges: int
    questions: int = Field(description="Distinct ones, that were compared.")
    trained: int = Field(description="Questions of the training data that they were compared with.")
    dataset: str = Field(description="The training data; empty where it is not known.")
    tests: tuple[Shift, ...]
    shares: tuple[Share, ...]
    corrections: tuple[float, float, float] | None = Field(description="chrF of answers to corrections, and interval.")
    drifted: tuple[str, ...] = Field(description="What has drifted beyond chance, in words.")
    untold: str = Field(description="Why nothing is told of the questions; empty where it is.")

    @property
    def verdict(self) -> str:
        """In a sentence."""
        return "; ".join(self.drifted) or self.untold or "no drift is shown"


class _Kept(BaseModel):
    """The last look, and what it rests on."""

    model_config = ConfigDict(extra="forbid")
    key: str
    look: DriftLook


def measure_drift(served: Served) -> DriftLook:
    """Compare; what nothing has been added to since the last look is not computed again."""
    config, bucket = served.config.operations.drift, served.bucket
    dataset = served.origin("dataset")
    # whole hours: new exchanges come with every minute, drift does not
    at = served.at.replace(minute=0, second=0, microsecond=0)
    files = [(one.key, one.etag) for one in bucket.objects(exchanges_prefix(served.use_case))]
    said = read_said(bucket, served.use_case, at, (at - timedelta(days=2 * config.days)).date().isoformat())
    told = [one.model_dump_json() for one in said]
    on = [at.isoformat(), config.model_dump(), dataset and dataset.digest, *(list(file) for file in files), told]
    kept, key = _last(bucket, served.use_case), sha256_of(on)
    if kept and kept.key == key:
        return kept.look
    middle, first = at - timedelta(days=config.days), at - timedelta(days=2 * config.days)
    found = sorted(read_exchanges(bucket, served.use_case, first, at), key=lambda one: (one.at, one.id))
    now, before = ([one for one in found if (_moment(one.at) >= middle) is late] for late in (True, False))
    windows = [_window(some, [one for one in said if (_moment(one.answered_at) >= middle) is late])
               for some, late in ((now, True), (before, False))]  # fmt: skip
    look = compare(trained_questions(served.store, dataset, config.most), now, windows[0], windows[1], config)
    look = look.model_copy(update={"dataset": str(dataset or "")})
    bucket.put_bytes(_place(served.use_case), _Kept(key=key, look=look).model_dump_json().encode())
    return look


def last_drift(bucket: Bucket, use_case: str) -> DriftLook | None:
    """What the last look found; None before the first."""
    kept = _last(bucket, use_case)
    return kept.look if kept else None


def compare(
    trained: Sequence[str], exchanges: Sequence[StoredExchange], now: Window, before: Window, config: DriftConfig
) -> DriftLook:
    """All tests on what was sampled; nothing else is looked at."""
    asked = thinned([one.question for one in exchanges], config.most)
    untold = _untold(len(trained), len(asked), config.least)
    tests: list[Shift] = []
    if not untold:
        tests = [
            shift.lengths(trained, asked, config.stability),
            shift.words(trained, asked, config.divergence),
            shift.classifier(trained, asked, config.auc),
        ]
    rates = shares(now, before)
    if any(min(one.total, one.total_before) for one in rates):
        tests += [test for one in rates if (test := worsened(one, config.worse))]
    return DriftLook(
        days=config.days,
        exchanges=len(exchanges),
        questions=len(asked),
        trained=len(trained),
        dataset="",
        tests=tuple(tests),
        shares=tuple(rates),
        corrections=agreement(now.corrections),
        drifted=tuple(
            f"{one.name} ({one.value:g}, drift from {one.limit:g} on; {one.said})"
            for one in shown(tests, config.chance)
        ),
        untold=untold,
    )


def trained_questions(store: ArtifactStore, dataset: ArtifactRef | None, most: int) -> list[str]:
    """Questions that the champion was trained on, at most so many; none where its dataset is not known."""
    if dataset is None:
        return []
    try:
        data = store.read(dataset, "train.parquet")
    except ArtifactNotFoundError:
        return []
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data), columns=["question"])
    return thinned([str(one) for one in table["question"].to_pylist() if one], most)


@step("report")
def drift(work: Workspace, found: DriftLook, day: str) -> None:
    """A look on a day, as drift.json and a page.

    metrics: drifted, what has drifted in words; exchanges and the classifier's AUC. It stops nothing.
    """
    work.metrics |= {"drifted": list(found.drifted), "exchanges": found.exchanges, "verdict": found.verdict}
    work.metrics |= {f"{test.name.replace(' ', '_')}": test.value for test in found.tests}
    (work.output / "drift.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    drift_page(Report(f"Drift, {day}").verdict(not found.drifted, found.verdict), found).write(work.output)


def drift_page(page: Report, found: DriftLook) -> Report:
    """Tests and shares, below what the page has."""
    page.text(
        f"{found.exchanges} sampled exchanges of {found.days:g} days, {found.questions} distinct questions, beside "
        f"{found.trained} questions of {found.dataset or 'no known dataset'}. Only tenants that consent are sampled."
    )
    rows = [
        (one.name, one.value, one.limit, f"{one.p:.2g}", "yes" if one.large else "no", one.said) for one in found.tests
    ]
    if rows:
        headers = ["test", "found", "drift from", "chance", "large", "more"]
        page.table(headers, rows, "Tests: drift is what is large and beyond chance")
    page.table(
        ["answers", "now", "95% interval", "of", "in the window before", "of"],
        [
            (
                one.name,
                f"{one.share:.1%}",
                f"{one.interval[0]:.1%} .. {one.interval[1]:.1%}" if one.interval else "",
                one.total,
                f"{one.share - one.rise:.1%}",
                one.total_before,
            )
            for one in found.shares
        ],
        "Quality in use",
    )
    if found.corrections:
        mean, low, high = found.corrections
        page.text(
            f"Answers agree with what users made of them by chrF {mean:.1f} (95% interval {low:.1f} .. {high:.1f})."
        )
    return page


def _last(bucket: Bucket, use_case: str) -> _Kept | None:
    """None before the first look, and where it is one of other code: it is computed again."""
    try:
        return _Kept.model_validate_json(bucket.get_bytes(_place(use_case))[0])
    except (ArtifactNotFoundError, ValidationError):
        return None


def _place(use_case: str) -> str:
    return f"serving/{use_case}/drift.json"


def _untold(trained: int, asked: int, least: int) -> str:
    if trained < least:
        return (
            f"the champion's dataset has {trained} questions, fewer than {least}"
            if trained
            else ("the champion's dataset is not known")
        )
    return (
        f"{asked} distinct questions were sampled, fewer than {least}: nothing is told of them" if asked < least else ""
    )


def _window(exchanges: Sequence[StoredExchange], said: Sequence[Said]) -> Window:
    thumbs = [one.thumb for one in said if one.thumb]
    return Window(
        thumbs=(len(thumbs), thumbs.count("down")),
        empty=(len(exchanges), sum(not one.answer.strip() for one in exchanges)),
        cut=(len(exchanges), sum(one.finish_reason == "length" for one in exchanges)),
        corrections=[(one.answer, one.correction) for one in said if one.correction and one.answer],
    )


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)
