import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.errors import SpecError
from spicelab_nb.results.spec import Spec
from spicelab_nb.results.statistics import (
    anderson_darling,
    capability,
    clopper_pearson,
    prefix_yield,
    summarize,
)
from spicelab_nb.testing.datasets import rc_dataset


class TestClopperPearson:
    @given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.9, 0.95, 0.99]))
    def test_is_scipys_exact_interval(self, passed, more, confidence):
        n = passed + more
        if n == 0:
            assert clopper_pearson(0, 0, confidence) == (0.0, 1.0)
            return
        exact = scipy.stats.binomtest(passed, n).proportion_ci(confidence, method="exact")
        assert clopper_pearson(passed, n, confidence) == pytest.approx((exact.low, exact.high))

    def test_covers_as_often_as_it_says(self):
        n, p = 100, 0.97
        k = np.arange(n + 1)
        inside = np.array([lo <= p <= hi for lo, hi in (clopper_pearson(int(i), n) for i in k)])
        assert scipy.stats.binom.pmf(k, n, p)[inside].sum() >= 0.95

    @pytest.mark.parametrize(("passed", "n", "c"), [(2, 1, 0.95), (-1, 1, 0.95), (1, 2, 1.0)])
    def test_refuses_what_makes_no_sense(self, passed, n, c):
        with pytest.raises(ValueError, match="between"):
            clopper_pearson(passed, n, c)


class TestCapability:
    def test_closed_form(self):
        v = np.array([-1.0, 0.0, 1.0])  # mean 0, sd (ddof=1) 1
        both = capability(v, Spec(min=-3, max=6))
        assert both.cp == pytest.approx(1.5)
        assert both.cpk == pytest.approx(1.0)
        assert capability(v, Spec(max=6)).cpk == pytest.approx(2.0)
        assert math.isnan(capability(v, Spec(max=6)).cp)
        assert capability(v, Spec(min=1)).cpk < 0

    @pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0]])
    def test_without_spread_there_is_none(self, values):
        assert math.isnan(capability(values, Spec(max=1)).cpk)


class TestNormality:
    def test_statistic_is_scipys(self):
        # p at scipy's own critical values: 15, 10, 5, 2.5 and 1 %.
        rng = np.random.default_rng(0)
        for seed in range(5):
            v = np.random.default_rng(seed).normal(size=200)
            assert anderson_darling(v) > 1e-3
        v = rng.lognormal(0, 0.25, 300)
        assert anderson_darling(v) < 1e-3
        assert math.isnan(anderson_darling([1.0] * 20))
        assert math.isnan(anderson_darling([1.0, 2.0]))

    def test_p_is_uniform_for_normal_data(self):
        rng = np.random.default_rng(5)
        p = np.array([anderson_darling(rng.normal(3, 2, 50)) for _ in range(2000)])
        for level in (0.01, 0.05, 0.1, 0.5):
            assert np.mean(p < level) == pytest.approx(level, abs=4 * np.sqrt(level / 2000) + 0.005)

    def test_a_skewed_measure_is_warned_of(self):
        skewed = summarize(rc_dataset(1000, sd=0.2), specs={"f3db": Spec(min=500)})
        assert "not normal (Anderson-Darling" in skewed["f3db"].warning
        assert any("f3db: not normal" in w for w in skewed.warnings())
        assert summarize(rc_dataset(200, sd=0.005))["f3db"].warning == ""


