"""The rules that recommend a route, a hosting and techniques: of each table, the first rule that applies decides.

Thresholds are orders of magnitude from the papers named beside them; measurements of the race win over all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from include.strategy.config.decision import Domain, Hosting, Route, Technique
from include.strategy.config.limits import Sensitivity

T = TypeVar("T")

# compute-optimal tokens a parameter (Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models")
TOKENS_A_PARAMETER = 20
# fewer examples are learnt by heart: show them in the prompt instead
LEAST_EXAMPLES = 50
# an adapter; about 1,000 good ones are plenty (Hu et al. 2021, "LoRA"; Zhou et al. 2023, "LIMA")
LEAST_LORA = 100
# all weights: with fewer, more is forgotten than learnt (Biderman et al. 2024, "LoRA Learns Less and Forgets Less")
LEAST_FULL = 10_000
# prompt tuning catches up with tuning all weights at about 10^10 parameters (Lester et al. 2021)
PROMPT_TUNING_CATCHES_UP = 10**10
# below, models make little of examples in the prompt (Brown et al. 2020, figure 1.2)
LEAST_FEW_SHOT_PARAMETERS = 10**9
FEW_SHOTS = 5
# text of a domain that shifts a model (Gururangan et al. 2020, "Don't Stop Pretraining")
LEAST_CONTINUED_TOKENS = 10_000_000
# pairs of a better and a worse answer (Rafailov et al. 2023, "Direct Preference Optimization")
LEAST_PREFERENCES = 500
# a hosted service has to be this much cheaper to be worth the dependence
HOSTED_ADVANTAGE = 2.0


@dataclass(frozen=True)
class Facts:
    """What the rules look at. None: not declared. Costs and money in the limits' currency."""

    parameters: int
    tokens: int | None
    examples: int | None
    preference_pairs: int
    sensitivity: Sensitivity
    domain: Domain
    money_for_training: float
    latency_seconds: float
    few_shot_seconds: float
    scratch_cost: float
    full_cost: float
    continued_cost: float
    preference_cost: float
    full_fits: bool
    adapter_fits: bool
    hosted_cost: float | None
    own_cost: float


