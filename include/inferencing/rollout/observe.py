"""What gateways tell of champion and candidate since a share changed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from include.artifacts.bucket import Bucket
from include.inferencing.champion import Rollout
from include.inferencing.rollout.decide import Observed
from include.inferencing.traffic import ModelTraffic, Times, by_model, read_traffic

# gateways name minutes by their own clocks
CLOCKS_APART = timedelta(minutes=10)
COUNTS = ("requests", "failed", "cancelled", "refused", "retried", "empty", "begun")
TIMES = ("first_token", "token_gap")


@dataclass(frozen=True)
class Traffic:
    """What both models have answered."""

    candidate: Observed
    champion: Observed
    patience: float = 0.0
    """Seconds by which the most patient gateway has made a failure of an answer that hangs."""

    @property
    def anything(self) -> bool:
        """Whether there was any request."""
        return self.candidate.requests + self.champion.requests > 0


class Observer:
    """Counts from its own beginning: minutes are too coarse to begin with the share."""

    def __init__(self, bucket: Bucket, rollout: Rollout, champion: str) -> None:
        self.bucket, self.names = bucket, (rollout.candidate.model_name, champion)
        self.since = datetime.now(UTC) - CLOCKS_APART
        self.before = self._read()

    def look(self) -> Traffic:
        """What was added since."""
        found = self._read()
        mine, its = (Observed.of(_added(found[name], self.before[name])) for name in self.names)
        return Traffic(mine, its, self.patience)

    def _read(self) -> dict[str, ModelTraffic]:
        minutes = list(read_traffic(self.bucket, self.since, datetime.now(UTC) + CLOCKS_APART))
        self.patience = max((minute.patience for _, minute in minutes), default=0.0)
        found = by_model(iter(minutes))
        return {name: found.get(name, ModelTraffic()) for name in self.names}


def _added(after: ModelTraffic, before: ModelTraffic) -> ModelTraffic:
    """What decides, without what was there before."""
    counts = {name: getattr(after, name) - getattr(before, name) for name in COUNTS}
    times = {name: _later(getattr(after, name), getattr(before, name)) for name in TIMES}
    return ModelTraffic.model_validate(counts | times)


def _later(after: Times, before: Times) -> Times:
    counts = [late - early for late, early in zip(after.counts, before.counts, strict=True)]
    return Times(counts=counts, total=after.total - before.total)
