"""Settings come from defaults, files, the environment and calls, in that order."""

import subprocess
import sys

import pytest

from spicelab_nb import config
from spicelab_nb.errors import ConfigError


@pytest.fixture
def user_file(tmp_path, monkeypatch):
    """The user's own file, in a configuration folder of the test's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    path = config.files(folder=tmp_path)[0]
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def local_file(tmp_path, user_file):
    return tmp_path / "spicelab_nb.toml"


def load(tmp_path, environ=None, **overrides):
    return config.load(environ=environ or {}, folder=tmp_path, **overrides)


def test_defaults_hold_where_nothing_is_said(tmp_path, user_file):
    assert load(tmp_path) == config.Settings()
    assert config.Settings().store == "campaigns"
    assert config.Settings().engine is None


def test_each_source_wins_over_the_one_before(tmp_path, user_file, local_file):
    user_file.write_text('engine = "a"\nstore = "user"\nworkers = 1\ncpu_limit = 1\n')
    local_file.write_text('store = "local"\nworkers = 2\ncpu_limit = 2\n')
    environ = {"SPICELAB_NB_WORKERS": "3", "SPICELAB_NB_CPU_LIMIT": "3.5"}
    settings = load(tmp_path, environ, cpu_limit=4)
    assert (settings.engine, settings.store, settings.workers, settings.cpu_limit) == (
        "a",
        "local",
        3,
        4.0,
    )


def test_none_in_a_call_leaves_a_setting_as_it_is(tmp_path, local_file):
    local_file.write_text('engine = "neospice"\n')
    assert load(tmp_path, engine=None).engine == "neospice"


def test_the_working_directory_and_the_real_environment_are_read(tmp_path, local_file, monkeypatch):
    local_file.write_text('engine = "neospice"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPICELAB_NB_IDLE_TIMEOUT", "12")
    settings = config.load()
    assert settings.engine == "neospice"
    assert settings.idle_timeout == 12.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('engin = "ngspice"', "Did you mean engine"),
        ("cpu_limit = 0", "cpu_limit must be more than 0"),
        ("cpu_limit = nan", "cpu_limit must be more than 0"),
        ("cpu_limit = true", "cpu_limit must be a number"),
        ("workers = 1.5", "workers must be a whole number"),
        ("store = 3", "store must be text"),
        ('store = " "', "store must be text"),
        ("engine = [", "is not TOML"),
    ],
)
def test_what_a_file_cannot_say_is_refused_with_its_path(tmp_path, local_file, text, says):
    local_file.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        load(tmp_path)
    assert str(local_file) in str(caught.value)


def test_a_file_that_is_a_folder_is_refused_with_its_path(tmp_path, local_file):
    local_file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load(tmp_path)
    assert str(local_file) in str(caught.value)


def test_a_bad_value_in_the_environment_names_the_variable(tmp_path, user_file):
    with pytest.raises(ConfigError, match=r"SPICELAB_NB_WORKERS.*whole number.*'many'"):
        load(tmp_path, {"SPICELAB_NB_WORKERS": "many"})


def test_an_empty_variable_says_nothing(tmp_path, user_file):
    assert load(tmp_path, {"SPICELAB_NB_ENGINE": ""}).engine is None


def test_other_variables_with_the_prefix_are_left_alone(tmp_path, user_file):
    assert load(tmp_path, {"SPICELAB_NB_SHORT": "1"}) == config.Settings()


def test_a_misspelt_variable_is_refused(tmp_path, user_file):
    with pytest.raises(ConfigError, match=r"SPICELAB_NB_ENGIN .*SPICELAB_NB_ENGINE"):
        load(tmp_path, {"SPICELAB_NB_ENGIN": "ngspice"})


def test_an_unknown_name_in_a_call_is_refused(tmp_path, user_file):
    with pytest.raises(ConfigError, match="cpu_limit"):
        load(tmp_path, cpulimit=3)


def test_settings_made_by_hand_are_checked_too():
    with pytest.raises(ConfigError, match="workers"):
        config.Settings(workers=0)


def test_a_path_is_taken_as_text(tmp_path):
    assert config.Settings(store=tmp_path).store == str(tmp_path)


def test_importing_it_brings_nothing_heavy():
    heavy = "numpy scipy xarray dask platformdirs"
    code = (
        f"import sys, spicelab_nb.config; print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert found.strip() == "[]"
