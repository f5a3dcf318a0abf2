"""How many devices one training job takes, which are its slots of Airflow's pool of accelerators."""

from include.core.settings import Settings, settings
from include.distributed.hosts import read_hostfile


def training_slots(of: Settings | None = None) -> int:
    """Ranks of a training job: a device each, on a CPU too.

    A step that asks for fewer ranks takes as many slots: its job has the devices to itself.
    """
    at = of or settings()
    if at.jobs == "kubernetes":
        return at.kubernetes_nodes * (at.kubernetes_gpus or at.training_ranks)
    if at.training_hostfile:
        return sum(host.slots for host in read_hostfile(at.training_hostfile))
    return at.training_ranks
