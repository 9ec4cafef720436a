"""Times as people read them."""

import pytest

from spicelab_nb.cost.wording import span_text, time_text


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((0.0452, 0.016, 0.106), "45 ms (16 to 106)"),
        ((0.994, 0.5, 1.2), "994 ms (500 to 1,200)"),
        ((1.0, 0.3, 1.6), "1.0 s (0.3 to 1.6)"),
        ((1.791, 1.423, 2.202), "1.8 s (1.4 to 2.2)"),
        ((110.0, 56.0, 165.0), "110 s (56 to 165)"),
        ((119.8, 60.0, 240.0), "2.0 min (1.0 to 4.0)"),
        ((86400.0 * 3, 86400.0, 86400.0 * 20), "3.0 days (1.0 to 20)"),
        ((float("inf"), 1.0, float("inf")), "never ends"),
        ((60.0, 30.0, float("inf")), "60 s (30 to never)"),
    ],
)
def test_a_time_and_its_bounds_share_a_unit_that_fits(bounds, text):
    assert span_text(*bounds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (2.5e-5, "25 us"),
        (0.00157, "1.57 ms"),
        (0.9996, "1 s"),
        (59.6, "1 min 00 s"),
        (3599.7, "1 h 00 min"),
        (200.0, "3 min 20 s"),
        (7500.0, "2 h 05 min"),
        (86400.0 * 2.5, "2.5 days"),
    ],
)
def test_a_time(seconds, text):
    assert time_text(seconds) == text
