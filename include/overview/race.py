"""The race of techniques: how they stood after each rung, and what the gate said of those that reached it."""

from typing import NamedTuple

from pydantic import Field

from include.overview.indicators import Count, Told
from include.overview.kept import Reader, parsed
from include.overview.records import GATE, Records

GATE_FILE, RUNG_FILE = "gate.json", "rung.json"
RUNG = "customization.rung_"


class Difference(Told):
    """Mean difference of paired losses, below 0 where better, and its 95% interval."""

    mean: float
    low: float
    high: float


class Check(Told):
    """One condition of the gate."""

    name: str
    found: str
    asked: str
    passed: bool


class Trial(Told):
    """A technique on the gate; money in the race's currency."""

    name: str
    selected: bool = False
    mean: float | None = None
    against: dict[str, Difference] = Field(default_factory=dict, description="To the base, the champion, the best.")
    training_cost: float = 0.0
    serving_cost_a_month: float = 0.0
    checks: tuple[Check, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The conditions that do not hold."""
        return tuple(one for one in self.checks if not one.passed)


class Gate(Told):
    """Of gate.json, what is shown."""

    indicator: str
    currency: str = ""
    device_seconds: float = 0.0
    trials: tuple[Trial, ...] = ()


class Standing(Told):
    """A technique on a rung; `value` is its mean loss on the development questions."""

    name: str
    value: float
    low: float
    high: float
    steps: Count = 0
    goes_on: bool = False
    reason: str = ""


class Rung(Told):
    """Of rung.json, what is shown; `share` of its steps that each technique has done by then."""

    share: float
    indicator: str
    standings: tuple[Standing, ...]


class Race(NamedTuple):
    """Rungs in their order; `gate` is None while the race goes on."""

    rungs: tuple[Rung, ...]
    gate: Gate | None

    @property
    def lines(self) -> dict[str, list[tuple[float, float]]]:
        """Technique -> its loss after each rung, over the share of its steps in percent."""
        found: dict[str, list[tuple[float, float]]] = {}
        for rung in self.rungs:
            for one in rung.standings:
                found.setdefault(one.name, []).append((100 * rung.share, one.value))
        return found


def read_race(reader: Reader, records: Records) -> Race | None:
    """The newest race; None before the first. CorruptedArtifactError where what it left cannot be read."""
    halves = [ones[0] for task, ones in sorted(records.items()) if task.startswith(RUNG) and task.endswith(".halve")]
    gates = records.get(GATE, ())
    runs = {record.place.run_id: record.place.as_of for record in (*halves, *gates)}
    if not runs:
        return None
    newest = max(runs, key=lambda run: runs[run])
    rungs = tuple(
        parsed(Rung, reader.file(record.ref, RUNG_FILE), f"{RUNG_FILE} of {record.ref}")
        for record in halves
        if record.place.run_id == newest
    )
    gate = [
        parsed(Gate, reader.file(record.ref, GATE_FILE), f"{GATE_FILE} of {record.ref}")
        for record in gates
        if record.place.run_id == newest
    ]
    return Race(rungs, gate[0] if gate else None)
