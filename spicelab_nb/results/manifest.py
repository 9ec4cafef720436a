"""The manifest of a store: which plan it holds, and with what it was made."""

from __future__ import annotations

import importlib.metadata
import json
from datetime import UTC, datetime
from typing import Any

from spicelab_nb.errors import CorruptObjectError, StoreError
from spicelab_nb.results.plan import Plan, canonical_json, parse_json
from spicelab_nb.results.platform import fingerprint

__all__ = ["STORE_VERSION", "read_manifest", "write_manifest"]

STORE_VERSION = 1
STORE_FORMAT = "spicelab-nb store"
_PACKAGES = ("spicelab-nb", "numpy", "scipy", "neospice")


def write_manifest(plan: Plan) -> bytes:
    """Give the bytes of a plan's manifest, as of now."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions["python"] = fingerprint()["python"]
    return canonical_json(
        {
            "format": STORE_FORMAT,
            "version": STORE_VERSION,
            "digest": plan.digest,
            "plan": json.loads(plan.to_json()),
            "inputs": sorted(plan.inputs),
            "proof": plan.proof,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "packages": versions,
        }
    )


def read_manifest(data: bytes, url: str) -> tuple[Plan, dict[str, Any]]:
    """Read a manifest: the plan without its inputs, and everything.

    Raises
    ------
    CorruptObjectError
        It is truncated, altered or none.
    StoreError
        It is of a later version.
    """
    damaged = (
        f"{url}/manifest.json is truncated or altered. Restore it from a copy, or run the campaign "
        "with another store."
    )
    try:
        manifest = json.loads(data)
        if manifest["format"] != STORE_FORMAT:
            raise CorruptObjectError(f"{url}/manifest.json is not the manifest of a campaign.")
        version = manifest["version"]
        if version != STORE_VERSION:
            raise StoreError(
                f"{url} has store version {version}; this spicelab_nb reads {STORE_VERSION}. "
                "Update spicelab_nb."
            )
        # Stores written before proofs were recorded have none.
        proof = parse_json(json.dumps(manifest.get("proof", {})))
        plan = Plan.from_json(json.dumps(manifest["plan"]), proof=proof)
        if plan.digest != manifest["digest"]:
            raise CorruptObjectError(damaged)
        for key in ("inputs", "created", "packages"):
            manifest[key]
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, StoreError):
            raise
        raise CorruptObjectError(damaged) from error
    return plan, manifest
