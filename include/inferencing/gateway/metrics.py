"""What Prometheus reads of a gateway. Labels are names that the store declares, so that there are few of them."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from include.inferencing.gateway.call import Call

WHO = ("model", "tenant")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
GAPS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)


class Metrics:
    """The metrics of one gateway."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def histogram(name: str, words: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:
            return Histogram(f"genai_gateway_{name}_seconds", words, WHO, buckets=buckets, registry=registry)

        def counter(name: str, words: str, labels: tuple[str, ...] = WHO) -> Counter:
            return Counter(f"genai_gateway_{name}", words, labels, registry=registry)

        self.first_token = histogram("first_token", "From a request's arrival to its first token.")
        self.token_gap = histogram("token_gap", "Between two tokens of an answer.", GAPS)
        self.queue = histogram("queue", "Waited in the gateway for a place.")
        self.whole = histogram("request", "From a request's arrival to the end of its answer.")
        self.prompt_tokens = counter("prompt_tokens", "Tokens of prompts that were answered.")
        self.completion_tokens = counter("completion_tokens", "Tokens of answers.")
        left = "499: their clients left, or chose a deadline too short."
        self.requests = counter("requests", f"Requests by the status of their answer; {left}", (*WHO, "status"))
        self.errors = counter("errors", "Requests that ended in an error, by its code.", (*WHO, "code"))
        self.retries = counter("retries", "Attempts that failed before a token was sent.", ("model",))

    def gauges(self, values: dict[str, tuple[str, Callable[[], float]]]) -> None:
        """Numbers that are asked for when Prometheus reads, by name."""
        for name, (words, value) in values.items():
            Gauge(f"genai_gateway_{name}", words, registry=self.registry).set_function(value)

    def breakers(self, states: Callable[[], list[tuple[str, str, str]]]) -> None:
        """A gauge of every model on every server: 0 closed, 0.5 half open, 1 open."""
        self.registry.register(_Breakers(states))

    def ended(self, call: Call) -> None:
        """Count a request for an answer that was let in."""
        who = (call.use_case, call.tenant)
        self.requests.labels(*who, str(call.counts_as)).inc()
        if call.error:
            self.errors.labels(*who, call.error).inc()
        if call.retried:
            self.retries.labels(call.use_case).inc(call.retried)
        self.queue.labels(*who).observe(call.queued)
        if call.first_token is None:
            return
        self.first_token.labels(*who).observe(call.first_token)
        self.whole.labels(*who).observe(call.whole)
        self.prompt_tokens.labels(*who).inc(call.prompt_tokens)
        self.completion_tokens.labels(*who).inc(call.completion_tokens)
        gaps = self.token_gap.labels(*who)
        for gap, count in call.gaps:
            for _ in range(count):
                gaps.observe(gap)

    def refused(self, tenant: str, status: int, code: str) -> None:
        """Count a request that was not let in."""
        self.requests.labels("", tenant, str(status)).inc()
        self.errors.labels("", tenant, code).inc()

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class _Breakers:
    """Read when Prometheus asks, so that models that left leave no series behind."""

    def __init__(self, states: Callable[[], list[tuple[str, str, str]]]) -> None:
        self.states = states

    def collect(self) -> list[Any]:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(
            "genai_gateway_breaker", "Circuit breakers: 0 closed, 0.5 half open, 1 open.", labels=["server", "model"]
        )
        for server, model, state in self.states():
            family.add_metric([server, model], {"closed": 0.0, "half_open": 0.5, "open": 1.0}[state])
        return [family]
