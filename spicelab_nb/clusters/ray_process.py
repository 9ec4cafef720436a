"""The two commands of a Ray cluster: the head of a Ray of our own, and the driver of any Ray.

``python -m spicelab_nb.clusters.ray_process FOLDER head`` or ``... FOLDER driver FILE``, where FILE
is the number of an open socket to the owner; everything else is in ``FOLDER/start.json``, so that a
process title shows nothing but a path.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from spicelab_nb.clusters import leash
from spicelab_nb.clusters.ray_head import run_head
from spicelab_nb.errors import ExecutorError, SpicelabError

__all__ = ["main"]

logger = logging.getLogger(__name__)

REACH_LIMIT = 5.0
"""Seconds within which somebody listens at an address."""
LOOK = 2.0
"""Seconds between two looks at whether Ray's head answers."""
LOST = 20.0
"""Seconds without an answer after which it counts as lost."""
PROBE_LIMIT = 30.0
"""Seconds for Ray's machines to say what is installed on them."""


def main() -> None:
    """Run what the command line names until it is told to end, or the owner is gone."""
    folder, role, *file = sys.argv[1:]
    start = json.loads((Path(folder) / "start.json").read_text(encoding="utf-8"))
    leash.follow(start["owner"])
    if role == "head":
        run_head(start)
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
        _Driver(start, Connection(int(file[0]))).run()


class _Driver:
    """Connects to Ray, and serves the owner at the other end of `connection`."""

    def __init__(self, start: dict[str, Any], connection: Connection) -> None:
        self._start = start
        self._connection = connection
        self._lock = threading.Lock()
        self._answered = time.monotonic()

    def send(self, message: tuple[Any, ...]) -> None:
        with self._lock:
            try:
                self._connection.send(message)
            except OSError:
                # The owner has closed its end, or is gone: there is nobody left to work for.
                os._exit(0)

    def run(self) -> None:
        try:
            _, options = self._connection.recv()
            ready = self._connect()
        except SpicelabError as error:
            self.send(("failed", str(error)))
            sys.exit(str(error))
        except Exception as error:
            logger.exception("Ray could not be joined")
            self.send(("failed", f"Ray could not be joined: {type(error).__name__}: {error}"))
            sys.exit(1)
        from spicelab_nb.clusters.ray_driver import Slots

        slots = Slots(self.send, **options)
        self.send(("ready", ready))
        threading.Thread(target=self._listen, args=(slots,), daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()
        slots.serve()
        self._leave()

    def _listen(self, slots: Any) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                slots.events.put(self._connection.recv())
        slots.events.put(("end",))

    def _leave(self) -> None:
        import ray

        # Ray's way out may wait for a head that is gone.
        threading.Timer(3.0, os._exit, (0,)).start()
        ray.shutdown()
        sys.stderr.flush()
        os._exit(0)

    # -- joining -------------------------------------------------------------------------------

    def _connect(self) -> dict[str, Any]:
        import ray

        address = self._address()
        if not address.startswith("ray://"):
            _reach(address)
            _check_head(address)
        try:
            ray.init(
                address=address,
                namespace="spicelab_nb",
                log_to_driver=False,
                logging_level=logging.WARNING,
                _temp_dir=self._start["scratch"] if self._start["own"] else None,
            )
        except (Exception, SystemExit) as error:
            raise ExecutorError(_refusal(address, error)) from error
        nodes = [node for node in ray.nodes() if node["Alive"]]
        if not self._start["own"]:
            _check_machines(nodes)
        return {
            "address": address,
            "cpus": sum(node["Resources"].get("CPU", 0.0) for node in nodes),
            "machines": len(nodes),
        }

    def _address(self) -> str:
        """Where Ray is: as given, as found by Ray, or of the head that starts beside us."""
        given = self._start["address"]
        if self._start["own"]:
            return _head_address(Path(self._start["scratch"]), float(self._start["timeout"]))
        if given != "auto":
            return str(given)
        from ray._private import services

        try:
            return str(services.canonicalize_bootstrap_address_or_die("auto"))
        except ConnectionError as error:
            raise ExecutorError(
                'No Ray was found on this machine for address="auto", or more than one. Give its '
                'address ("host:6379"), or leave address away for a Ray of our own.'
            ) from error

    # -- while it runs -------------------------------------------------------------------------

    def _watch(self) -> None:
        """Say that Ray is lost when its head does not answer: Ray itself waits for minutes."""
        threading.Thread(target=self._ask, daemon=True).start()
        while True:
            time.sleep(LOOK / 2)
            silent = time.monotonic() - self._answered
            if silent > LOST:
                self.send(("lost", f"its head has not answered for {silent:.0f} s"))
                sys.stderr.flush()
                os._exit(1)

    def _ask(self) -> None:
        import ray

        while True:
            try:
                ray.nodes()
                self._answered = time.monotonic()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
                logger.warning("Ray's head did not answer: %s", error)
            time.sleep(LOOK)


def _head_address(scratch: Path, limit: float) -> str:
    end = time.monotonic() + limit
    path = scratch / "ray_current_cluster"
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):
            if address := path.read_text(encoding="utf-8").strip():
                return address
        time.sleep(0.05)
    raise ExecutorError(f"The head gave no address within {limit:g} s.")


