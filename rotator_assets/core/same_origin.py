"""Requests that a page of another site makes in the user's browser are refused.

Dagster's webserver answers every request, also a GET that starts a run or deletes results. A page of any site could
make one, because the browser runs on the machine that the server listens on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

PROXY_VARIABLE = "ROTATORS_UI_PROXY"
"""Environment variable with the name under which a reverse proxy serves the UI."""

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

_Application = Callable[[MutableMapping[str, Any], Callable[..., Any], Callable[..., Awaitable[None]]], Awaitable[None]]


def refusal(path: str, headers: Mapping[str, str], proxy: str = "") -> str | None:
    """Return why a request is refused; None where it is not.

    Parameters
    ----------
    path
        The address without the name of the server.
    headers
        Headers of the request, their names in lower case.
    proxy
        Name under which a reverse proxy serves the UI.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    if _name(f"//{host}") not in {*LOCAL_NAMES, proxy} - {""}:
        return f"the UI is not served as '{host}'"
    if origin is not None and urlsplit(origin).netloc != host and (not proxy or _name(origin) != proxy):
        return f"the request comes from a page of '{origin}'"
    opened = headers.get("sec-fetch-mode") == "navigate" and not path.startswith("/graphql")
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not opened:
        return "the request comes from a page of another site"
    return None


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


class SameOrigin:
    """ASGI middleware that answers 403 to what `refusal` refuses."""

    def __init__(self, app: _Application, proxy: str = "") -> None:
        self._app, self._proxy = app, proxy

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[..., Any],
        send: Callable[..., Awaitable[None]],
    ) -> None:
        """Answer a request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
        asked = scope["type"] in ("http", "websocket")
        reason = refusal(scope["path"], headers, self._proxy) if asked else None
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": plain})
            await send({"type": "http.response.body", "body": f"refused: {reason}\n".encode()})
