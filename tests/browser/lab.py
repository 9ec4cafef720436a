"""A real JupyterLab and a headless Chromium to look at it, for tests and for the screenshots."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIMIT = 90_000
"""Milliseconds that anything in the browser may take: machines are slow and noisy."""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def chromium() -> str | None:
    return (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )


class Lab:
    """A JupyterLab server on loopback, with nobody's configuration but its own.

    Parameters
    ----------
    folder
        Where it keeps everything.
    theme
        Of its pages.
    sidebar_server
        Whether the server's part of the sidebar is enabled.
    app
        ``jupyterlab``, or ``notebook`` for Notebook 7.
    """

    def __init__(
        self,
        folder: Path,
        theme: str = "JupyterLab Light",
        *,
        sidebar_server: bool = True,
        app: str = "jupyterlab",
    ) -> None:
        self.app = app
        self.runtime = folder / "runtime"
        self.root = folder / "notebooks"
        self.root.mkdir(parents=True)
        self.port, self.token = free_port(), secrets.token_hex(16)
        own = {
            "HOME": folder / "home",
            "XDG_CONFIG_HOME": folder / "xdg-config",
            "IPYTHONDIR": folder / "ipython",
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_DATA_DIR": folder / "data",
            "JUPYTER_RUNTIME_DIR": folder / "jupyter-runtime",
            "SPICELAB_NB_RUNTIME_DIR": folder / "runtime",
            "SPICELAB_NB_DATA_DIR": folder / "spicelab-data",
        }
        for path in own.values():
            path.mkdir(mode=0o700, exist_ok=True)
        # Nothing asks the person, or the internet, anything.
        quiet = {
            "@jupyterlab/apputils-extension:notification": {
                "checkForUpdates": False,
                "doNotDisturbMode": True,
                "fetchNews": "false",
            },
            "@jupyterlab/apputils-extension:themes": {"theme": theme},
        }
        (folder / "config" / "labconfig").mkdir()
        self.disabled = folder / "config" / "labconfig" / "page_config.json"
        overrides = folder / "config" / "labconfig" / "default_setting_overrides.json"
        overrides.write_text(json.dumps(quiet))
        environment = {**os.environ, **{k: str(v) for k, v in own.items()}}
        # A trait, not the command line: process titles are public.
        environment["JUPYTER_TOKEN"] = self.token
        # Read by the tutorials alone.
        environment["SPICELAB_NB_SHORT"] = "1"
        self._log = (folder / "lab.log").open("w")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", app, "--no-browser", "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={self.root}", "--allow-root", "--expose-app-in-browser",
                "--ServerApp.jpserver_extensions="
                + repr({"spicelab_nb.jupyter.server": sidebar_server}),
            ],
            cwd=self.root, env=environment, stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.log = folder / "lab.log"
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended:\n{self.log.read_text()[-3000:]}")
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                url = f"http://127.0.0.1:{self.port}/api"
                with urllib.request.urlopen(url, timeout=5):
                    return
            time.sleep(0.1)
        raise RuntimeError(f"The server did not answer:\n{self.log.read_text()[-3000:]}")

    def write(self, name: str, cells: list[str]) -> Path:
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{i}",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": source,
                }
                for i, source in enumerate(cells)
            ],
        }
        path = self.root / name
        path.write_text(json.dumps(notebook))
        return path

    def address(self, name: str, mode: str = "doc") -> str:
        """Of a notebook: alone (``doc``), or in a whole JupyterLab of its own (``lab``)."""
        if self.app == "notebook":
            return f"http://127.0.0.1:{self.port}/notebooks/{name}?token={self.token}"
        where = "doc" if mode == "doc" else f"lab/workspaces/{Path(name).stem}"
        return f"http://127.0.0.1:{self.port}/{where}/tree/{name}?token={self.token}"

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._log.close()


class Notebook:
    """A notebook open in the browser.

    Parameters
    ----------
    page
        Of the browser.
    lab
        The server.
    name
        Of the file.
    cells
        What it holds; None: the file is there.
    mode
        As in :meth:`Lab.address`.
    """

    def __init__(
        self, page, lab: Lab, name: str, cells: list[str] | None = None, mode: str = "doc"
    ) -> None:
        self.page = page
        self.path = lab.root / name if cells is None else lab.write(name, cells)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(LIMIT)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(lab.address(name, mode))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        self.wait_idle()

    def _hear(self, message) -> None:
        if message.type == "error":
            self._complain(f"{message.text} ({message.location.get('url', '')})")

    def _complain(self, text: str) -> None:
        # JupyterLab says so where a kernel is ended while a widget's subshell is being made.
        if "Canceled future for create_subshell_request" not in text:
            self.complaints.append(text)

    def strangers(self) -> set[str]:
        """Machines other than this one that the page asked for anything."""
        hosts = {urlsplit(url).hostname for url in self.asked if url.startswith(("http", "ws"))}
        return {str(host) for host in hosts} - {"127.0.0.1"}

    def command(self, name: str, **arguments) -> None:
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)",
            [name, arguments],
        )

    def start_command(self, name: str) -> None:
        """Without waiting for its end: a run of cells goes on."""
        self.page.evaluate("(name) => { window.jupyterapp.commands.execute(name) }", name)

    def wait_idle(self) -> None:
        self.page.wait_for_function(
            "() => { const p = window.jupyterapp.shell.currentWidget;"
            " return p && p.sessionContext && p.sessionContext.isReady"
            " && p.sessionContext.session.kernel.status === 'idle' }"
        )

    def run_cell(self, index: int) -> None:
        """Start a cell; returns at once."""
        self.page.evaluate(
            "(i) => { const p = window.jupyterapp.shell.currentWidget;"
            " p.content.activeCellIndex = i; p.content.deselectAll();"
            " window.jupyterapp.commands.execute('notebook:run-cell') }",
            index,
        )

    def wait_run(self, index: int) -> None:
        """Wait until a started cell has its number."""
        self.page.wait_for_function(
            "(i) => { const m = window.jupyterapp.shell.currentWidget.content.widgets[i].model;"
            " return m.executionCount !== null && m.executionState !== 'running' }",
            arg=index,
        )

    def run_through(self, first: int, last: int) -> None:
        """Run cells one after the other, each to its end."""
        for index in range(first, last + 1):
            before = self._count(index)
            self.run_cell(index)
            self.page.wait_for_function(
                "([i, n]) => { const m ="
                " window.jupyterapp.shell.currentWidget.content.widgets[i].model;"
                " return m.executionCount !== null && m.executionCount !== n }",
                arg=[index, before],
            )

    def run_all(self, limit: float = LIMIT) -> list[str]:
        """Run every cell as a person does, from the menu; gives what went wrong in cells."""
        self.start_command("notebook:run-all-cells")
        return self.page.wait_for_function(
            "() => { const p = window.jupyterapp.shell.currentWidget;"
            " const cells = p.content.widgets.map((w) => w.model)"
            ".filter((m) => m.type === 'code' && m.sharedModel.source.trim());"
            " const wrong = cells.flatMap((m) => m.outputs.toJSON())"
            ".filter((o) => o.output_type === 'error').map((o) => `${o.ename}: ${o.evalue}`);"
            " const ran = cells.every((m) => m.executionCount !== null"
            " && m.executionState !== 'running');"
            " return wrong.length || (ran && p.sessionContext.session.kernel.status === 'idle')"
            " ? wrong : null }",
            timeout=limit,
        ).json_value()

    def _count(self, index: int) -> int | None:
        return self.page.evaluate(
            "(i) => window.jupyterapp.shell.currentWidget.content.widgets[i].model.executionCount",
            index,
        )

    def computes(self, index: int) -> bool:
        """Whether a cell is being run; the kernel's status also tells of widgets' messages."""
        return self.page.evaluate(
            "(i) => window.jupyterapp.shell.currentWidget.content.widgets[i].model"
            ".executionState === 'running'",
            index,
        )

    def restart_and_run_all(self) -> None:
        self.start_command("notebook:restart-run-all")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        # The numbers of the old kernel go first.
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.widgets"
            ".some((w) => w.model.executionCount === null)"
        )

    def output(self, index: int):
        return self.page.locator(
            f".jp-Notebook .jp-Cell[data-windowed-list-index='{index}'] .jp-OutputArea"
        )

    def outputs(self, index: int) -> list[dict]:
        return self.page.evaluate(
            "(i) => { const p = window.jupyterapp.shell.currentWidget;"
            " return p.content.widgets[i].model.outputs.toJSON() }",
            index,
        )

    def save(self) -> dict:
        self.command("docmanager:save")
        return json.loads(self.path.read_text())

    def shut_down(self) -> None:
        """End the kernels of what is open."""
        self.page.evaluate(
            "() => Promise.all([...window.jupyterapp.shell.widgets('main')]"
            ".filter((w) => w.sessionContext && w.sessionContext.session)"
            ".map((w) => w.sessionContext.shutdown()))"
        )


def really_stop(where) -> None:
    """Stop a cluster from its panel: click twice; the second time within four seconds, or again."""
    from playwright.sync_api import TimeoutError as TooLate

    for _ in range(20):
        where.get_by_role("button", name="Stop", exact=True).click()
        with contextlib.suppress(TooLate):
            where.get_by_role("button", name="Really stop?").click(timeout=3000)
            return
    raise RuntimeError("The second click is always too late.")


@contextlib.contextmanager
def browser():
    """Give a headless Chromium; ends it and what it started."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield running
        finally:
            running.close()
