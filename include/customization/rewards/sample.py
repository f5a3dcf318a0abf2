"""What a reward function looks at."""

from collections.abc import Callable
from typing import NamedTuple


class Sample(NamedTuple):
    """An answer that the model gave in training; `id`, `question` and `reference` are the dataset's."""

    id: str
    question: str
    reference: str
    answer: str


Reward = Callable[[Sample], float]
