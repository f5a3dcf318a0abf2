"""What a gate said of a use case's indicators, and what the charter allows it to cost."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.manifest import Manifest
from include.artifacts.ref import ArtifactRef
from include.overview.kept import Reader, parsed

CHARTER = "charter.json"
# what a float tells apart; more was never counted
MOST = 2**53
Count = Annotated[int, Field(ge=-MOST, le=MOST)]


class Told(BaseModel):
    """Of a document, what is shown; what else it holds is no damage."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Indicator(Told):
    """One indicator; `base` and `customized` are None where they were not measured."""

    name: str
    direction: str
    target: float
    required: bool = False
    description: str = ""
    base: float | None = None
    customized: float | None = None
    low: float | None = Field(None, description="Of the customized model's 95% interval.")
    high: float | None = None
    met: bool = False

    @property
    def asked(self) -> str:
        """The target in words."""
        return f"{self.direction.replace('_', ' ')} {self.target:g}"


class Judged(Told):
    """What a gate decided, of the technique that it chose or that came nearest."""

    passed: bool
    verdict: str = ""
    technique: str = ""
    difference: float | None = None
    indicators: tuple[Indicator, ...] = ()
    cost: float | None = Field(None, description="Of the race, as metered.")
    predicted_cost: float | None = None
    currency: str = ""

    @property
    def required(self) -> tuple[Indicator, ...]:
        """The indicators without which no model serves."""
        return tuple(one for one in self.indicators if one.required)


class Limits(Told):
    """What it may cost: a training run and a month of serving."""

    budget: float
    currency: str


class Sizing(Told):
    """What it is planned to cost."""

    training_cost: float
    serving_cost_a_month: float
    total_cost: float


class Charter(Told):
    """What of a charter is shown; money in its currency."""

    goal: str = ""
    owner: str = ""
    indicators: tuple[Indicator, ...] = ()
    limits: Limits
    sizing: Sizing


def read_judged(gate: Manifest) -> Judged:
    """What a gate's report says; CorruptedArtifactError where it cannot be read."""
    return parsed(Judged, gate.metrics, f"the verdict {gate.ref}")


def read_charter(reader: Reader, ref: ArtifactRef) -> Charter:
    """A charter; CorruptedArtifactError where it cannot be read."""
    return parsed(Charter, reader.file(ref, CHARTER), f"{CHARTER} of {ref}")


def charter_behind(gate: Manifest) -> ArtifactRef | None:
    """The charter that a gate held models to."""
    found = gate.inputs.get("charter")
    return found if isinstance(found, ArtifactRef) else None
