import json
import stat

import pytest

from spicelab_nb.clusters.saved import Preset, forget_preset, presets, presets_file, save_preset
from spicelab_nb.errors import ClusterNotFoundError, ConfigError

BENCH = Preset(name="bench", kind="local", options={"workers": "4"})


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_there_are_none_before_one_is_saved():
    assert presets() == []
    assert not presets_file().exists()


def test_what_is_saved_is_there_until_it_is_forgotten():
    save_preset(BENCH)
    save_preset(Preset(name="a / b", kind="address", options={"address": "tls://10.0.0.5:8786"}))
    assert [preset.name for preset in presets()] == ["a / b", "bench"]
    again = Preset(name="bench", kind="local", options={"workers": "8"})
    save_preset(again)
    assert presets()[1] == again
    assert stat.S_IMODE(presets_file().stat().st_mode) == 0o600
    forget_preset("a / b")
    assert presets() == [again]


def test_one_that_is_not_there_cannot_be_forgotten():
    save_preset(BENCH)
    with pytest.raises(ClusterNotFoundError, match="bench"):
        forget_preset("bensh")


@pytest.mark.parametrize(
    "given",
    [
        {"name": " "},
        {"name": "x" * 65},
        {"name": "two\nlines"},
        {"kind": None},
        {"kind": "lokal"},
        {"options": {"wokers": "2"}},
        {"options": {"workers": 2}},
        {"options": None},
        {"options": {"workers": "2" * 2000}},
    ],
)
def test_what_no_cluster_would_take_is_refused(given):
    with pytest.raises(ConfigError):
        save_preset(Preset(**{"name": "n", "kind": "local", "options": {}, **given}))
    assert presets() == []


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 100_000, "[]", '{"schema": 2, "presets": []}', '{"schema": 1, "presets": [3]}',
     '{"schema": 1}', '{"schema": 1, "presets": [{"name": "x"}]}', "\udce4"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_and_never_overwritten(text):
    presets_file().parent.mkdir(parents=True)
    presets_file().write_text(text, errors="surrogateescape")
    for act in (presets, lambda: save_preset(BENCH), lambda: forget_preset("bench")):
        with pytest.raises(ConfigError, match=r"presets\.json"):
            act()
    assert presets_file().read_text(errors="surrogateescape") == text


def test_a_folder_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/nowhere")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_preset(BENCH)


@pytest.mark.parametrize("name", ["", "  ", ".", "..", "a\nb", "x" * 1000])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ConfigError, match="name"):
        Preset(name=name, kind="local", options={})


def test_the_file_is_plain_json():
    save_preset(BENCH)
    assert json.loads(presets_file().read_text()) == {
        "schema": 1,
        "presets": [{"name": "bench", "kind": "local", "options": {"workers": "4"}}],
    }
