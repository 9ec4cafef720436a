import numpy as np
import pytest
import xarray as xr

from spicelab_nb import explorer
from spicelab_nb.errors import MeasureError
from spicelab_nb.explorer.envelope import envelope
from spicelab_nb.testing.datasets import rc_dataset, rc_waveforms


@pytest.fixture(scope="module")
def waves():
    return rc_waveforms(rc_dataset(200, failed=[5, 6]))


def test_minimum_maximum_and_quantiles_are_exact(waves):
    wave = waves["tran"]["v(out)"]
    e = envelope(wave)
    y = np.delete(wave.values, [5, 6], axis=0)
    assert (e.n, e.left_out) == (198, 2)
    assert np.array_equal(e.least, y.min(axis=0))
    assert np.array_equal(e.most, y.max(axis=0))
    assert np.allclose(e.bands[0], np.quantile(y, (0.05, 0.95), axis=0))
    assert np.allclose(e.median, np.median(y, axis=0))
    assert (e.unit, e.x_name, e.x_unit, e.log_x) == ("V", "time", "s", False)


def test_one_glitch_in_many_is_seen(waves):
    wave = waves["tran"]["v(out)"].copy(deep=True)
    wave[123, 40] = 1.7
    e = envelope(wave)
    assert e.most[40] == 1.7
    assert e.worst[0][0] == "sample 123"
    assert e.bands[0][1][40] < 1.1


def test_parts_of_a_response_have_their_own_units(waves):
    wave = waves["ac"]["v(out)"]
    h = np.delete(wave.values, [5, 6], axis=0)
    units = {"db": "dB", "phase": "deg", "magnitude": "V", "real": "V", "imag": "V"}
    for part, unit in units.items():
        assert envelope(wave, part=part).unit == unit
    assert np.allclose(envelope(wave).least, (20 * np.log10(abs(h))).min(axis=0))
    assert np.allclose(envelope(wave, part="phase").most, np.degrees(np.angle(h)).max(axis=0))
    assert envelope(wave).log_x


def test_chosen_samples(waves):
    e = envelope(waves["tran"]["v(out)"], worst=[3, 17])
    assert [label for label, _ in e.worst] == ["sample 3", "sample 17"]
    assert envelope(waves["tran"]["v(out)"], worst=0).worst == ()


def test_corners_number_the_curves_too():
    wave = xr.DataArray(
        np.arange(24.0).reshape(3, 2, 4),
        dims=("sample", "corner", "time"),
        coords={"corner": ["tt", "ss"], "time": np.arange(4.0)},
        name="v(out)",
    )
    e = envelope(wave, worst=1)
    assert e.n == 6
    assert e.worst[0][0] in {"sample 0, corner tt", "sample 2, corner ss"}


def test_mistakes(waves):
    with pytest.raises(MeasureError, match="is real"):
        envelope(waves["tran"]["v(out)"], part="phase")
    with pytest.raises(MeasureError, match="not 'angle'"):
        envelope(waves["ac"]["v(out)"], part="angle")
    with pytest.raises(MeasureError, match="no sample is ok"):
        envelope(waves["tran"]["v(out)"].isel(sample=[5, 6]))
    with pytest.raises(MeasureError, match="sample, axis"):
        envelope(waves["tran"]["v(out)"].isel(sample=0))


@pytest.mark.parametrize("draw", [explorer.waveforms, explorer.bode])
def test_a_run_or_a_dataset_is_refused_with_what_to_hand_over(draw):
    with pytest.raises(MeasureError, match=r'run\.waveforms\["ac"\]\["v\(out\)"\], not of Dataset'):
        draw(xr.Dataset())
