"""Signature Version 4, with which AWS knows who asks.

Documented at https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import os
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spicelab_nb.errors import PriceFetchError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

__all__ = ["AwsKey", "signed_headers"]


@dataclass(frozen=True, kw_only=True)
class AwsKey:
    """An access key; shown nowhere.

    Parameters
    ----------
    access, secret, token
        Key id, secret key, and the session's token of temporary ones.
    """

    access: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> AwsKey:
        """Take it from ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``.

        Raises
        ------
        PriceFetchError
            They are not set.
        """
        given = os.environ if environ is None else environ
        access, secret = given.get("AWS_ACCESS_KEY_ID"), given.get("AWS_SECRET_ACCESS_KEY")
        if not access or not secret:
            raise PriceFetchError(
                "AWS tells its prices to those who have an account only: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY of one that may pricing:GetProducts and "
                "ec2:DescribeSpotPriceHistory."
            )
        return cls(access=access, secret=secret, token=given.get("AWS_SESSION_TOKEN", ""))


def signed_headers(
    key: AwsKey,
    *,
    method: str,
    url: str,
    service: str,
    region: str,
    now: datetime.datetime,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give `headers` with those that sign the request.

    Parameters
    ----------
    key
        Whose request it is.
    method, url, body, headers
        The request; the URL's query is sorted and encoded already.
    service, region
        ``"ec2"``, ``"us-east-1"``.
    now
        The present, in UTC.
    """
    parts = urllib.parse.urlsplit(url)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    signed = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    signed |= {"host": parts.netloc, "x-amz-date": moment}
    if key.token:
        signed["x-amz-security-token"] = key.token
    names = ";".join(sorted(signed))
    request = "\n".join(
        [
            method,
            parts.path or "/",
            parts.query,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    derived = f"AWS4{key.secret}".encode()
    for step in (moment[:8], region, service, "aws4_request"):
        derived = hmac.new(derived, step.encode(), hashlib.sha256).digest()
    signature = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
    signed.pop("host")  # the client sends it
    return signed | {
        "authorization": f"AWS4-HMAC-SHA256 Credential={key.access}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    }
