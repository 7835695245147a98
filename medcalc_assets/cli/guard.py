"""What every server of this machine refuses: other hosts, pages of other sites, and to be shown in a frame."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

ADDRESS = "127.0.0.1"
HOSTS = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Guard:
    """Lets only pages of this very address change anything, and no page show it in a frame."""

    app: ASGIApp
    refusal: Callable[[HTTPConnection], str | None]
    """Why a request is refused, None if it is not."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def framed_by_nobody(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Frame-Options"] = "DENY"
            await send(message)

        answer = self.app
        if scope["type"] != "lifespan" and (why := self.refusal(HTTPConnection(scope))):
            answer = PlainTextResponse(f"{why}\n", 403) if scope["type"] == "http" else WebSocketClose()
        await answer(scope, receive, framed_by_nobody)


def of_another_host(request: HTTPConnection, origins: Collection[str] = ()) -> str | None:
    """Why the host that a request names is not this server.

    A host that is not this machine is a foreign name that was made to point to it; `origins` are those of a proxy.
    """
    host = request.headers.get("host", "")
    ours = HOSTS.fullmatch(host) or any(host == origin.partition("://")[2] for origin in origins)
    if len(request.headers.getlist("host")) == 1 and ours:
        return None
    return "Use http://127.0.0.1 or http://localhost: no other host is served."


def of_another_page(request: HTTPConnection, origins: Collection[str] = ()) -> str | None:
    """Why a request comes from elsewhere than a page of this server. None from no page at all: no page can send it so."""
    headers = request.headers
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return "This comes from another site."
    here = f"http://{headers.get('host', '')}"
    if headers.get("origin", here) not in (here, *origins):
        return "This comes from a page of another address."
    return None
