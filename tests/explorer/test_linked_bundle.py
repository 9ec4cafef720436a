import numpy as np
import pytest

from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.envelope import envelope
from spicelab_nb.explorer.linked import bundle
from spicelab_nb.explorer.linked.bundle import read_bundle
from spicelab_nb.testing.datasets import rc_dataset, rc_waveforms


@pytest.fixture(scope="module")
def waves():
    return rc_waveforms(rc_dataset(300, failed=[0, 5, 6]))


@pytest.fixture(params=[2**25, 2**14], ids=["one block", "many blocks"])
def block(request, monkeypatch):
    monkeypatch.setattr(bundle, "BLOCK_BYTES", request.param)


@pytest.mark.parametrize(
    ("analysis", "part"), [("tran", None), ("ac", "db"), ("ac", "phase"), ("ac", "real")]
)
def test_it_is_what_reading_everything_at_once_gives(waves, block, analysis, part):
    wave = waves[analysis]["v(out)"]
    found, expected = read_bundle(wave, part=part).envelope, envelope(wave, part=part)
    assert (found.n, found.left_out, found.unit) == (297, 3, expected.unit)
    assert np.allclose(found.least, expected.least, rtol=1e-12, atol=1e-12)
    assert np.allclose(found.most, expected.most, rtol=1e-12, atol=1e-12)
    scale = np.ptp(expected.most - expected.least)
    assert np.allclose(found.median, expected.median, atol=1e-6 * scale)
    for mine, theirs in zip(found.bands, expected.bands, strict=True):
        assert np.allclose(mine, theirs, atol=1e-6 * scale)


def test_one_glitch_in_many_is_in_the_extremes_and_named(waves):
    wave = waves["tran"]["v(out)"].copy(deep=True)
    wave[123, 40] = 1.7
    found = read_bundle(wave)
    assert found.envelope.most[40] == 1.7
    assert found.worst[0] == 123


def test_a_small_spread_on_a_large_offset_keeps_its_shape():
    ds = rc_dataset(50)
    wave = rc_waveforms(ds)["tran"]["v(out)"] * 1e-6 + 1.8
    found = read_bundle(wave)
    _, curves = found.curves(np.arange(50))
    assert np.allclose(curves - 1.8, wave.values - 1.8, atol=1e-12)


def test_curves_and_spread_of_some_points(waves):
    wave = waves["tran"]["v(out)"]
    found = read_bundle(wave)
    points, curves = found.curves(np.array([5, 17, 200]))
    assert points.tolist() == [17, 200]
    assert np.allclose(curves, wave.values[[17, 200]], atol=1e-7)
    low, high = found.spread(np.array([17, 200]))
    assert np.allclose(low, wave.values[[17, 200]].min(axis=0), atol=1e-7)
    assert np.allclose(high, wave.values[[17, 200]].max(axis=0), atol=1e-7)
    assert found.spread(np.array([5])) is None


def test_of_more_than_fits_bands_are_of_some_and_the_rest_is_read(waves, monkeypatch):
    wave = waves["ac"]["v(out)"]
    whole = read_bundle(wave, part="phase")
    monkeypatch.setattr(bundle, "MOST_VALUES", 60 * wave.shape[1])
    part = read_bundle(wave, part="phase")
    assert not part.whole
    assert len(part.points) < 80
    assert np.array_equal(part.envelope.least, whole.envelope.least)
    points, curves = part.curves(np.array([5, 18, 19]))
    assert points.tolist() == [18, 19]
    assert np.allclose(curves, whole.curves(np.array([18, 19]))[1], atol=1e-4)


def test_nothing_ok_and_no_such_part(waves):
    with pytest.raises(MeasureError, match="no sample is ok"):
        read_bundle(waves["ac"]["v(out)"].isel(sample=[5, 6]))
    with pytest.raises(MeasureError, match="is real"):
        read_bundle(waves["tran"]["v(out)"], part="phase")


@pytest.mark.parametrize("dead", [0, 40])
def test_a_sample_without_any_response_is_the_worst_and_hides_no_other(block, dead):
    wave = rc_waveforms(rc_dataset(60))["ac"]["v(out)"].copy(deep=True)
    wave[dead] = 0.0
    wave[:, 3] = 0.0
    found, expected = read_bundle(wave, part="db"), envelope(wave, part="db", worst=1)
    assert found.worst[0] == dead
    assert expected.worst[0][0] == f"sample {dead}"
    rest = np.arange(len(wave.frequency)) != 3
    assert np.allclose(found.envelope.median[rest], expected.median[rest], atol=1e-4)
    assert np.array_equal(found.envelope.least, expected.least)
    points, curves = found.curves(np.array([dead, 7]))
    row = points.tolist().index(7)
    assert np.allclose(curves[row][rest], 20 * np.log10(np.abs(wave[7].values[rest])), atol=1e-4)
    assert np.isneginf(curves[1 - row]).all()
