"""The page of faults is what the tests wrote."""

from matrix import KINDS, NOT_RUN, PAGE, ROWS, Page


def test_it_is_as_it_was_written():
    page = Page.read()
    assert page.text() == PAGE.read_text(encoding="utf-8"), (
        "docs/faults.md was edited by hand, or the matrix changed: "
        'pytest tests/faults -m "" --write-fault-table'
    )
    assert page.ran_on.startswith("Last written on 20")


def test_every_cell_was_run_or_says_why_not():
    page = Page.read()
    for key, row in ROWS.items():
        for kind in KINDS:
            if kind not in row.missing:
                assert page.outcome(key, kind) != NOT_RUN, (row.title, kind)


def test_what_a_cell_says_is_read_back():
    page = Page(
        {("worker", "local"): ("no loss (and more)", 3), ("head", "ray"): ("an end", None)}, ""
    )
    for (row, kind), (outcome, _) in page.cells.items():
        assert outcome in page._cell(row, kind)
    line = page._cell("worker", "local")
    assert line == "no loss (and more) (about 3 s)"
