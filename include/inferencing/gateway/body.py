"""A request's body within its bounds of size and time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from include.inferencing.gateway.errors import ApiError


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """The body; ApiError 413 beyond `most` bytes, 408 where it has not come within `seconds`."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise _too_large(most)
    found = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                found += chunk
                if len(found) > most:
                    raise _too_large(most)
    except TimeoutError:
        raise ApiError(408, f"The body did not come within {seconds:g} s.", code="request_timeout") from None
    except ClientDisconnect:
        raise ApiError(499, "The client went away.", code="cancelled") from None
    return bytes(found)


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"The body is larger than {most} bytes.", code="request_too_large")
