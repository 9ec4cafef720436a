"""Routes of the server extension: each parses, calls one function and answers in JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, authenticated

from spicelab_nb import clusters
from spicelab_nb.clusters import registry
from spicelab_nb.clusters.presets import describe_kinds
from spicelab_nb.clusters.saved import Preset, forget_preset, presets, save_preset
from spicelab_nb.errors import ClusterError, ClusterNotFoundError, ConfigError
from spicelab_nb.jupyter.server.listing import describe, listing

__all__ = ["routes"]

NAMESPACE = "spicelab-nb"
DOCTOR_LIMIT = 120.0
"""Seconds that looking at what is installed may take."""


class _Handler(APIHandler):
    """A route of ours: for people who are logged in, whatever the verb."""

    auth_resource = "spicelab_nb"

    async def prepare(self) -> None:  # type: ignore[override]  # a coroutine there, too
        prepared = super().prepare()
        if prepared is not None:
            await prepared
        if not self.current_user:
            raise HTTPError(403, "Log in to the Jupyter server first.")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a sentence, and say that it is ours: a missing route has another sender."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = getattr(error, "log_message", None) or str(error or self._reason)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": message, "source": NAMESPACE}))

    def answer(self, data: dict[str, Any]) -> None:
        self.finish(json.dumps(data))

    def asked(self) -> dict[str, Any]:
        body = self.get_json_body() or {}
        if not isinstance(body, dict):
            raise HTTPError(400, "The request's body is no JSON object.")
        return body


class ClustersHandler(_Handler):
    """Every live cluster of this user."""

    @authenticated
    @authorized
    def get(self) -> None:
        self.answer(listing())


class ClusterHandler(_Handler):
    """One of them, by id or name."""

    @authenticated
    @authorized
    def get(self, name: str) -> None:
        self.answer(describe(_found(name)))


class StopHandler(_Handler):
    """Ask the owner of a cluster to end it."""

    @authenticated
    @authorized
    def post(self, name: str) -> None:
        record = _found(name)
        try:
            clusters.request_stop(record.id)
        except ClusterNotFoundError as error:  # it went in this very moment
            raise HTTPError(404, str(error)) from error
        self.set_status(202)
        self.answer({"name": record.name})


class ScaleHandler(_Handler):
    """Ask the owner of a cluster for another number of workers."""

    @authenticated
    @authorized
    def post(self, name: str) -> None:
        record, workers = _found(name), self.asked().get("workers")
        try:
            clusters.request_scale(record.id, workers)  # type: ignore[arg-type]  # it checks
        except ClusterNotFoundError as error:
            raise HTTPError(404, str(error)) from error
        except ClusterError as error:
            raise HTTPError(400, str(error)) from error
        self.set_status(202)
        self.answer({"name": record.name, "workers": workers})


class PruneHandler(_Handler):
    """Remove what clusters left behind whose owner is gone."""

    @authenticated
    @authorized
    def post(self) -> None:
        removed = clusters.prune()
        self.answer({"removed": removed})


class KindsHandler(_Handler):
    """Kinds of clusters and their options, for the form."""

    @authenticated
    @authorized
    def get(self) -> None:
        self.answer({"kinds": describe_kinds()})


class PresetsHandler(_Handler):
    """Options for new clusters that this person has saved."""

    @authenticated
    @authorized
    def get(self) -> None:
        try:
            saved = presets()
        except ConfigError as error:
            # The form works without them: told, and not in the way of the rest.
            self.answer({"presets": [], "problem": str(error)})
        else:
            self.answer({"presets": [asdict(preset) for preset in saved], "problem": ""})


class PresetHandler(_Handler):
    """One of them, by name."""

    @authenticated
    @authorized
    def put(self, name: str) -> None:
        given = self.asked()
        try:
            save_preset(Preset(name=name, kind=given.get("kind"), options=given.get("options")))  # type: ignore[arg-type]  # it checks
        except ConfigError as error:
            raise HTTPError(400, str(error)) from error
        self.set_status(204)

    @authenticated
    @authorized
    def delete(self, name: str) -> None:
        try:
            forget_preset(name)
        except ClusterNotFoundError as error:
            raise HTTPError(404, str(error)) from error
        except ConfigError as error:
            raise HTTPError(400, str(error)) from error
        self.set_status(204)


class DoctorHandler(_Handler):
    """What is installed and what is missing, as ``spicelab-nb doctor`` finds it."""

    @authenticated
    @authorized
    async def get(self) -> None:
        # In a process of its own: engines and libraries are looked at by loading them.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "spicelab_nb.cli", "doctor", "--json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            printed, complaints = await asyncio.wait_for(process.communicate(), DOCTOR_LIMIT)
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise HTTPError(504, f"doctor did not end within {DOCTOR_LIMIT:g} s.") from error
        try:
            self.answer(json.loads(printed))
        except ValueError as error:
            last = complaints.decode(errors="replace").strip().rpartition("\n")[2]
            raise HTTPError(500, f"doctor found nothing out: {last or 'no output'}") from error


def _found(name: str) -> Any:
    try:
        return registry.find(name)
    except ClusterNotFoundError as error:
        raise HTTPError(404, str(error)) from error


def routes(base_url: str) -> list[tuple[str, type[_Handler]]]:
    """Routes below the server's base URL."""
    name = r"([^/]+)"
    return [
        (url_path_join(base_url, NAMESPACE, path), handler)
        for path, handler in (
            ("clusters", ClustersHandler),
            (f"clusters/{name}", ClusterHandler),
            (f"clusters/{name}/stop", StopHandler),
            (f"clusters/{name}/scale", ScaleHandler),
            ("prune", PruneHandler),
            ("kinds", KindsHandler),
            ("presets", PresetsHandler),
            (f"presets/{name}", PresetHandler),
            ("doctor", DoctorHandler),
        )
    ]
