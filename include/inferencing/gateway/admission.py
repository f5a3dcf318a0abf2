"""Who is let in: a key that counts, a tenant within its rates, a model that is the tenant's."""

import time
from datetime import UTC, datetime

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from include.inferencing.access.keys import find_tenant
from include.inferencing.access.tenants import Tenant
from include.inferencing.gateway.errors import ApiError, no_key, no_model
from include.inferencing.gateway.known import Known

REQUESTS, TOKENS = "requests", "tokens"


class Admission:
    """Keys, rates and models of tenants. Rates are counted in this gateway's memory, for itself alone."""

    def __init__(self, known: Known) -> None:
        self.known = known
        storage = MemoryStorage()
        self.requests = SlidingWindowCounterRateLimiter(storage)
        # counts beyond its limit too: what an answer takes is known only afterwards
        self.tokens = FixedWindowRateLimiter(storage)

    def identify(self, header: str) -> tuple[str, str, Tenant]:
        """Key id, tenant's name and tenant of an Authorization header; ApiError 401 where it has none."""
        scheme, _, key = header.partition(" ")
        found = find_tenant(self.known.now.access, key.strip(), datetime.now(UTC))
        if scheme.lower() != "bearer" or found is None:
            raise no_key()
        return *found, self.known.now.access.tenants[found[1]]

    async def count(self, name: str, tenant: Tenant) -> None:
        """Count a request; ApiError 429 beyond the rates."""
        requests, tokens = RateLimitItemPerMinute(tenant.requests_per_minute), _tokens(tenant)
        if not await self.requests.hit(requests, REQUESTS, name):
            window = await self.requests.get_window_stats(requests, REQUESTS, name)
            raise _too_many(f"{tenant.requests_per_minute} requests", window.reset_time)
        if not await self.tokens.test(tokens, TOKENS, name):
            window = await self.tokens.get_window_stats(tokens, TOKENS, name)
            raise _too_many(f"{tenant.tokens_per_minute} tokens", window.reset_time)

    async def spend(self, name: str, tenant: Tenant, tokens: int) -> None:
        """Count tokens that were read or written."""
        if tokens:
            await self.tokens.hit(_tokens(tenant), TOKENS, name, cost=tokens)

    def use_case(self, model: str, tenant: Tenant) -> tuple[str, str]:
        """Use case and adapter of a model's name; ApiError 404 alike for what is not there and for others' models."""
        use_case, _, adapter = model.partition(":")
        route = self.known.now.routes.get(use_case)
        if not tenant.may_ask(model) or route is None or not route.models:
            raise no_model(model)
        if adapter and not any(adapter in one.adapters for one in route.models):
            raise no_model(model)
        return use_case, adapter


def _tokens(tenant: Tenant) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(tenant.tokens_per_minute)


def _too_many(what: str, reset_time: float) -> ApiError:
    seconds = max(1.0, reset_time - time.time())
    return ApiError(429, f"Rate limit reached: {what} a minute.", code="rate_limit_exceeded", retry_after=seconds)
