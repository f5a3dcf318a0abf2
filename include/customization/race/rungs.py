"""A rung of the race: how the techniques stand after a share of their steps, and which of them go on.

Successive halving (Jamieson and Talwalkar 2016; Karnin et al. 2013), by what each technique takes, not by their number
alone.
"""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.customization.race.costs import Costs

RUNG_FILE = "rung.json"


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Standing(_Figures):
    """One technique on a rung."""

    name: str
    path: str
    value: float = Field(description="Mean loss on the development questions; lower is better.")
    low: float
    high: float
    steps: int
    device_seconds: float = Field(description="Metered on this rung alone.")
    rest: float = Field(description="Device seconds to the next rung, from what this one took.")
    goes_on: bool = False
    reason: str = ""


class Rung(_Figures):
    """rung.json."""

    number: int
    share: float
    indicator: str
    standings: tuple[Standing, ...]

    @property
    def device_seconds(self) -> float:
        """What all techniques took on this rung."""
        return sum(one.device_seconds for one in self.standings)


def read_rung(store: ArtifactStore, ref: ArtifactRef) -> Rung:
    """What `halve` has written."""
    return Rung.model_validate_json(store.read(ref, RUNG_FILE))


def halved(standings: Sequence[Standing], eta: int, spent: float, costs: Costs) -> list[Standing]:
    """The standings, the best first, with who goes on and why; `spent` is in device seconds, of all rungs so far.

    Of those that were trained, one in `eta` goes on, rounded up: the best that what is left of the budget still pays
    for. What is not trained goes on for free.
    """
    ordered = sorted(standings, key=lambda one: (one.value, one.path))
    trained = [one for one in ordered if one.device_seconds]
    most, kept, left = math.ceil(len(trained) / eta), 0, costs.budget - costs.spent(spent)
    found = []
    for one in ordered:
        need = costs.spent(one.rest)
        if not one.device_seconds:
            told, goes_on = "nothing is trained: it goes on for free", True
        elif kept == most:
            told, goes_on = f"not among the best {most} of {len(trained)}", False
        elif need > left:
            told, goes_on = f"out of budget: it would take {need:.4g} {costs.unit}, {max(0.0, left):.4g} is left", False
        else:
            told, goes_on, kept, left = f"among the best {most} of {len(trained)}", True, kept + 1, left - need
        found.append(one.model_copy(update={"goes_on": goes_on, "reason": told}))
    return found
