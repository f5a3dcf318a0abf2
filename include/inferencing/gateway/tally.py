"""This gateway's traffic documents: minute by minute, written off the event loop, kept while the store is away."""

import asyncio
import logging
import time
from datetime import UTC, datetime

from include.artifacts.bucket import Bucket
from include.core.errors import GenaiError
from include.inferencing.gateway.call import CANCELLED, Call
from include.inferencing.traffic import PATIENCE, Minute, ModelTraffic, TrafficReport, minute_of

BAD_REQUEST = 400
LOG = logging.getLogger("genai.gateway.tally")
# hours that are kept while they cannot be written
MOST_HOURS = 6


class Tally:
    """Counts what `name`, a gateway, answers; a model that is silent for longer than its `patience` has failed."""

    def __init__(self, name: str, patience: float = PATIENCE) -> None:
        self.name, self.patience = name, patience
        self.hours: dict[str, list[Minute]] = {}
        self.trouble = ""

    @property
    def minute(self) -> Minute:
        """The minute under way."""
        at = minute_of(datetime.now(UTC))
        minutes = self.hours.setdefault(at[:13], [])
        if not minutes or minutes[-1].at != at:
            minutes.append(Minute(at=at, patience=self.patience))
        return minutes[-1]

    def levels(self, in_flight: int, waiting: int) -> None:
        """Note how many are under way and how many wait."""
        minute = self.minute
        minute.in_flight, minute.waiting = max(minute.in_flight, in_flight), max(minute.waiting, waiting)

    def arrived(self) -> None:
        """Count a request that was let in."""
        self.minute.arrived += 1

    def refused(self, status: int) -> None:
        """Count a request that reached no model."""
        refused = self.minute.refused
        refused[str(status)] = refused.get(str(status), 0) + 1

    def attempted(self, model: str, count: int = 1) -> None:
        """Count an attempt at a model; -1 takes one back that says nothing about it."""
        self.minute.models.setdefault(model, ModelTraffic()).begun += count

    def ended(self, call: Call) -> None:
        """Count a request that was let in."""
        if not call.triton_model:
            self.refused(call.counts_as)
            return
        # what the champion takes, its candidate was wrong to refuse
        wrong = call.refused_by if call.first_token is not None else []
        for name in wrong:
            self.attempted(name)
        for name in (*call.blamed, *wrong):
            self.minute.models.setdefault(name, ModelTraffic()).retried += 1
        traffic = self.minute.models.setdefault(call.triton_model, ModelTraffic())
        traffic.requests += 1
        status = call.counts_as
        traffic.failed += status >= 500 or bool(call.error and status == 200)
        traffic.refused += BAD_REQUEST <= status < CANCELLED
        if status == CANCELLED:
            traffic.cancelled += 1
            traffic.given_up.add(time.monotonic() - call.arrived)
        traffic.queue.add(call.queued)
        if call.first_token is None:
            return
        traffic.empty += bool(call.finish_reason) and not any(map(str.strip, call.text))
        traffic.prompt_tokens += call.prompt_tokens
        traffic.completion_tokens += call.completion_tokens
        tokens = call.prompt_tokens + call.completion_tokens
        traffic.tenants[call.tenant] = traffic.tenants.get(call.tenant, 0) + tokens
        traffic.first_token.add(call.first_token)
        for gap, count in call.gaps:
            traffic.token_gap.add(gap, count)
        if call.finish_reason:
            traffic.whole.add(call.whole)

    async def write(self, bucket: Bucket) -> None:
        """Write every hour's document that changed; what cannot be written is kept for the next time."""
        this = self.minute.at[:13]
        for hour, minutes in list(self.hours.items()):
            if not minutes:
                continue
            # minutes that are over change no more
            copy = [*minutes[:-1], minutes[-1].model_copy(deep=True)]
            try:
                await asyncio.to_thread(TrafficReport(gateway=self.name, minutes=copy).write, bucket)
            except GenaiError as error:
                if str(error) != self.trouble:
                    LOG.warning("traffic is not written: %s", error)
                self.trouble = str(error)
                break
            self.trouble = ""
            if hour != this:
                del self.hours[hour]
        for hour in sorted(self.hours)[:-MOST_HOURS]:
            del self.hours[hour]
