"""Sends an answer as it is written, and gives it up when nobody reads it any more."""

import asyncio
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from include.inferencing.gateway.call import CANCELLED, Call
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.exchanges import Exchanges, exchange_of
from include.inferencing.gateway.forms import Form
from include.inferencing.gateway.gateway import Gateway


class Answering(Response):
    """The response to a call: its status is known when the first piece is."""

    def __init__(self, call: Call, gateway: Gateway, exchanges: Exchanges) -> None:
        super().__init__()
        self.call, self.exchanges = call, exchanges
        self.relay, self.recorder, self.admission = gateway.relay, gateway.recorder, gateway.admission
        self.form = Form(call)
        self.started = self.gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a client that goes away cancels its request at Triton."""
        task, call = asyncio.current_task(), self.call
        watcher = asyncio.create_task(self._watch(receive, task))
        try:
            await (self._stream(send) if call.question.stream else self._whole(send))
            self.exchanges.offer(exchange_of(call))
        except ApiError as error:
            call.fail(error)
            await self._fail(error, scope, receive, send)
        except asyncio.CancelledError:
            call.status, call.error = CANCELLED, "cancelled"
            if not self.gone or task is None or task.uncancel():
                raise
        finally:
            watcher.cancel()
            call.status = call.status or 500
            self.recorder.ended(call)
            await self.admission.spend(call.tenant, call.access, call.prompt_tokens + call.completion_tokens)

    async def _watch(self, receive: Receive, task: "asyncio.Task[Any] | None") -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if task:
            task.cancel()

    async def _stream(self, send: Send) -> None:
        form, texts = self.form, self.call.text
        async with aclosing(self.relay.pieces(self.call)) as pieces:
            async for piece in pieces:
                if not self.started:
                    await self._start(send, b"text/event-stream; charset=utf-8", (b"cache-control", b"no-cache"))
                    await send({"type": "http.response.body", "body": form.first(), "more_body": True})
                if piece.text:
                    texts.append(piece.text)
                    await send({"type": "http.response.body", "body": form.text(piece.text), "more_body": True})
        last = form.last(self.call.finish_reason)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _whole(self, send: Send) -> None:
        async with aclosing(self.relay.pieces(self.call)) as pieces:
            async for piece in pieces:
                self.call.text.append(piece.text)
        body = self.form.whole("".join(self.call.text), self.call.finish_reason)
        await self._start(send, b"application/json", (b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _start(self, send: Send, kind: bytes, more: tuple[bytes, bytes]) -> None:
        self.started, self.call.status = True, 200
        headers = [
            (b"content-type", kind),
            (b"x-request-id", self.call.id.encode()),
            (b"x-genai-model", self.call.triton_model.encode()),
            # a proxy that collects a stream would hold the tokens back
            (b"x-accel-buffering", b"no"),
            more,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _fail(self, error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
        """An error of its own while nothing was sent, else the stream's last event."""
        if self.started:
            await send({"type": "http.response.body", "body": error.event(), "more_body": False})
            return
        self.call.status = error.status
        await error.response(self.call.id)(scope, receive, send)
