"""What the sidebar's sources must hold to, and no linter of theirs looks at."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "labextension"
STYLES = sorted(FOLDER.glob("style/**/*.css"))
SOURCES = sorted(FOLDER.glob("src/*.ts*"))

COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|hwb|lab|lch|oklab|oklch|color)a?\(|color-mix", re.IGNORECASE
)
PAINTED = re.compile(r"^\s*(?:[\w-]*color|background|fill|stroke|border[\w-]*|outline):(.*);", re.M)
PLAIN = {"solid", "dashed", "none", "transparent", "inherit", "currentcolor", "0"}


def painted(css):
    """What is given to properties that paint, without theme variables, lengths and line styles."""
    for value in PAINTED.findall(css):
        words = re.sub(r"var\(--jp-[\w-]+\)", "", value).split()
        yield from (w for w in words if w.lower() not in PLAIN and not re.match(r"-?[\d.]+", w))


def test_there_is_something_to_look_at():
    assert STYLES
    assert SOURCES


@pytest.mark.parametrize("path", [*STYLES, *SOURCES], ids=lambda path: path.name)
def test_colours_are_the_theme_s(path):
    text = path.read_text()
    assert COLOUR.findall(text) == []
    if path.suffix == ".css":
        assert list(painted(text)) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_people_read_is_translated(path):
    # Text between tags and in attributes is eslint's; these are the places that it cannot see.
    text = path.read_text()
    told = re.findall(r"\b(?:label|caption|title|body|okLabel)\s*[:=]\s*(['\"`][^'\"`]+)", text)
    assert told == []
