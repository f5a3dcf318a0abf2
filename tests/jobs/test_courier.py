"""What a job's courier brings to the store, and in what order."""

from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import StoreUnavailableError
from include.jobs import courier as module
from include.jobs.book import Job
from include.jobs.courier import Courier
from tests.jobs.asking import request

KEPT = 3


def test_a_part_is_sent_again_as_it_was_and_what_came_meanwhile_comes_after_it(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", KEPT)
    job = Job(start=1, back_end="local", request=request(store, tmp_path / "job", "quick", "one"))
    courier = Courier(store.bucket, job)
    sends, tried = courier.book.add_lines, list[list[str]]()

    def flaky(of: Job, part: int, lines: list[str]) -> None:
        """The first part arrives, but its answer is lost; more lines come than are kept."""
        tried.append(list(lines))
        sends(of, part, lines)
        if len(tried) == 1:
            for number in range(3, 3 + KEPT):
                courier.add(f"line {number}")
            raise StoreUnavailableError("GENAI_S3_ENDPOINT", "", "no answer", "Wait")

    monkeypatch.setattr(courier.book, "add_lines", flaky)
    for number in range(KEPT):
        courier.add(f"line {number}")
    courier.start()
    courier.close()

    assert tried[0] == tried[1]
    told = [line for part in range(2) for line in courier.book.lines(job, part) or []]
    assert told == [f"line {number}" for number in range(2 * KEPT)]
