import subprocess
import sys

import pytest

import spicelab_nb as sl

HEAVY = (
    "dask distributed xarray pandas scipy.stats zarr ray holoviews hvplot panel bokeh kubernetes "
    "boto3 s3fs IPython ipywidgets anywidget jupyter_server"
)


def loaded_after(code):
    """Heavy modules that some code loads in a fresh interpreter."""
    show = f"import sys; print([m for m in {HEAVY!r}.split() if m in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import spicelab_nb") == "[]"


def test_neither_does_describing_a_campaign():
    code = """
import spicelab_nb as sl
sl.Campaign(
    sl.Circuit("* rc\\nV1 in 0 ac 1\\nR1 in out 1k\\nC1 out 0 1u\\n.ac dec 5 1 1k\\n.end\\n"),
    sl.MonteCarlo(10, {"R1": sl.Normal(rel=0.1)}),
    measures={"f": sl.measure.bandwidth("v(out)")},
    specs={"f": sl.Spec(min=100)},
)
"""
    assert loaded_after(code) == "[]"


def test_neither_does_showing_a_preview(tmp_path):
    code = f"""
import spicelab_nb as sl
campaign = sl.Campaign(
    sl.Circuit("* rc\\nV1 in 0 ac 1\\nR1 in out 1k\\nC1 out 0 1u\\n.ac dec 5 1 1k\\n.end\\n"),
    sl.MonteCarlo(10, {{"R1": sl.Normal(rel=0.1)}}),
    measures={{"f": sl.measure.bandwidth("v(out)")}},
    store={str(tmp_path / "s")!r},
)
assert "svg" in campaign.preview(pilot=False)._repr_html_()
"""
    assert loaded_after(code) == "[]"


def test_the_accessor_is_there_where_datasets_are():
    loaded_after("import xarray, spicelab_nb.explorer; xarray.Dataset().spicelab.histogram")


@pytest.mark.parametrize(
    ("before", "of"),
    [
        ("", "run.dataset"),
        ("from spicelab_nb import explorer", "run.dataset"),
        ("from spicelab_nb import explorer", 'run.waveforms["ac"]'),
    ],
)
def test_the_datasets_of_a_run_have_it_whatever_was_imported_before(tmp_path, before, of):
    with sl.cluster("serial") as cluster:
        store = (
            sl.Campaign(
                sl.Circuit("* rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 1u\n.ac dec 5 1 1k\n.end\n"),
                sl.MonteCarlo(3, {"R1": sl.Normal(rel=0.1)}),
                measures={"f": sl.measure.bandwidth("v(out)")},
                keep=["v(out)"],
                store=tmp_path / "s",
            )
            .run(cluster)
            .wait()
            .store
        )
    loaded_after(
        f"{before}\nimport spicelab_nb as sl\nrun = sl.open_run({str(store)!r})\n{of}.spicelab.bode"
    )


@pytest.mark.parametrize("name", sl.__all__)
def test_every_public_name_is_there(name):
    assert getattr(sl, name) is not None


@pytest.mark.parametrize("name", [n for n in sl.__all__ if n[0].isalpha()])
def test_every_public_name_has_a_docstring(name):
    assert (getattr(sl, name).__doc__ or "").strip()


def test_a_name_that_does_not_exist():
    with pytest.raises(AttributeError, match="Monte_Carlo"):
        _ = sl.Monte_Carlo
