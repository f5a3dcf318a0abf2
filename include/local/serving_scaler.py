"""Scale what serves: `python -m include.local.serving_scaler [--metrics PORT]`.

On the local stack it starts and ends Tritons by supervisord. Where GENAI_TRITON_URL names servers elsewhere it only
decides, and offers the number of servers it wants as the metric genai_wanted_servers, for KEDA or an HPA to follow.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from datetime import UTC, datetime

from include.artifacts.bucket import Bucket, StoreAddress
from include.core.errors import GenaiError
from include.core.settings import Settings, settings
from include.inferencing.scaling.manifests import METRIC
from include.inferencing.scaling.scale import Scale
from include.inferencing.scaling.scaler import Scaler
from include.local import tritonserver
from include.local.layout import layout
from include.local.supervision import Supervisor
from include.use_cases.serving_rules import KeptRules

LOG = logging.getLogger("genai.local.serving_scaler")
TICK_SECONDS = 3.0


class LocalServers:
    """Tritons of the local stack, as programs of its supervisord."""

    ours = True

    def __init__(self, settings: Settings) -> None:
        self.addresses, self.supervisor = settings.triton_addresses, Supervisor(layout(settings))

    def running(self) -> set[int]:
        """Those whose guards run."""
        names = self.supervisor.running()
        return {number for number in range(1, len(self.addresses) + 1) if tritonserver.program(number) in names}

    def start(self, number: int) -> None:
        """Start a server's guard."""
        self.supervisor.start(tritonserver.program(number))

    def stop(self, number: int) -> None:
        """Tell a server's guard to end it; Triton completes its answers first."""
        self.supervisor.stop(tritonserver.program(number), wait=False)


class ServersElsewhere:
    """Tritons that somebody else starts and ends, each name by all its addresses."""

    ours = False

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that the names have now; a name that is unknown now has none."""
        return tuple(address for name in self.names for address in resolved(name))

    def running(self) -> set[int]:
        """All of them."""
        return set(range(1, len(self.addresses) + 1))

    def start(self, number: int) -> None:
        """Somebody else does."""

    def stop(self, number: int) -> None:
        """Somebody else does."""


def resolved(name: str) -> list[str]:
    """host:port by number of all addresses behind a name."""
    host, _, port = name.rpartition(":")
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        LOG.warning("%s cannot be resolved: %s", name, error)
        return []
    return [f"[{number}]:{port}" if ":" in number else f"{number}:{port}" for number in sorted(found)]


class Metrics:
    """What was decided, for Prometheus."""

    WANTED = METRIC

    def __init__(self, port: int) -> None:
        self.port, self.begun = port, False

    def _begin(self) -> None:
        """Offer metrics from now on: a gauge that nothing has set reads 0, which an autoscaler would follow."""
        from prometheus_client import Gauge, start_http_server

        self.wanted = Gauge(self.WANTED, "Triton servers that the declared latency needs.")
        self.routed = Gauge("genai_routed_servers", "Triton servers that get requests; 0: all there are.")
        self.instances = Gauge("genai_wanted_instances", "Instances in each server.", ["model"])
        self.decided = Gauge("genai_decided_seconds", "When it was decided last, in seconds since 1970.")
        start_http_server(self.port)

    def show(self, scale: Scale) -> None:
        """Offer a decision; nothing is offered before the first one."""
        if not self.begun:
            self._begin()
            self.begun = True
        self.wanted.set(scale.wanted)
        self.routed.set(scale.servers)
        self.decided.set_to_current_time()
        self.instances.clear()
        for model, count in scale.instances.items():
            self.instances.labels(model).set(count)


def main() -> None:
    """Scale until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="include.local.serving_scaler", description=__doc__)
    parser.add_argument("--metrics", type=int, metavar="PORT", help="offer Prometheus metrics on this port")
    port = parser.parse_args().metrics
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    here, elsewhere = settings(), bool(settings().triton_url)
    servers = ServersElsewhere(here.triton_addresses) if elsewhere else LocalServers(here)
    most = None if elsewhere else here.triton_servers
    scaler = Scaler(Bucket(StoreAddress.of(here)), servers, KeptRules(most))
    metrics = Metrics(port) if port else None
    LOG.info("scaling %s, pid %d", here.triton_address, os.getpid())
    told = ""
    while True:
        try:
            scale = scaler.tick(datetime.now(UTC))
            problem = f"{scale.servers} of {scale.wanted} servers: {scale.reason}"
            if metrics:
                metrics.show(scale)
        except (GenaiError, OSError, xmlrpc.client.Error) as error:
            problem = str(error)
        if problem != told:
            LOG.info("%s", problem)
        told = problem
        time.sleep(TICK_SECONDS)


if __name__ == "__main__":
    main()
