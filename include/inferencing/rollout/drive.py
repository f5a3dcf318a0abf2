"""Drive a rollout to its end: each phase may be done again by whoever takes over."""

import logging
import time

from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.core.errors import PermanentError
from include.inferencing import champion, fleet
from include.inferencing.champion import Alias, Rollout
from include.inferencing.config import DeployConfig
from include.inferencing.gated import require_gated
from include.inferencing.publish import publish
from include.inferencing.rollout import transitions
from include.inferencing.rollout.decide import Decision, Looks, decide
from include.inferencing.rollout.observe import Observer, Traffic
from include.inferencing.rollout.ownership import Heart
from include.inferencing.rollout.probes import Probed, ask_both, questions
from include.inferencing.smoke import SmokeTest

LOG = logging.getLogger("genai.inferencing.rollout")
LOOK_SECONDS = 0.5
# questions of one rollout, asked again and again, are of use for times and failures only
MOST_ROUNDS = 3
# after a gateway's patience with an answer that hangs; by then it counts as failed
HANG_SECONDS = 2.0


class Driver:
    """Drives the rollout that `owner` owns; `smoke` is an answer of the candidate once it has given one."""

    def __init__(self, store: ArtifactStore, use_case: str, owner: str) -> None:
        self.store, self.bucket, self.use_case, self.owner = store, store.bucket, use_case, owner
        self.probed, self.rounds = Probed(), 0
        self.smoke: SmokeTest | None = None

    def drive(self) -> Alias:
        """Until the rollout is over, or another's: the alias then. Transient errors let go of it."""
        alias = self._read()
        mine = alias.rollout
        if mine is None or mine.owner != self.owner:
            return alias
        try:
            with Heart(self.bucket, mine):
                while transitions.owns(alias, mine):
                    alias = self._go_on(alias, mine)
        except Exception:
            transitions.release(self.bucket, mine)
            raise
        return alias

    def _go_on(self, alias: Alias, mine: Rollout) -> Alias:
        """One phase, or one share, further."""
        rollout = alias.rollout
        assert rollout is not None
        if reason := transitions.refusal(alias, rollout):
            return transitions.roll_back(self.bucket, mine, reason)
        try:
            require_gated(self.store, rollout.candidate)
            config = DeployConfig.model_validate(rollout.config)
            phase = {"loading": self._load, "probing": self._probe, "canary": self._canary}[rollout.phase]
            return phase(alias, rollout, config)
        except ValidationError as error:
            reason = f"its configuration is of another version: {error.errors()[0]['msg']}"
        except PermanentError as error:
            reason = str(error)
        LOG.warning("%s goes back: %s", rollout.candidate.model_name, reason)
        return transitions.roll_back(self.bucket, mine, reason)

    def _load(self, alias: Alias, mine: Rollout, config: DeployConfig) -> Alias:
        name = mine.candidate.model_name
        publish(self.store, mine.candidate.package, name, mine.candidate.card)
        fleet.load_everywhere(name, config)
        return transitions.advance(self.bucket, mine, "probing")

    def _probe(self, alias: Alias, mine: Rollout, config: DeployConfig) -> Alias:
        """Each server answers; then both models are asked until they can be told apart or are alike."""
        self._answers(mine, config)
        if mine.kind == "back":
            return self._further(alias, mine, config)
        decision, looks = Decision("wait", ""), Looks(config.least_requests, 1 + len(config.shares))
        while decision.step == "wait":
            decision = self._ask(alias, mine, config, looks)
        LOG.info("probes of %s: %s: %s", mine.candidate.model_name, decision.step, decision.reason)
        if decision.step == "roll_back":
            return transitions.roll_back(self.bucket, mine, decision.reason)
        return self._further(alias, mine, config)

    def _canary(self, alias: Alias, mine: Rollout, config: DeployConfig) -> Alias:
        """One share: traffic decides, and probes where there is too little."""
        serves = alias.champion
        if serves is None:
            return self._promote(mine, config)
        observer = Observer(self.bucket, mine, serves.model_name)
        looks = Looks(config.least_requests, 1 + len(config.shares))
        started, decision = time.monotonic(), Decision("wait", "")
        while decision.step == "wait":
            current = self._read()
            if not transitions.owns(current, mine) or transitions.refusal(current, mine):
                return current
            age, traffic = time.monotonic() - started, observer.look()
            if age < config.settle_seconds:
                time.sleep(min(LOOK_SECONDS, config.settle_seconds - age))
                continue
            hangs = _hangs(traffic, config, age)
            if looks.is_due(traffic.candidate.requests):
                seen, champions = traffic.candidate, traffic.champion
                decision = decide(seen, champions, self._pairs(), config, over=False, risk=looks.spend())
            if decision.step == "go_on" and hangs:
                decision = Decision("wait", "")
            if decision.step == "wait" and not hangs and (age >= config.canary_seconds or not traffic.anything):
                decision = self._ask(alias, mine, config, looks, observer)
            elif decision.step == "wait":
                time.sleep(LOOK_SECONDS)
        LOG.info("%s at %.0f%%: %s: %s", mine.candidate.model_name, 100 * mine.share, decision.step, decision.reason)
        if decision.step == "roll_back":
            return transitions.roll_back(self.bucket, mine, decision.reason)
        return self._further(alias, mine, config)

    def _ask(
        self, alias: Alias, mine: Rollout, config: DeployConfig, looks: Looks, observer: Observer | None = None
    ) -> Decision:
        """Decide by what the probes have shown, and by more of them where that is not enough."""
        serves = alias.champion
        for _ in range(2):
            seen, champions = self.probed.candidate, self.probed.champion
            if observer:
                traffic = observer.look()
                seen, champions = seen + traffic.candidate, champions + traffic.champion
            over = self.rounds >= MOST_ROUNDS
            against, risk = champions if serves else None, looks.spend() if seen.requests else 1.0
            decision = decide(seen, against, self._pairs(), config, over=over, risk=risk)
            if decision.step != "wait":
                return decision
            self._answers(mine, config)
            asked = questions(self.store, mine.candidate, config)
            name = serves.model_name if serves else None
            ask_both(asked, mine.candidate.model_name, name, config, self.probed)
            self.rounds += 1
        return decision

    def _pairs(self) -> list[tuple[float, float]]:
        return list(self.probed.pairs.values())

    def _further(self, alias: Alias, mine: Rollout, config: DeployConfig) -> Alias:
        """To the next share; behind the last one, without a champion or by a person's wish, to the promotion."""
        higher = [share for share in config.shares if share > mine.share]
        if alias.champion is None or mine.kind == "back" or not higher:
            return self._promote(mine, config)
        return transitions.advance(self.bucket, mine, "canary", higher[0])

    def _promote(self, mine: Rollout, config: DeployConfig) -> Alias:
        """A server that came up since, or lost the model, has it and answers before anybody is sent there."""
        self._answers(mine, config)
        return transitions.promote(self.bucket, mine)

    def _answers(self, mine: Rollout, config: DeployConfig) -> None:
        """The candidate answers on each server, one that came up or lost it since included."""
        fleet.load_everywhere(mine.candidate.model_name, config)
        self.smoke = fleet.try_everywhere(mine.candidate.model_name, config)

    def _read(self) -> Alias:
        return champion.read_alias(self.bucket, self.use_case)[0]


def _hangs(seen: Traffic, config: DeployConfig, age: float) -> bool:
    """Whether more of what clients asked has not ended than may be late, and may yet count as failed."""
    longest = max(config.canary_seconds, seen.patience + HANG_SECONDS)
    return age < longest and seen.candidate.under_way > config.late_share * seen.candidate.begun
