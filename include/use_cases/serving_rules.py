"""What all use cases together declare for the servers that they share."""

import logging
import os
from collections.abc import Sequence

from include.inferencing.scaling.capacity import Capacity
from include.inferencing.scaling.decide import Bounds, Target
from include.inferencing.scaling.scaler import Rules, Wish
from include.strategy.accelerators import serving_device
from include.use_cases.use_case import UseCase, load_each, use_case_names

LOG = logging.getLogger("genai.use_cases.serving_rules")


def serving_rules(most_servers: int | None = None) -> Rules:
    """The rules of all use cases that load; `most_servers` where they share this machine and its cores."""
    use_cases, _ = load_each(use_case_names())
    return _rules(use_cases, most_servers)


class KeptRules:
    """The rules at each asking; a use case whose file cannot be read keeps those that could be."""

    def __init__(self, most_servers: int | None = None) -> None:
        self.most_servers = most_servers
        self.known: dict[str, UseCase] = {}
        self.told: dict[str, str] = {}

    def __call__(self) -> Rules:
        """The rules now."""
        loaded, errors = load_each(use_case_names())
        told = {name: str(error) for name, error in errors.items()}
        for name, error in told.items():
            if error != self.told.get(name):
                LOG.warning("%s keeps its last rules, if it has any: %s", name, error)
        kept = {name: use_case for name, use_case in self.known.items() if name in errors}
        self.known, self.told = kept | {use_case.name: use_case for use_case in loaded}, told
        return _rules(list(self.known.values()), self.most_servers)


def _rules(use_cases: Sequence[UseCase], most_servers: int | None) -> Rules:
    return Rules({use_case.name: _wish(use_case) for use_case in use_cases}, _bounds(use_cases, most_servers))


def _wish(use_case: UseCase) -> Wish:
    declared, demand = use_case.inferencing.scaling, use_case.strategy.demand
    target = Target(
        declared.target_share,
        declared.latency_seconds or demand.latency_seconds,
        declared.first_token_seconds or demand.first_token_seconds,
    )
    package = use_case.inferencing.package
    tokens = float(min(demand.answer_tokens, package.max_new_tokens))
    return Wish(
        target,
        Capacity(
            declared.step_seconds, declared.stream_seconds, declared.prompt_seconds, tokens, package.max_sequences
        ),
    )


def _bounds(use_cases: Sequence[UseCase], most_servers: int | None) -> Bounds:
    declared = [use_case.inferencing.scaling for use_case in use_cases]
    if not declared:
        return Bounds(floor=1, ceiling=1, instances=1)
    threads = max(use_case.inferencing.package.threads for use_case in use_cases)
    floor, ceiling = max(one.floor for one in declared), max(one.ceiling for one in declared)
    engines = 0
    if most_servers is not None:
        # engines with more threads than there are cores slow each other down
        engines = max(1, len(os.sched_getaffinity(0)) // threads)
        floor, ceiling = min(floor, most_servers), min(ceiling, most_servers)
    limits = [one.cost_ceiling for one in declared if one.cost_ceiling is not None]
    return Bounds(
        floor,
        ceiling,
        max(_most_instances(use_case) for use_case in use_cases),
        engines,
        max(_price(use_case) for use_case in use_cases),
        min(limits, default=None),
        max(one.stabilization_seconds for one in declared),
        max(one.boot_seconds for one in declared),
    )


def _most_instances(use_case: UseCase) -> int:
    """vLLM takes a whole GPU: more of it is another server."""
    inferencing = use_case.inferencing
    return 1 if inferencing.package.engine == "vllm" else inferencing.scaling.instances_ceiling


def _price(use_case: UseCase) -> float:
    own = use_case.inferencing.scaling.server_hour_price
    return serving_device(use_case.strategy).hour_price if own is None else own


def longest_deadline() -> float:
    """Seconds after which the last answer of any use case is over."""
    use_cases, _ = load_each(use_case_names())
    return max((use_case.inferencing.package.deadline_seconds for use_case in use_cases), default=60.0)


def serving_threads() -> int:
    """CPU threads of one instance, the most of any use case's."""
    use_cases, _ = load_each(use_case_names())
    return max((use_case.inferencing.package.threads for use_case in use_cases), default=1)
