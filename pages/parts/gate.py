"""Who may come in, and what every answer carries: host names, the shared password, security headers.

Pure ASGI middleware, so that the websocket is guarded like every page.
"""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

# 'unsafe-inline' and 'unsafe-eval': Streamlit starts by an inline script and compiles functions. All code comes from this server.
CONTENT = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss: blob: data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", CONTENT.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
CHALLENGE = (b"www-authenticate", b'Basic realm="Espalier", charset="UTF-8"')
WITHOUT_PASSWORD = ("/healthz", "/_stcore/health")
THREE_WAYS = (
    "Espalier would be open to everyone who reaches {where}, and whoever opens it may start runs. Choose one of three ways: "
    "set ESPALIER_PASSWORD to a shared password; configure OpenID Connect in .streamlit/secrets.toml; "
    "or set ESPALIER_OPEN=yes if a proxy of your own stands in front. Or listen on this machine alone: --server.address 127.0.0.1."
)
OTHER_NAME = (
    "This server does not answer to that name. Whoever runs it can add names: "
    "server.allowedHosts in .streamlit/config.toml, or STREAMLIT_SERVER_ALLOWED_HOSTS."
)
OTHER_ORIGIN = (
    "A page of another site asks for this, which is refused. Whoever runs this server behind a proxy with another name can allow that name: "
    "server.corsAllowedOrigins in .streamlit/config.toml, or STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS."
)


class Refused(NamedTuple):
    """An answer instead of the page, in one line for a person."""

    status: int
    words: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


def is_local(address: str | None) -> bool:
    """Whether only this machine reaches an address; nothing said means every interface."""
    if not address:
        return False
    if address == "localhost" or address.startswith("unix:"):
        return True
    try:
        number = ip_address(address)
    except ValueError:
        return False
    return (getattr(number, "ipv4_mapped", None) or number).is_loopback


def refusal_to_start(address: str | None, guarded: bool) -> str | None:
    """Why a server must not listen on `address`, in words; None where it may.

    guarded: by a password, by sign-in, or open on purpose.
    """
    return None if guarded or is_local(address) else THREE_WAYS.format(where=address or "any interface of this machine")


def hostname(host: str) -> str | None:
    """The name in a Host header, without its port; None for anything that is not a plain name or address."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018  (raises for a port that is none)
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment or not parts.hostname:
        return None
    return parts.hostname.rstrip(".")


def answers_to(host: str | None, allowed: Collection[str]) -> bool:
    """Whether a Host header is one of the allowed names; "*.example.com" allows subdomains, "*" or no list at all every name."""
    if not allowed or "*" in allowed:
        return True
    name = hostname(host) if host else None
    if name is None:
        return False
    return any(name.endswith(a[1:]) if a.startswith("*.") else name == a for a in (entry.strip().lower().rstrip(".") for entry in allowed))


def is_of_ours(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Whether the page that asks is one of ours: it says nothing of itself, or it is of this very host and port, or of an allowed origin.

    Streamlit alone would also let in every port of this machine, and asks another host for this one's address to decide.
    """
    if origin is None or origin in allowed:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == str(host).lower()


def knows_password(authorization: str, password: str) -> bool:
    """Whether a basic-auth header carries the password, under any user name. Takes the same time for any wrong one."""
    scheme, _, coded = authorization.partition(" ")
    try:
        given = base64.b64decode(coded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        given = b""
    return hmac.compare_digest(given, password.encode()) and scheme.lower() == "basic"


class Gate:
    """Middleware around the whole app.

    hosts: the names that it answers to, origins: other sites whose pages may ask; both looked up at every request.
    guarded: something else than localhost keeps strangers out.
    """

    def __init__(
        self, app: ASGI, *, hosts: Callable[[], Collection[str]], origins: Callable[[], Collection[str]] = tuple, password: str | None = None,
        guarded: bool = False,
    ) -> None:  # fmt: skip
        self.app, self.hosts, self.origins, self.password, self.guarded = app, hosts, origins, password, guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = self.refused(scope)
        if refused is None:
            await self.app(scope, receive, with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        else:
            await answer(refused, with_headers(send))

    def refused(self, scope: Scope) -> Refused | None:
        # Another ASGI runner than Streamlit's may have started this server, on any interface: what counts is where the request came in.
        server = (scope.get("server") or (None,))[0]
        if not self.guarded and server and not is_local(server):
            return Refused(403, THREE_WAYS.format(where="it"))
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b"authorization", b"origin")}
        if not answers_to(headers.get(b"host"), self.hosts()):
            return Refused(421, OTHER_NAME)
        if not is_of_ours(headers.get(b"origin"), headers.get(b"host"), self.origins()):
            return Refused(403, OTHER_ORIGIN)
        free = scope["type"] == "http" and scope["path"] in WITHOUT_PASSWORD
        if self.password and not free and not knows_password(headers.get(b"authorization", ""), self.password):
            return Refused(401, "Espalier asks for its shared password.", (CHALLENGE,))
        return None


async def answer(refused: Refused, send: Send) -> None:
    body = (refused.words + "\n").encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": [*headers, *refused.headers]})
    await send({"type": "http.response.body", "body": body})


def with_headers(send: Send) -> Send:
    """`send` that puts our headers on every answer."""
    ours = {name for name, _ in HEADERS}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            theirs = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
            message = {**message, "headers": [*theirs, *HEADERS]}
        await send(message)

    return send_with_headers
