"""uvicorn's HTTP protocol with an end to clients that are slow on purpose or by accident."""

import socket
from asyncio import TimerHandle
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from include.inferencing.gateway.limits import GatewayLimits

# what the kernel and this process hold of an answer that its client does not read
SEND_BUFFER, HIGH_WATER, LOW_WATER = 65_536, 16_384, 4_096
# a refused request is read for so long and thrown away: closed at once, its client would not see why
LINGER_SECONDS = 2.0


def bounded(limits: GatewayLimits) -> type[HttpToolsProtocol]:
    """The protocol with these limits."""
    return type("BoundedProtocol", (Bounded,), {"limits": limits})


class Bounded(HttpToolsProtocol):
    """Deadlines for headers, for the rest of a refused body, and for what a client is to read."""

    limits: ClassVar[GatewayLimits] = GatewayLimits()
    _headers: TimerHandle | None = None
    _writes: TimerHandle | None = None
    _rest: TimerHandle | None = None
    # bytes of the message under way that are not its body: its line, headers, chunks' sizes, trailers
    _size = 0
    _in_headers, _in_message = True, False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._headers = self.loop.call_later(self.limits.header_seconds, transport.close)

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        super().data_received(data)
        if self._size <= self.limits.header_bytes or self.transport.is_closing():
            return
        if self._in_headers and (self.cycle is None or self.cycle.response_complete):
            self.send_400_response("Request headers are too large.")
        else:
            # an answer is under way, behind which no other can be sent
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        # the parser gives a chunked body's trailers as headers too: nobody reads them
        if self._in_headers:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._size = max(0, self._size - len(body))
        super().on_body(body)

    def on_message_begin(self) -> None:
        self._in_headers = self._in_message = True
        _stop(self._headers)
        _stop(self._writes)
        self._headers = self.loop.call_later(self.limits.header_seconds, self.transport.close)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        _stop(self._headers)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_headers, self._in_message, self._size = True, False, 0
        _stop(self._rest)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and not self._in_headers:
            self._rest = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        self._await_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        _stop(self._writes)

    def _await_reading(self) -> None:
        _stop(self._writes)
        self._writes = self.loop.call_later(self.limits.write_seconds, self._unread)

    def _unread(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._headers, self._writes, self._rest):
            _stop(timer)
        super().connection_lost(exc)


def _stop(timer: TimerHandle | None) -> None:
    if timer:
        timer.cancel()
