"""What a plan tells: each task's state and reason, and what the work takes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

State = Literal["fails", "runs", "may run", "asks", "checks", "not reached", "reused"]
# the most telling first: a mapped task has the first state that any of its instances has
STATES: tuple[State, ...] = ("fails", "runs", "may run", "asks", "checks", "not reached", "reused")
MOST_REASONS = 3
UNCOUNTED = -2


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Amount(_Told):
    """Work: task seconds and what they cost; `at_least` where the time of some task is not known."""

    seconds: float
    cost: float
    at_least: bool


class PlannedInstance(_Told):
    """One task instance; `index` is -1 where the task is not mapped, -2 for a number of instances not known yet."""

    index: int
    state: State
    reason: str
    seconds: float | None = Field(description="What making its artifact took in the run before; None: not known.")


class PlannedTask(_Told):
    """One task of the workflow; `counted` is False where the number of its instances is that of the run before."""

    task: str
    instances: tuple[PlannedInstance, ...]
    devices: int = Field(1, description="Devices whose time the task costs.")
    counted: bool = True

    @computed_field  # type: ignore[prop-decorator]
    @property
    def state(self) -> State:
        """The state that tells most of those of its instances."""
        return next((state for state in STATES if self.count(state)), "not reached")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reason(self) -> str:
        """Why, in one line, with how many instances are reused where others are not."""
        if not self.instances:
            return "there is nothing to do it for"
        telling = [one for one in self.instances if one.state == self.state]
        reasons = list(dict.fromkeys(one.reason for one in telling))
        more = f"; and {len(reasons) - MOST_REASONS} more reasons" if len(reasons) > MOST_REASONS else ""
        text = "; ".join(reasons[:MOST_REASONS]) + more if self.state != "reused" else (reasons or [""])[0]
        states = [f"{self.count(state)} of {len(self.instances)} {state}" for state in STATES if self.count(state)]
        if len(states) > 1:
            return f"{', '.join(states)}: {text}"
        return f"{text}; as many tasks as in the run before" if not self.counted and len(self.instances) > 1 else text

    def count(self, state: State) -> int:
        """How many instances have a state."""
        return sum(one.state == state for one in self.instances)

    def amount(self, states: tuple[State, ...], price: float) -> Amount:
        """What its instances of some states take; `price` is that of a device hour."""
        working = [one.seconds for one in self.instances if one.state in states]
        seconds = sum(one or 0.0 for one in working)
        cost = seconds / 3600 * self.devices * price
        return Amount(seconds=round(seconds, 2), cost=round(cost, 6), at_least=None in working)


class Plan(_Told):
    """What a run would do. Cost is task time at the use case's price of a device hour, in its currency."""

    use_case: str
    as_of: str
    forced: bool
    currency: str
    device_hour_price: float
    tasks: tuple[PlannedTask, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def certain(self) -> Amount:
        """What runs for certain."""
        return self._sum(("runs",))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def most(self) -> Amount:
        """All of it, if everything that may run does."""
        return self._sum(("runs", "may run"))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def work(self) -> dict[str, Amount]:
        """Task -> what it takes if it runs; tasks that do no work are left out."""
        return {
            task.task: task.amount(("runs", "may run"), self.device_hour_price)
            for task in self.tasks
            if task.state in ("runs", "may run")
        }

    def _sum(self, states: tuple[State, ...]) -> Amount:
        amounts = [task.amount(states, self.device_hour_price) for task in self.tasks]
        return Amount(
            seconds=round(sum(amount.seconds for amount in amounts), 2),
            cost=round(sum(amount.cost for amount in amounts), 6),
            at_least=any(amount.at_least for amount in amounts),
        )
