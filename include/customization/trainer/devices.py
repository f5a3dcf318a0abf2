"""What a job's time counts as: device seconds are its seconds times the devices that it held."""

from include.core.settings import settings


def devices_of(ranks: int, *, on_gpu: bool) -> int:
    """GPUs, or cores of a CPU, of so many ranks."""
    return ranks if on_gpu else ranks * settings().rank_threads
