"""A pytest plugin for CI: a skipped test fails the run unless allowed-skips.txt names it.

``python -m pytest -p tests.strict_skips``.
"""

import re
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("allowed-skips.txt")


def allowed(text: str) -> list[re.Pattern[str]]:
    """Read the list: a regular expression a line, comments and empty lines aside."""
    lines = (line.strip() for line in text.splitlines())
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def pytest_configure(config):
    config.pluginmanager.register(StrictSkips(allowed(LIST.read_text(encoding="utf-8"))))


class StrictSkips:
    def __init__(self, patterns):
        self.patterns = patterns
        self.refused = []

    def look_at(self, report):
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        where = report.longrepr
        reason = where[2].removeprefix("Skipped: ") if isinstance(where, tuple) else str(where)
        said = f"{report.nodeid}: {reason}"
        if not any(p.fullmatch(said) for p in self.patterns):
            self.refused.append(said)

    def pytest_runtest_logreport(self, report):
        self.look_at(report)

    def pytest_collectreport(self, report):
        self.look_at(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        good = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.refused and session.exitstatus in good:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        if self.refused:
            terminalreporter.section("skips that allowed-skips.txt does not name", red=True)
            for said in self.refused:
                terminalreporter.line(said)
