"""Whose requests a server on loopback answers: those of the page it served itself, and of nobody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["HEADERS", "refusal"]

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer says, whatever it is."""

NAMES = ("127.0.0.1", "localhost", "[::1]")


def refusal(
    method: str, target: str, headers: Mapping[str, Sequence[str]], port: int
) -> tuple[int, str] | None:
    """Status and reason where the request is not answered; None where it is.

    ``headers`` are all values by the names in lower case. A page elsewhere whose name was made to lead here (DNS
    rebinding) is told by its Host, one that only sends requests here by its Origin or Sec-Fetch-Site.
    """
    if method != "GET":
        return 405, "only GET is answered"
    if not target.startswith("/"):
        return 400, "only paths are answered"
    hosts = headers.get("host", ())
    if len(hosts) != 1 or hosts[0].lower() not in _hosts(port):
        return 403, "this server is called 127.0.0.1 or localhost"
    if any(origin.lower() not in _origins(port) for origin in headers.get("origin", ())):
        return 403, "another page's requests are not answered"
    if any(not _is_own(site, headers) for site in headers.get("sec-fetch-site", ())):
        return 403, "another page's requests are not answered"
    return None


def _is_own(site: str, headers: Mapping[str, Sequence[str]]) -> bool:
    """A link that a person follows may stand anywhere: what is opened by it no other page can read."""
    if site in {"none", "same-origin"}:
        return True
    return [*headers.get("sec-fetch-mode", ())] == ["navigate"] and [
        *headers.get("sec-fetch-dest", ())
    ] == ["document"]


def _hosts(port: int) -> set[str]:
    bare = {*NAMES} if port == 80 else set()
    return {f"{name}:{port}" for name in NAMES} | bare


def _origins(port: int) -> set[str]:
    return {f"http://{host}" for host in _hosts(port)}