@dataclass(frozen=True)
class Rule(Generic[T]):
    """Where it `applies`, `choice` is recommended; `reason` is formatted with the facts."""

    name: str
    applies: Callable[[Facts], bool]
    choice: T
    reason: str

    def why(self, facts: Facts) -> str:
        """The reason, with this case's numbers."""
        tokens = facts.tokens or 0
        more: dict[str, Any] = {"ratio": tokens / facts.parameters, "affordable": tokens // TOKENS_A_PARAMETER}
        return self.reason.format(**vars(facts), **more)


ROUTES: tuple[Rule[Route], ...] = (
    Rule(
        "volume unknown",
        lambda facts: facts.tokens is None,
        "pretrained",
        "strategy.data_sources declares no tokens, and from scratch takes about 20 for each parameter",
    ),
    Rule(
        "too little text",
        lambda facts: (facts.tokens or 0) < TOKENS_A_PARAMETER * facts.parameters,
        "pretrained",
        "{tokens:,} tokens are {ratio:.3g} a parameter, and from scratch takes about 20; "
        "they are enough for a model of {affordable:,} parameters",
    ),
    Rule(
        "from scratch over budget",
        lambda facts: facts.scratch_cost > facts.money_for_training,
        "pretrained",
        "20 tokens a parameter cost {scratch_cost:,.2f}, and the budget leaves {money_for_training:,.2f} for training",
    ),
    Rule(
        "does not fit the devices",
        lambda facts: not facts.full_fits,
        "pretrained",
        "training all weights does not fit the declared devices at any ZeRO stage",
    ),
    Rule(
        "public models have read such text",
        lambda facts: facts.domain == "general",
        "pretrained",
        "there is enough text and money, and public models have read such text already",
    ),
    Rule(
        "public models have not read such text",
        lambda facts: facts.domain == "unlike",
        "scratch",
        "{ratio:.3g} tokens a parameter are enough, it costs {scratch_cost:,.2f}, and public models know no such text",
    ),
    Rule(
        "both are affordable",
        lambda _: True,
        "race",
        "{ratio:.3g} tokens a parameter are enough and it costs {scratch_cost:,.2f}: what is measured decides",
    ),
)

HOSTINGS: tuple[Rule[Hosting], ...] = (
    Rule(
        "sensitive data",
        lambda facts: facts.sensitivity in ("personal", "confidential"),
        "own",
        "there is {sensitivity} data, which a hosted service would get to see",
    ),
    Rule(
        "internal data",
        lambda facts: facts.sensitivity == "internal",
        "own",
        "internal data goes to a third party only under a contract",
    ),
    Rule(
        "no offer",
        lambda facts: facts.hosted_cost is None,
        "own",
        "strategy.serving.hosted_price_per_million_tokens names no price of a hosted service",
    ),
    Rule(
        "hosted is much cheaper",
        lambda facts: facts.own_cost > 0 and (facts.hosted_cost or 0.0) * HOSTED_ADVANTAGE <= facts.own_cost,
        "hosted",
        "all data is public, and a month costs {hosted_cost:,.2f} hosted, {own_cost:,.2f} on hardware of one's own",
    ),
    Rule(
        "own is cheap enough",
        lambda _: True,
        "own",
        "a month costs {own_cost:,.2f} on hardware of one's own, {hosted_cost:,.2f} hosted, and nothing leaves it",
    ),
)


def _fewer(least: int) -> Callable[[Facts], bool]:
    return lambda facts: facts.examples is not None and facts.examples < least


def _always(_: Facts) -> bool:
    return True


def _over_budget(what: str, cost: str) -> Rule[bool]:
    reason = f"{what} {{{cost}:,.2f}}, and the budget leaves {{money_for_training:,.2f}} for training"
    return Rule("over budget", lambda facts: getattr(facts, cost) > facts.money_for_training, False, reason)


_TUNING_COSTS = _over_budget("three epochs cost", "full_cost")
_NO_STAGE = "do not fit the devices at any ZeRO stage"
_ADAPTER_FITS = Rule("does not fit", lambda facts: not facts.adapter_fits, False, f"frozen weights {_NO_STAGE}")
_FULL_FITS = Rule("does not fit", lambda facts: not facts.full_fits, False, f"all weights {_NO_STAGE}")

TECHNIQUES: Mapping[Technique, tuple[Rule[bool], ...]] = MappingProxyType(
    {
        "few_shot": (
            Rule("no example", lambda facts: facts.examples == 0, False, "there is no example to show"),
            Rule(
                "too slow",
                lambda facts: facts.few_shot_seconds > facts.latency_seconds,
                False,
                "with 5 examples read in each prompt an answer takes {few_shot_seconds:.3g} s, and may take "
                "{latency_seconds:g} s",
            ),
            Rule("few examples", _fewer(LEAST_EXAMPLES), True, "{examples:,} examples are too few to train on"),
            Rule(
                "small model",
                lambda facts: facts.parameters < LEAST_FEW_SHOT_PARAMETERS,
                False,
                "models under 10^9 parameters make little of examples in the prompt",
            ),
            Rule("cheap", _always, True, "it trains nothing: what does not beat it is not worth its training"),
        ),
        "prompt_tuning": (
            Rule("few examples", _fewer(LEAST_EXAMPLES), False, "{examples:,} examples are learnt by heart"),
            Rule(
                "left behind",
                lambda facts: (facts.examples or 0) >= LEAST_FULL and facts.parameters < PROMPT_TUNING_CATCHES_UP,
                False,
                "under 10^10 parameters it stays behind where there are {examples:,} examples",
            ),
            _ADAPTER_FITS,
            _TUNING_COSTS,
            Rule("cheap", _always, True, "its few thousand weights train fast and learn little by heart"),
        ),
        "lora": (
            Rule("few examples", _fewer(LEAST_LORA), False, "{examples:,} examples are learnt by heart"),
            _ADAPTER_FITS,
            _TUNING_COSTS,
            Rule("volume unknown", lambda facts: facts.examples is None, True, "it does well on most volumes"),
            Rule("enough", _always, True, "{examples:,} examples are enough for an adapter"),
        ),
        "full": (
            Rule("volume unknown", lambda facts: facts.examples is None, False, "no number of examples is declared"),
            Rule(
                "few examples",
                _fewer(LEAST_FULL),
                False,
                "with {examples:,} examples all weights forget more than they learn; 10,000 are about enough",
            ),
            _FULL_FITS,
            _TUNING_COSTS,
            Rule("enough", _always, True, "{examples:,} examples can use all weights"),
        ),
        "continued_pretraining": (
            Rule("volume unknown", lambda facts: facts.tokens is None, False, "no number of tokens is declared"),
            Rule("general", lambda facts: facts.domain == "general", False, "public models have read such text"),
            Rule(
                "little text",
                lambda facts: (facts.tokens or 0) < LEAST_CONTINUED_TOKENS,
                False,
                "{tokens:,} tokens do not shift a model; 10^7 are about enough",
            ),
            _FULL_FITS,
            _over_budget("reading all text once costs", "continued_cost"),
            Rule("enough", _always, True, "{tokens:,} tokens of a domain of its own shift a model"),
        ),
        "dpo": (
            Rule(
                "few preferences",
                lambda facts: facts.preference_pairs < LEAST_PREFERENCES,
                False,
                "{preference_pairs:,} pairs of a better and a worse answer are declared; 500 are about the least",
            ),
            _ADAPTER_FITS,
            _over_budget("three epochs cost", "preference_cost"),
            Rule("enough", _always, True, "{preference_pairs:,} preferences can follow the supervised tuning"),
        ),
    }
)
