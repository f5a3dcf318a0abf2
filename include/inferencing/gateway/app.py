"""The gateway's HTTP interface."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from include.inferencing.access.tenants import Tenant
from include.inferencing.gateway.answering import Answering
from include.inferencing.gateway.body import read_body
from include.inferencing.gateway.call import Call
from include.inferencing.gateway.errors import ApiError, no_model
from include.inferencing.gateway.exchanges import Exchanges, Nobody
from include.inferencing.gateway.gateway import Gateway
from include.inferencing.gateway.question import check_size, read_question
from include.inferencing.gateway.view import unix_time

# bytes of a body that are parsed at once, within a millisecond
LARGE = 65_536


def create_app(gateway: Gateway, exchanges: Exchanges | None = None, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The application; `exchanges` is offered every complete answer, `routers` are more of its paths."""

    taker = exchanges or Nobody()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with gateway.running():
            await taker.start()
            yield
            await taker.stop()

    app = FastAPI(title="genai gateway", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.gateway, app.state.exchanges = gateway, taker
    app.add_exception_handler(ApiError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_path)
    app.add_exception_handler(Exception, _fail)
    app.include_router(ROUTES)
    for router in routers:
        app.include_router(router)
    return app


ROUTES = APIRouter()


@ROUTES.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    """A conversation's next message."""
    return await _answer(request, chat=True)


@ROUTES.post("/v1/completions")
async def completions(request: Request) -> Response:
    """A prompt's continuation."""
    return await _answer(request, chat=False)


async def identify(request: Request) -> tuple[str, str, Tenant]:
    """Key id, tenant's name and tenant; ApiError 401 where the key does not count. Remembered for the log."""
    gateway: Gateway = request.app.state.gateway
    key, name, tenant = gateway.admission.identify(request.headers.get("authorization", ""))
    request.state.key, request.state.tenant = key, name
    return key, name, tenant


async def _answer(request: Request, *, chat: bool) -> Response:
    gateway: Gateway = request.app.state.gateway
    key, name, tenant = await identify(request)
    await gateway.admission.count(name, tenant)
    body = await read_body(request, tenant.max_body_bytes, gateway.limits.body_seconds)
    # a large one would hold up all streams
    read = asyncio.to_thread(read_question, body, chat=chat) if len(body) > LARGE else None
    question = await read if read else read_question(body, chat=chat)
    use_case, adapter = gateway.admission.use_case(question.model, tenant)
    models = gateway.known.now.routes[use_case].models
    check_size(question, tenant.max_prompt_chars, models[0].limits.get("max_new_tokens"))
    seconds, usual = _deadline(request, gateway, models[0].limits.get("deadline_seconds"))
    exchanges: Exchanges = request.app.state.exchanges
    identifier = exchanges.new_id(name, use_case, "chatcmpl-" if chat else "cmpl-")
    gateway.tally.arrived()
    call = Call(question, name, key, tenant, use_case, adapter, seconds, identifier, usual)
    return Answering(call, gateway, exchanges)


def _deadline(request: Request, gateway: Gateway, longest: float | None) -> tuple[float, float]:
    """Seconds that the answer may take: what the client asks for, within what gateway and model allow; and those of a
    client that asks for nothing."""
    given = request.headers.get("x-request-timeout", "")
    most = min(gateway.limits.max_deadline, longest or gateway.limits.max_deadline)
    usual = min(most, gateway.limits.default_deadline)
    if not given:
        return usual, usual
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ApiError(400, "Invalid header: x-request-timeout is a number of seconds.", param="x-request-timeout")
    return min(most, seconds), usual


@ROUTES.get("/v1/models")
async def models(request: Request) -> JSONResponse:
    """The tenant's models."""
    gateway: Gateway = request.app.state.gateway
    _, _, tenant = await identify(request)
    return JSONResponse({"object": "list", "data": _models(gateway, tenant)})


@ROUTES.get("/v1/models/{model:path}")
async def model(request: Request, model: str) -> JSONResponse:
    """One of them."""
    gateway: Gateway = request.app.state.gateway
    _, _, tenant = await identify(request)
    for found in _models(gateway, tenant):
        if found["id"] == model:
            return JSONResponse(found)
    raise no_model(model)


def _models(gateway: Gateway, tenant: Tenant) -> list[dict[str, Any]]:
    found = []
    for use_case, route in sorted(gateway.known.now.routes.items()):
        adapters = route.champion.adapters if route.champion else ()
        for name in (use_case, *(f"{use_case}:{adapter}" for adapter in adapters)):
            if route.champion and tenant.may_ask(name):
                found.append({"id": name, "object": "model", "created": unix_time(route.since), "owned_by": use_case})
    return found


@ROUTES.get("/health")
async def health() -> JSONResponse:
    """Whether the process lives."""
    return JSONResponse({"status": "ok"})


@ROUTES.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """Whether requests may come here: the store was read once, and the gateway is not about to end."""
    state = request.app.state.gateway.state()
    if not _may_see(request):
        del state["servers"]
    return JSONResponse(state, 200 if state["ready"] else 503)


@ROUTES.get("/metrics")
async def metrics(request: Request) -> Response:
    """For Prometheus: names tenants, models and servers."""
    if not _may_see(request):
        raise ApiError(403, "Only programs of this machine read this.", code="forbidden")
    return Response(request.app.state.gateway.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _may_see(request: Request) -> bool:
    """Whether the peer may know tenants and addresses; a proxy of this machine speaks for somebody else."""
    if request.app.state.gateway.limits.details_to_all:
        return True
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip", "via"}.intersection(request.headers.keys())
    return not forwarded and request.client is not None and ip_address(request.client.host).is_loopback


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    identifier = f"req-{uuid.uuid4().hex}"
    gateway: Gateway = request.app.state.gateway
    state = request.state
    gateway.recorder.refused(identifier, getattr(state, "tenant", ""), getattr(state, "key", ""), error)
    return error.response(identifier)


async def _fail(request: Request, error: Exception) -> Response:
    return await _refuse(request, ApiError(500, "The gateway failed.", code="internal_error"))


async def _refuse_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = f"Invalid URL ({request.method} {request.url.path[:200]}): {error.detail}"
    return await _refuse(request, ApiError(error.status_code, told, code="unknown_url"))
