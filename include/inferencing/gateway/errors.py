"""What a client is told when there is no answer, in OpenAI's form."""

import json
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

INVALID, SERVER = "invalid_request_error", "server_error"


class ApiError(Exception):
    """An answer that is an error: its status, OpenAI's fields, and after how many seconds to come again."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after, self.close = retry_after, close

    @property
    def kind(self) -> str:
        """OpenAI's name for the kind of error."""
        known = {401: "authentication_error", 429: "rate_limit_error"}
        return known.get(self.status, SERVER if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID)

    def body(self) -> bytes:
        """The error as clients of OpenAI read it."""
        value = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return json.dumps({"error": value}).encode()

    def event(self) -> bytes:
        """The same, in a stream that has begun."""
        return b"data: " + self.body() + b"\n\n"

    def response(self, request_id: str = "") -> Response:
        """The error as a response of its own."""
        headers: dict[str, str] = {}
        if request_id:
            headers["x-request-id"] = request_id
        if self.retry_after is not None:
            headers["retry-after"] = str(max(1, round(self.retry_after)))
        elif self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status == HTTPStatus.REQUEST_TIMEOUT:
            # official clients would ask again at once, what has failed here on every server that there is
            headers["x-should-retry"] = "false"
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        if self.close:
            headers["connection"] = "close"
        return Response(self.body(), self.status, headers, "application/json")


def refused(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400: the request itself is wrong."""
    return ApiError(400, message, param=param, code=code)


def no_model(model: Any) -> ApiError:
    """404, the same for a model that does not exist and for another tenant's."""
    shown = model[:100] if isinstance(model, str) else ""
    message = f"The model '{shown}' does not exist or you do not have access to it."
    return ApiError(404, message, param="model", code="model_not_found")


def no_key() -> ApiError:
    """401, the same for every key that does not count."""
    return ApiError(401, "Incorrect API key provided: unknown, expired or revoked.", code="invalid_api_key", close=True)
