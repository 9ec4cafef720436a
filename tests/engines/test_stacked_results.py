"""Results of many samples in one array: nothing is mixed up on the way from the host."""

import marshal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spicelab_nb.engines.engine import Analysis, Deck, Outcome, Point, Status
from spicelab_nb.engines.messages import (
    DeckReceiver,
    DeckSender,
    RawPlot,
    ReplyReader,
    ReplyWriter,
)
from spicelab_nb.engines.stack import Row, stacks

LAYOUTS = {
    "op": ("op", "op", (), ("v(a)", "i(v1)"), False),
    "ac": ("ac", "ac", ("frequency",), ("v(a)",), True),
    "tran": ("tran", "tran", ("time",), ("v(a)", "v(b)"), False),
    "dc": ("dc", "dc", ("v2", "v1"), ("v(a)",), False),
}
LENGTHS = {"op": [()], "ac": [(3,)], "tran": [(3,), (5,)], "dc": [(2, 4)]}


def raw(name, lengths, rng):
    layout = LAYOUTS[name]
    axes = np.concatenate([np.arange(n, dtype=float) for n in lengths] or [np.empty(0)])
    count = int(np.prod(lengths)) * len(layout[3])
    data = rng.normal(size=count) + (1j * rng.normal(size=count) if layout[4] else 0)
    return RawPlot(layout, lengths, axes.tobytes(), data.tobytes())


samples = st.lists(
    st.tuples(
        st.booleans(),  # ok
        st.sampled_from([("ac",), ("op", "ac"), ("tran",), ("dc", "op")]),
        st.integers(0, 1),  # which lengths
        st.booleans(),  # with .meas results
    ),
    max_size=12,
)


@given(messages=st.lists(samples, min_size=1, max_size=3), seed=st.integers(0, 99))
def test_what_a_host_writes_is_what_its_parent_reads(messages, seed):
    rng = np.random.default_rng(seed)
    layouts, reader = {}, ReplyReader()
    for message in messages:
        writer, wanted = ReplyWriter(layouts), []
        for i, (ok, names, which, measured) in enumerate(message):
            if ok:
                plots = [raw(n, LENGTHS[n][which % len(LENGTHS[n])], rng) for n in names]
                meas = {"m": float(i)} if measured else {}
                writer.add(plots, meas, i / 8)
                wanted.append((plots, meas))
            else:
                writer.fail(f"reason {i}", ("a", "b"), i / 8, base=False)
                wanted.append(None)
        answer = reader.read(marshal.loads(marshal.dumps(writer.packed())))
        assert answer.base_failure is None
        assert len(answer.outcomes) == len(message)
        for i, (expected, outcome) in enumerate(zip(wanted, answer.outcomes, strict=True)):
            assert outcome.cpu == i / 8
            if expected is None:
                assert (outcome.status, outcome.reason) == (Status.FAILED, f"reason {i}")
                assert outcome.log == ("a", "b")
                assert not outcome.plots
                continue
            plots, meas = expected
            assert outcome.meas == meas
            assert list(outcome.plots) == [p.layout[0] for p in plots]
            for plot in plots:
                found = outcome.plots[plot.layout[0]]
                assert (found.analysis, found.kind, found.scale) == plot.layout[:3]
                assert list(found.vectors) == list(plot.layout[3])
                assert all(v.shape == plot.lengths for v in found.vectors.values())
                data = b"".join(np.asarray(v).tobytes() for v in found.vectors.values())
                assert data == plot.data
                assert b"".join(found.axes[s].tobytes() for s in found.scale) == plot.axes
        check_joined([o for o in answer.outcomes if o.status is Status.OK])


def check_joined(outcomes):
    first = 0
    for stack in stacks(outcomes):
        for place, outcome in enumerate(outcomes[first : first + stack.count]):
            assert list(stack.plots) == list(outcome.plots)
            for name, plot in outcome.plots.items():
                joined = stack.plots[name]
                assert all(np.array_equal(joined.axes[k], v) for k, v in plot.axes.items())
                assert all(
                    np.array_equal(joined.vectors[k][place], v) for k, v in plot.vectors.items()
                )
        first += stack.count
    assert first == len(outcomes)


@given(order=st.lists(st.integers(0, 5), max_size=12), plain=st.sets(st.integers(0, 11)))
def test_samples_are_joined_in_any_order_and_beside_others(order, plain):
    writer = ReplyWriter({})
    rng = np.random.default_rng(1)
    for _ in range(6):
        writer.add([raw("ac", (3,), rng)], {}, 0.0)
    found = ReplyReader().read(writer.packed()).outcomes
    outcomes = [
        Outcome(status=Status.OK, plots=dict(found[k].plots)) if i in plain else found[k]
        for i, k in enumerate(order)
    ]
    check_joined(outcomes)


def test_samples_that_share_their_axes_are_one_array_without_a_copy():
    writer = ReplyWriter({})
    rng = np.random.default_rng(1)
    for _ in range(5):
        writer.add([raw("ac", (3,), rng)], {}, 0.0)
    outcomes = ReplyReader().read(writer.packed()).outcomes
    assert all(isinstance(o.plots, Row) for o in outcomes)
    (stack,) = stacks(outcomes)
    assert stack.plots["ac"].vectors["v(a)"].shape == (5, 3)
    part = next(iter(stacks(outcomes[1:4]))).plots["ac"].vectors["v(a)"]
    assert np.shares_memory(part, stack.plots["ac"].vectors["v(a)"])


def test_a_file_is_sent_once_and_arrives_with_every_deck():
    sender, receiver = DeckSender(), DeckReceiver()
    op = (Analysis(name="op", kind="op", command="op"),)
    big = b"x" * 100_000
    decks = [Deck(text=f"t{i}\n.end\n", files={"m.lib": big}, analyses=op) for i in range(3)]
    packed = [p[1] for p in sender.pack_points([Point(deck=d) for d in decks])]
    assert len(marshal.dumps(packed)) < 2 * len(big)
    assert [receiver.unpack(p) for p in packed] == decks
    other = Deck(text="t\n.end\n", files={"m.lib": b"y"}, analyses=op)
    assert receiver.unpack(sender.pack(other)) == other
    assert receiver.unpack(sender.pack(decks[0])) == decks[0]
