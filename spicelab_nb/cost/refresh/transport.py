"""One question to a price interface, and its failures in plain words."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from spicelab_nb.errors import PriceFetchError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TIMEOUT_S", "ask", "ask_json", "field", "listed"]

TIMEOUT_S = 30.0
"""Until an answer must be there, all of it."""

LARGEST = 64 * 2**20
"""Bytes of one answer at most."""

OFFLINE = "The prices that are here stay in use."

_CODE = re.compile(rb'<Code>([\w.]{1,60})</Code>|"(?:__type|status|code)"\s*:\s*"([\w.#]{1,80})"')


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key must not follow to another host: the answer that redirects is an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nowhere."""
        return


_OPENER = urllib.request.build_opener(_NoRedirect)


def ask(
    what: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    data: bytes | None = None,
    timeout_s: float = TIMEOUT_S,
    hint: str = "",
) -> bytes:
    """Send one request and give the whole answer.

    Parameters
    ----------
    what
        Which interface, for messages: keys and addresses never stand in them.
    url, headers, data
        Of the request; with `data` it is a POST.
    timeout_s
        Until all of the answer must be there.
    hint
        What to do when the request is refused.

    Raises
    ------
    PriceFetchError
        It cannot be reached, is too slow, refuses, fails, or sends half an answer.
    """
    if not url.startswith(("https://", "http://")):
        raise PriceFetchError(f"{what}: the base address must start with https://, not {url!r}.")
    request = urllib.request.Request(url, data=data, headers=headers or {})  # noqa: S310 - checked
    end = time.monotonic() + timeout_s
    try:
        with _OPENER.open(request, timeout=timeout_s) as answer:
            return _read(what, answer, end, timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(what, error, hint) from None
    except TimeoutError:
        raise _slow(what, timeout_s) from None
    except http.client.IncompleteRead as error:
        raise PriceFetchError(
            f"{what} broke off after {len(error.partial)} bytes of an answer. Try again. {OFFLINE}"
        ) from None
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            raise _slow(what, timeout_s) from None
        raise PriceFetchError(
            f"{what} cannot be reached: {reason}. Is this machine online? {OFFLINE}"
        ) from None


def _read(what: str, answer: Any, end: float, timeout_s: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := answer.read(2**16):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise PriceFetchError(f"{what} sends more than {LARGEST} bytes at once: not read.")
        if time.monotonic() > end:
            raise _slow(what, timeout_s)
    if answer.length:  # bytes that were announced and did not come
        raise http.client.IncompleteRead(b"".join(parts))
    return b"".join(parts)


def _slow(what: str, timeout_s: float) -> PriceFetchError:
    return PriceFetchError(
        f"{what} did not answer within {timeout_s:g} s. Try again later. {OFFLINE}"
    )


def _refused(what: str, error: urllib.error.HTTPError, hint: str) -> PriceFetchError:
    try:
        found = _CODE.search(error.read(2**14))
    except (OSError, http.client.HTTPException):
        found = None
    code = (found[1] or found[2]).decode() if found else http.client.responses.get(error.code, "")
    said = f"{error.code} {code}".strip()
    if error.code in (400, 401, 403):
        advice = hint or "See what it asks for."
        return PriceFetchError(f"{what} refuses the request ({said}). {advice} {OFFLINE}")
    if error.code == 429 or error.code >= 500:
        return PriceFetchError(f"{what} is busy or broken ({said}). Try again later. {OFFLINE}")
    return PriceFetchError(f"{what} answers {said}, which nobody expected. {OFFLINE}")


def ask_json(what: str, url: str, **request: Any) -> dict[str, Any]:
    """Send one request and give the JSON object that is answered; see `ask`."""
    return parsed(what, ask(what, url, **request))


def parsed(what: str, text: bytes | str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PriceFetchError(f"{what} sends what is no JSON: {error}. {OFFLINE}") from None
    if not isinstance(found, dict):
        raise PriceFetchError(
            f"{what} sends a {type(found).__name__} where an object is documented. {OFFLINE}"
        )
    return found


def field(what: str, entry: Any, *path: str | int, kind: type | tuple[type, ...] = str) -> Any:
    """Give a field of an answer, which is documented to be there and of a kind.

    Raises
    ------
    PriceFetchError
        It is not; the message names it.
    """
    found = entry
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            raise _odd(what, path, "is missing") from None
    if not isinstance(found, kind) or isinstance(found, bool):
        raise _odd(what, path, f"is {found!r:.60}")
    return found


def listed(what: str, entry: Any, *path: str | int) -> list[Any]:
    """Give a documented list of an answer; see `field`."""
    return list(field(what, entry, *path, kind=list))


def _odd(what: str, path: Iterable[str | int], is_what: str) -> PriceFetchError:
    name = ".".join(str(step) for step in path)
    return PriceFetchError(
        f"{what} sends another shape than is documented: {name} {is_what}. {OFFLINE}"
    )
