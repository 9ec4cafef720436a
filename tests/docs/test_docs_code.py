"""The code in the documentation runs, page by page, as a reader would type it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/getting-started.md",
    "docs/circuits.md",
    "docs/sampling.md",
    "docs/measures.md",
    "docs/campaigns.md",
    "docs/explorer.md",
    "docs/cost.md",
]
"""Pages whose code is a whole program."""

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_code_of_page_runs(page, tmp_path):
    text = (ROOT / page).read_text(encoding="utf-8")
    # Blank lines keep a block's line numbers those of the page, for the traceback.
    script, at = "", 0
    for block in BLOCK.finditer(text):
        script += "\n" * (text[: block.start(1)].count("\n") - at) + block[1]
        at = text[: block.end(1)].count("\n")
    assert script.strip(), f"{page} has no python block"
    (tmp_path / "page.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={**os.environ, "SPICELAB_NB_RUNTIME_DIR": str(tmp_path / "runtime")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{page}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"(?:\]\(|src=\")([^)\"#\s]+)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