def _reach(address: str) -> None:
    """Is anybody there? Ray itself would ask for a minute."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_LIMIT):
            return
    except ValueError as error:
        raise ExecutorError(f"{address!r} is no address of a Ray; it is host:port.") from error
    except OSError as error:
        raise ExecutorError(
            f"Nobody answers at {address} ({error}). Is Ray running there "
            "(ray start --head prints its address), and can this machine reach it?"
        ) from error


def _check_head(address: str) -> None:
    """Compare versions of Ray and Python before anything of Ray's is connected.

    Raises
    ------
    ExecutorError
        They differ; names both. Ray may end a process that connects to another version of it.
    """
    from ray import _raylet

    from spicelab_nb.executors.versions import check_versions, installed

    untyped: Any = _raylet
    try:
        client = untyped.GcsClient(address=address)
        known = client.internal_kv_get(b"CLUSTER_METADATA", namespace=b"cluster", timeout=LOST)
    except Exception as error:
        raise ExecutorError(_refusal(address, error)) from error
    if not known:
        logger.warning("The Ray at %s does not say which version it is", address)
        return
    head = json.loads(known)
    theirs = {"python": head.get("python_version"), "ray": head.get("ray_version")}
    check_versions(
        {"client": {"packages": installed(["ray"])}, "workers": {address: {"packages": theirs}}},
        ["ray"],
    )


def _check_machines(nodes: list[dict[str, Any]]) -> None:
    """Compare what Ray's machines have with what this process has."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from spicelab_nb.executors.versions import RAY_PACKAGES, check_versions, installed

    # A function within a function travels as it is: it runs where our package is missing, too.
    def look(packages: list[str]) -> dict[str, Any]:
        import platform
        from importlib import metadata

        found: dict[str, Any] = {"python": platform.python_version()}
        for package in packages:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                found[package] = None
        return {"packages": found}

    probe = ray.remote(num_cpus=0, max_retries=0)(look)
    asked = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        reference = probe.options(scheduling_strategy=there).remote(list(RAY_PACKAGES))
        asked[reference] = str(node["NodeManagerAddress"])
    ended, silent = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_LIMIT)
    workers = {}
    for reference in ended:
        try:
            workers[asked[reference]] = ray.get(reference)
        except ray.exceptions.RayError as error:
            logger.warning("%s did not say what it has: %s", asked[reference], error)
    for reference in silent:
        logger.warning("%s did not say in time what it has", asked[reference])
    check_versions(
        {"client": {"packages": installed(RAY_PACKAGES)}, "workers": workers}, RAY_PACKAGES
    )


def _refusal(address: str, error: BaseException) -> str:
    said = f"{type(error).__name__}: {error}".strip()
    lower = said.lower()
    if "auth" in lower and ("token" in lower or "unauthenticated" in lower):
        return (
            f"The Ray at {address} takes a token, and not this one. Put its token's path into "
            "RAY_AUTH_TOKEN_PATH and set RAY_AUTH_MODE=token, before the cluster is made."
        )
    if "no node info" in lower or "node to connect" in lower:
        return (
            f"This machine is no part of the Ray at {address}, as Ray asks of who uses it. Run "
            f"here: ray start --address={address} --num-cpus=0. Or use its client server: "
            'pip install "ray[client]", and address="ray://HOST:10001".'
        )
    return f"The Ray at {address} could not be joined: {said[:2000]}"


if __name__ == "__main__":
    main()
