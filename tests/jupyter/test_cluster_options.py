"""Options of a kind of cluster on the magic's line."""

import pytest
from IPython.core.error import UsageError

from spicelab_nb.jupyter.cluster_options import take_options


def test_options_of_the_kind_are_taken_with_their_types():
    rest, options = take_options(
        ["local", "--workers", "2", "--timeout", "30", "--dashboard=false", "--name", "x"]
    )
    assert rest == ["local", "--workers", "2", "--name", "x"]
    assert options == {"timeout": 30.0, "dashboard": False}
    assert take_options(["serial", "--price", "0.05"]) == (["serial"], {"price": 0.05})
    assert take_options(["ray", "--address", "auto"]) == (["ray"], {"address": "auto"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["local", "--timeout"], "--timeout needs a value"),
        (["local", "--timeout", "soon"], "is a number, not 'soon'"),
        (["local", "--dashboard=perhaps"], "true or false, not 'perhaps'"),
    ],
)
def test_an_option_without_sense_says_so(words, said):
    with pytest.raises(UsageError, match=said):
        take_options(words)


def test_what_no_kind_has_is_left_to_the_magic():
    words = ["list", "--price", "1"]
    assert take_options(words) == (words, {})
    assert take_options(["local", "--colour", "red"])[1] == {}
