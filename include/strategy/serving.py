"""How fast a replica answers, from its memory bandwidth and its operations. Bytes, seconds and plain counts.

The roofline of decoding (Pope et al. 2022, "Efficiently Scaling Transformer Inference", section 2): a step reads all
weights once and every stream's KV cache, and computes 2 operations a weight and stream; reading a prompt is bound by
operations alone.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class Replica:
    """A model on the devices of one replica. `bandwidth` and `flops` are what is reached, not the peak."""

    parameters: int
    weight_bytes: float
    token_cache: float
    memory: float
    bandwidth: float
    flops: float

    def prompt_seconds(self, tokens: int) -> float:
        """Reading one prompt: 2 operations a weight and token."""
        return 2.0 * self.parameters * tokens / self.flops

    def step_seconds(self, streams: int, length: int) -> float:
        """One token for each of `streams` answers whose prompt and answer are `length` tokens long."""
        read = (self.parameters * self.weight_bytes + streams * length * self.token_cache) / self.bandwidth
        return max(read, 2.0 * self.parameters * streams / self.flops)

    def first_token_seconds(self, streams: int, prompt: int) -> float:
        """The longest wait for a first token: all prompts of a batch come at once, and are read one after another."""
        return streams * self.prompt_seconds(prompt)

    def answer_seconds(self, streams: int, prompt: int, answer: int) -> float:
        """A whole answer in a batch of `streams`, all of whose prompts are read before it ends."""
        return self.first_token_seconds(streams, prompt) + answer * self.step_seconds(streams, prompt + answer)

    def streams_that_fit(self, length: int) -> int:
        """Streams of `length` tokens whose KV cache fits beside the weights; 0 where the weights alone do not."""
        room = self.memory - self.parameters * self.weight_bytes
        return max(0, math.floor(room / (length * self.token_cache)))

    def streams_in_time(self, prompt: int, answer: int, seconds: float, first_token: float | None, most: int) -> int:
        """Streams, up to `most`, that are all answered within `seconds`; 0 where not even one is."""
        counts = range(1, most + 1)
        within = bisect_right(counts, seconds, key=lambda count: self.answer_seconds(count, prompt, answer))
        if first_token is None:
            return within
        first = bisect_right(counts, first_token, key=lambda count: self.first_token_seconds(count, prompt))
        return min(within, first)


def replicas_in_time(
    users: int, requests_per_second: float, streams: int, answer_seconds: float, latency_seconds: float
) -> int:
    """Replicas, each with `streams` answers at once that take `answer_seconds`, that keep the latency; at least one.

    The larger of two: those that answer all `users` in time, in whole rounds where a round is shorter than the
    latency, and those that keep up with what arrives (Little 1961: in flight = arrivals a second x seconds of each).
    """
    rounds = max(1, math.floor(latency_seconds / answer_seconds))
    return max(1, math.ceil(users / (streams * rounds)), math.ceil(requests_per_second * answer_seconds / streams))
