"""Who may ask the page's program: browsers that show this page, and none that show another."""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from aiohttp.typedefs import Middleware

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

# What a browser may do for the page: load its own files, show pictures, and ask where it came from.
# Text becomes HTML nowhere: the browser itself refuses it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(allowed_hosts: Iterable[str]) -> Middleware:
    """A middleware that refuses what another page, or another name of this machine, asks.

    A page of another site can have its name point at this machine (DNS rebinding), and its
    requests then carry that name as `Host`; or it asks this one across origins, which the browser
    says in `Origin` and `Sec-Fetch-Site`.

    Args:
      allowed_hosts: Names that `Host` may have, with any port: a tunnel has another.
    """
    allowed = {name.lower() for name in (*LOCAL_NAMES, *allowed_hosts)}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if _name(host) not in allowed:
            raise web.HTTPForbidden(
                text=f"This page is not served under {host[:200]!r}; --allowed_hosts names more.\n"
            )
        origin = request.headers.get("Origin")
        own = (f"http://{host}", f"https://{host}")  # A proxy may speak TLS.
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        calls = request.path.startswith("/api/")
        if (origin is not None and origin not in own) or (
            calls and site not in ("same-origin", "none")
        ):
            raise web.HTTPForbidden(text="Only this page itself may ask this.\n")
        return await handler(request)

    return check


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Puts HEADERS on an answer, whatever it is."""
    response.headers.update(HEADERS)


def _name(host: str) -> str:
    """The name in a `Host` header, without its port: `[::1]:8502` gives `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
