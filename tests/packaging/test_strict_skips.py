"""Under CI a skip that nobody wrote down fails the run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(folder, text):
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.strict_skips", "-c", folder / "pytest.ini",
         "--rootdir", folder, "-p", "no:cacheprovider", folder],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_skip_that_is_not_written_down_fails(tmp_path):
    done = run(
        tmp_path,
        "import pytest\n\ndef test_a():\n    pytest.skip('no wings')\n\ndef test_b():\n    pass\n",
    )
    assert done.returncode == 1
    assert "test_it.py::test_a: no wings" in done.stdout


def test_a_module_that_is_skipped_fails(tmp_path):
    done = run(tmp_path, "import pytest\npytest.skip('no legs', allow_module_level=True)\n")
    assert done.returncode == 1
    assert "no legs" in done.stdout


def test_an_expected_failure_is_no_skip(tmp_path):
    done = run(tmp_path, "import pytest\n\n@pytest.mark.xfail\ndef test_a():\n    assert 0\n")
    assert done.returncode == 0


def test_no_skip_no_failure(tmp_path):
    assert run(tmp_path, "def test_a():\n    pass\n").returncode == 0