class TestSummary:
    def test_numbers_of_one_measure(self):
        ds = rc_dataset(1000)
        row = summarize(ds)["f3db"]
        v = ds["f3db"].values
        assert row.mean == v.mean()
        assert row.sd == v.std(ddof=1)
        assert row.quantiles == tuple(np.quantile(v, (0.05, 0.5, 0.95)))
        assert (row.n, row.missing, row.unit) == (1000, 0, "Hz")
        passed = int(((v >= 1400) & (v <= 1800)).sum())
        assert row.yield_.passed == passed
        assert row.yield_.interval == clopper_pearson(passed, 1000)
        assert summarize(ds)["gain"].yield_ is None

    def test_failed_samples_stand_apart_with_bounds(self):
        ds = rc_dataset(100, failed=range(10), missing=[20, 21], low=0.0, high=1e9)
        y = summarize(ds).yield_
        assert (y.passed, y.ok, y.failed) == (88, 90, 10)
        assert y.value == 88 / 90
        assert y.bounds == (0.88, 0.98)
        assert "10 failed" in str(y)
        summary = summarize(ds)
        assert summary["f3db"].missing == 2
        assert any("does not exist in 2 samples" in w for w in summary.warnings())

    def test_all_specs_together(self):
        ds = rc_dataset(500)
        specs = {"f3db": Spec(min=1500), "gain": Spec(min=-16.2)}
        summary = summarize(ds, specs=specs)
        good = (ds["f3db"].values >= 1500) & (ds["gain"].values >= -16.2)
        assert summary.yield_.passed == int(good.sum())
        single = [summary[n].yield_.passed for n in specs]
        assert summary.yield_.passed <= min(single)

    @pytest.mark.parametrize("sampler", ["lhs", "sobol"])
    def test_no_interval_for_points_that_are_not_independent(self, sampler):
        summary = summarize(rc_dataset(50, sampler=sampler))
        assert summary.yield_.interval is None
        assert any("not independent" in w for w in summary.warnings())
        assert summarize(rc_dataset(50, sampler=sampler), random=True).yield_.interval

    def test_a_sweep_has_a_share_but_no_interval(self):
        ds = rc_dataset(20).rename({"sample": "R"}).assign_attrs(sampler="random")
        summary = summarize(ds)
        assert summary.yield_.interval is None
        assert summary.yield_.ok == 20

    def test_a_spec_for_no_measure(self):
        with pytest.raises(SpecError, match=r"'f3bd'.*Did you mean f3db"):
            summarize(rc_dataset(5), specs={"f3bd": Spec(max=1)})

    def test_nothing_has_run_yet(self):
        summary = summarize(rc_dataset(5, not_run=range(5)))
        assert (summary.ok, summary.not_run) == (0, 5)
        assert math.isnan(summary["f3db"].mean)
        assert repr(summary)
        assert summary.yield_.interval == (0.0, 1.0)

    def test_no_specs_at_all(self):
        summary = summarize(rc_dataset(5, low=None, high=None))
        assert summary.yield_ is None
        assert "all specs" not in repr(summary)


class TestPrefix:
    def test_ends_before_the_first_that_has_not_run(self):
        ds = rc_dataset(100, failed=[3], not_run=[40, 70])
        y = prefix_yield(ds)
        assert (y.ok, y.failed, y.not_run) == (39, 1, 0)
        good = ((ds["f3db"] >= 1400) & (ds["f3db"] <= 1800)).values[:40].sum()
        assert y.passed == good
        assert any("have not run yet" in w for w in summarize(ds).warnings())

    def test_all_corners_of_a_sample_must_have_run(self):
        ds = rc_dataset(30, corners=["a", "b"])
        ds["status"][12, 1] = 4
        assert prefix_yield(ds).ok == 12


class TestCorners:
    def test_each_and_over_all(self):
        ds = rc_dataset(300, corners=["tt", "slow"], failed=[7])
        summary = summarize(ds)
        assert summary.groups == ("tt", "slow", "every")
        good = ((ds["f3db"] >= 1400) & (ds["f3db"] <= 1800)).values
        assert summary.together["tt"].passed == int(good[:, 0].sum())
        assert summary.together["slow"].passed == int(good[:, 1].sum())
        assert summary.together["every"].passed == int(good.all(axis=1).sum())
        assert (summary.yield_.ok, summary.yield_.failed) == (299, 1)
        rows = {r.group: r for r in summary.rows if r.name == "f3db"}
        assert rows["every"].cpk == min(rows["tt"].cpk, rows["slow"].cpk)
        assert rows["every"].least == ds["f3db"].min().item()
        assert rows["tt"].mean == pytest.approx(np.nanmean(ds["f3db"].values[:, 0]))

    def test_failed_at_one_corner_is_failed_over_all(self):
        ds = rc_dataset(10, corners=["a", "b"], low=0.0, high=1e9)
        ds["status"][4, 1] = 2
        summary = summarize(ds)
        assert (summary.together["a"].failed, summary.together["b"].failed) == (0, 1)
        assert (summary.yield_.ok, summary.yield_.failed) == (9, 1)

    def test_transposed_dimensions_make_no_difference(self):
        ds = rc_dataset(50, corners=["a", "b"])
        assert repr(summarize(ds)) == repr(summarize(ds.transpose("corner", "sample")))


class TestTable:
    def test_text(self):
        text = repr(summarize(rc_dataset(1000, failed=[1])))
        assert "f3db" in text
        assert "1.4 kHz to 1.8 kHz" in text
        assert "all specs" in text
        assert text.startswith("999 of 1000 ok, 1 failed; yield of all specs ")

    def test_html_is_escaped(self):
        ds = rc_dataset(20).rename({"f3db": "<script>x</script>"})
        assert "<script>" not in summarize(ds)._repr_html_()

    def test_pandas(self):
        frame = summarize(rc_dataset(50)).to_pandas()
        assert list(frame.index) == ["f3db", "gain", "all specs"]
        assert frame.loc["f3db", "spec_min"] == 1400
        assert frame.loc["all specs", "yield"] == frame.loc["f3db", "yield"]
        cornered = summarize(rc_dataset(50, corners=["a", "b"])).to_pandas()
        assert cornered.loc[("every", "all specs"), "ok"] == 50
