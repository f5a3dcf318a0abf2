"""Whether answers have become worse: what users say of them, and what can be seen of them without a user."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from include.evaluation.agreement import chrf
from include.evaluation.statistics import bootstrap_mean, share_interval
from include.inferencing.operations.shift import Shift

LEAST = 20


class Share(BaseModel):
    """A share of bad answers, in this window and in the one before, with its 95% interval."""

    model_config = ConfigDict(frozen=True)
    name: str
    bad: int
    total: int
    bad_before: int
    total_before: int

    @property
    def share(self) -> float:
        """Now."""
        return self.bad / self.total if self.total else 0.0

    @property
    def rise(self) -> float:
        """Since the window before."""
        return self.share - (self.bad_before / self.total_before if self.total_before else 0.0)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the share now."""
        return share_interval(self.bad, self.total) if self.total else None


class Window(NamedTuple):
    """What is known of the answers of a window: counts of all and of bad ones by kind, and corrected answers."""

    thumbs: tuple[int, int]
    empty: tuple[int, int]
    cut: tuple[int, int]
    corrections: Sequence[tuple[str, str]] = ()


def shares(now: Window, before: Window) -> list[Share]:
    """Down-votes, empty and cut answers, in both windows."""
    kinds = {"down-votes": "thumbs", "empty answers": "empty", "cut answers": "cut"}
    return [
        Share(
            name=name,
            bad=getattr(now, field)[1],
            total=getattr(now, field)[0],
            bad_before=getattr(before, field)[1],
            total_before=getattr(before, field)[0],
        )
        for name, field in kinds.items()
    ]


def worsened(share: Share, limit: float) -> Shift | None:
    """Fisher's exact test that the share has risen; None where either window has too few answers."""
    from scipy.stats import fisher_exact

    if min(share.total, share.total_before) < LEAST:
        return None
    table = [
        [share.bad, share.total - share.bad],
        [share.bad_before, share.total_before - share.bad_before],
    ]
    before = share.bad_before / share.total_before
    said = f"{before:.1%} before, {share.share:.1%} now"
    p = float(fisher_exact(table, alternative="greater").pvalue)
    return Shift(name=share.name, value=round(share.rise, 4), limit=limit, p=min(1.0, p), said=said)


def agreement(corrections: Sequence[tuple[str, str]]) -> tuple[float, float, float] | None:
    """chrF of answers to what users made of them, from 0 to 100: mean and 95% interval; None without corrections."""
    scores = [chrf(answer, correction) for answer, correction in corrections if correction]
    return bootstrap_mean(scores) if scores else None
