"""Numbers as SPICE reads and writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.circuits.numbers import parse_number, quantise, write_number, write_numbers
from spicelab_nb.errors import CircuitError

SUFFIXES = {
    "t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9,
    "p": 1e-12, "f": 1e-15, "a": 1e-18, "mil": 25.4e-6,
}  # fmt: skip
FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e290, max_value=1e290)


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from(sorted(SUFFIXES)), st.booleans())
def test_a_suffix_scales_whatever_its_case_and_unit(whole, part, suffix, upper):
    text = f"{whole}.{part:03d}{suffix}" + ("Ohm" if suffix else "")
    expected = (whole + part / 1000) * SUFFIXES[suffix]
    assert parse_number(text.upper() if upper else text) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1k", 1e3), ("1MEG", 1e6), ("1M", 1e-3), ("100n", 1e-7), ("1F", 1e-15), ("10uF", 1e-5),
     ("1e3", 1e3), ("-.5", -0.5), ("5.", 5.0), ("1d2", 100.0), ("2e-3k", 2.0), ("5V", 5.0)],
)  # fmt: skip
def test_known_numbers(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", "k", "1+1", "{a}", "1k2", "rmod", "1 2", "10µ", "--1"])
def test_what_is_no_number(text):
    assert parse_number(text) is None


@given(FINITE)
def test_a_written_value_is_the_quantised_value(value):
    written = write_number(value)
    assert float(written) == quantise(value)
    digits = written.partition("e")[0].lstrip("-")
    assert written == "0" or (digits.isdigit() and len(digits) == 16)


@given(FINITE)
def test_quantising_twice_changes_nothing(value):
    assert quantise(quantise(value)) == quantise(value)


def test_the_form_that_both_parsers_of_the_engine_agree_on():
    assert write_number(1017.35) == "1017350000000000e-12"
    assert write_number(0.0) == write_number(-0.0) == "0"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value):
    with pytest.raises(CircuitError, match="finite"):
        write_number(value)
    with pytest.raises(CircuitError, match="finite"):
        write_numbers([1.0, value])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_many_are_written_as_one_by_one(values):
    assert write_numbers(values) == [write_number(v) for v in values]
