"""Physical lines and cards, words and assignments, expressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.circuits.expressions import CannotEvaluate, evaluate
from spicelab_nb.circuits.fields import definitions, split_fields
from spicelab_nb.circuits.lines import read_source

WORD = st.text("abcXYZ019_/.{}", min_size=1, max_size=6).filter(
    lambda w: "//" not in w and w[0] not in "*+."
)
COMMENT = st.sampled_from(["", " ; note", " $ note", " // note", "  ;"])
BETWEEN = st.lists(st.sampled_from(["* a comment", "", "   ", "*"]), max_size=2)


@given(st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=4), COMMENT, BETWEEN), min_size=1))
def test_continuation_lines_and_comments_make_one_card(pieces):
    lines = ["title"]
    for i, (words, comment, between) in enumerate(pieces):
        lines.append(("" if i == 0 else "+ ") + " ".join(words) + comment)
        lines += between
    source = read_source("\n".join(lines), title=True)
    assert [c.text.split() for c in source.cards] == [[w for words, _, _ in pieces for w in words]]
    assert list(source.lines) == lines


@given(st.lists(st.lists(WORD, min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_every_character_of_a_card_is_found_again_in_its_line(rows, data):
    lines = ["title", *("+ " * (i > 0) + " ".join(row) for i, row in enumerate(rows))]
    card = read_source("\n".join(lines), title=True).cards[0]
    words, _ = split_fields(card.text)
    word = data.draw(st.sampled_from(words))
    spans = card.spans(word.start, word.stop)
    assert " ".join(lines[s.line][s.start : s.stop] for s in spans).split() == word.text.split()


def test_a_control_block_is_no_card_and_keeps_its_place():
    source = read_source("t\nR1 a 0 1\n.control\nrun\n.endc\nC1 a 0 1n\n", title=True)
    assert [c.text for c in source.cards] == ["R1 a 0 1", "C1 a 0 1n"]
    assert source.control == ((2, 4),)


def test_words_keep_what_brackets_and_quotes_hold():
    words, assignments = split_fields("V1 Net-(R1-Pad2) /out SIN(0 1 {2 * f}) ac = 'a b' x=(1, 2)")
    assert [w.text for w in words] == ["V1", "Net-(R1-Pad2)", "/out", "SIN(0 1 {2 * f})"]
    assert [(a.name, a.text) for a in assignments] == [("ac", "'a b'"), ("x", "(1, 2)")]


def test_param_definitions_may_hold_blanks_and_functions_are_left_out():
    found = definitions(".param a = 1 + 2 b={x = 3}, f(x) = {2*x} c='p*2'", 6)
    assert [(d.name, d.text) for d in found] == [("a", "1 + 2"), ("b", "{x = 3}"), ("c", "'p*2'")]


@pytest.mark.parametrize(
    ("text", "value"),
    [("{1k + 2*500}", 2000), ("'2**3**2'", 512), ("-2^2", -4), ("a > 1 ? 10 : 20", 10),
     ("sqrt(4) + max(1, a)", 4), ("1meg/1k", 1000), ("(a)", 2), ("!0 && 3 >= 2", 1)],
)  # fmt: skip
def test_arithmetic(text, value):
    assert evaluate(text, {"a": 2.0}.__getitem__) == value


@pytest.mark.parametrize("text", ["v(out)", "1/0", "sqrt(-1)", "agauss(1,1,1)", "1 +", "a b", "$x"])
def test_what_is_no_plain_arithmetic(text):
    def unknown(name):
        raise CannotEvaluate(name)

    with pytest.raises(CannotEvaluate):
        evaluate(text, unknown)
