"""What the faults happen to: campaigns, kernels as processes of their own, and comparing runs.

Also a program, which is one kernel: ``scenes.py KIND CAMPAIGN STORE LENGTH [key=value ...]`` runs
a campaign there, saying ``running`` and then how it ended, a line each. With ``held=true`` it says
``ready`` when its cluster is there, and runs when it is told to by a line.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil

import spicelab_nb as sl
from spicelab_nb.errors import SpicelabError
from spicelab_nb.results.store import Store

RC = """* RC low-pass
V1 in 0 dc 0 ac 1
R1 in out 1k
C1 out 0 100n
.ac dec 10 10 1meg
.end
"""

QUITTING = """* one of two sections ends the engine
.param a=1
.lib sections.lib fine
V1 in 0 dc 1 ac 1
R1 in out 1k
C1 out 0 100n
.ac dec 10 10 100k
.end
"""

SECTIONS = """* sections
.lib fine
R7 out 0 1meg
.endl fine
.lib quitting
R7 out 0 {nosuchfunction(a)}
.endl quitting
"""

BAD = 7
"""The sample that is poison, or hungry."""


def circuit(store, n=1500):
    """A real circuit with a measure and a kept waveform; pairs of samples take a second or two."""
    return sl.Campaign(
        sl.Circuit(RC),
        sl.MonteCarlo(n, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        keep=["v(out)"],
        name="circuit",
        store=store,
    )


def _x(n):
    return sl.MonteCarlo(n, {"x": sl.Normal(mean=0.0, sd=1.0)}, seed=5)


def _value(n, i):
    design = _x(n)
    return float(design.bind(sl.Campaign(abs_x, design).simulator.space).draw(i, i + 1)["x"][0])


def abs_x(x):
    return abs(x)


def function(store, n=400):
    """A Python function that takes its time and keeps an array."""

    def bulky(x):
        import time

        import numpy
        import xarray

        time.sleep(0.005)
        trace = ("time", numpy.full(500, x) ** numpy.linspace(0, 3, 500).round())
        return xarray.Dataset({"y": 2 * x, "trace": trace})

    return sl.Campaign(bulky, _x(n), name="function", store=store)


def poison(store, n=40):
    """A Python function that ends its process on one sample."""
    bad = _value(n, BAD)

    def poisoned(x):
        import os
        import time

        time.sleep(0.002)
        if x == bad:
            os._exit(17)
        return {"y": 2 * x}

    return sl.Campaign(poisoned, _x(n), name="poison", store=store)


def hungry(store, n=40):
    """A Python function that takes memory without end on one sample."""
    bad = _value(n, BAD)

    def eating(x):
        import time

        time.sleep(0.002)
        eaten = []
        while x == bad:
            eaten.append(b"x" * 10_000_000)
            time.sleep(0.002)
        return {"y": 2 * x}

    return sl.Campaign(eating, _x(n), name="hungry", store=store)


def quitting(store, n=10):
    """A circuit of which one corner ends the engine."""
    folder = Path(store).with_name("quitting")
    folder.mkdir(exist_ok=True)
    (folder / "sections.lib").write_text(SECTIONS)
    (folder / "deck.cir").write_text(QUITTING)
    return sl.Campaign(
        sl.Circuit(folder / "deck.cir"),
        sl.Corners({"fine": {}, "quitting": {"lib": "quitting"}})
        * sl.MonteCarlo(n, {"R1": sl.Normal(rel=0.05)}, seed=1),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        name="quitting",
        store=store,
    )


CAMPAIGNS = {each.__name__: each for each in (circuit, function, poison, hungry, quitting)}


# ---- looking at a store -----------------------------------------------------------------------


def opened(place):
    """The store at a place, or None before there is one."""
    with contextlib.suppress(OSError):
        return Store.open(place, create=False)
    return None


def half_done(store):
    """Whether some samples are published and others are not."""
    return bool(store.chunks()) and bool(store.gaps())


def publishers(store):
    """The processes that published chunks, by pid."""
    receipts = [store.read(ref).receipt["worker"] for ref in store.chunks()]
    return {int(worker.rpartition(":")[2]) for worker in receipts if worker}


def bits(dataset):
    """Every variable of a dataset as bytes, coordinates included."""
    return {
        str(name): (v.dims, v.dtype.str, np.ascontiguousarray(v.values).tobytes())
        for name, v in dataset.variables.items()
    }


def all_bits(run):
    """Dataset and waveforms of a run as bytes."""
    found = {"dataset": bits(run.dataset)}
    for analysis, waves in run.waveforms.items():
        found[analysis] = bits(waves)
    return found


def shared_samples(store):
    """How many samples are in more than one chunk; those must agree to the last bit."""
    holders = {}
    for ref in store.chunks():
        for i in range(ref.start, ref.stop):
            holders.setdefault(i, []).append(ref)
    twice = {i: refs for i, refs in holders.items() if len(refs) > 1}
    for i, refs in twice.items():
        assert len({sample_bits(store.read(ref, waves=True), i) for ref in refs}) == 1, i
    assert sorted(holders) == list(range(store.size())), "samples are missing"
    return len(twice)


def sample_bits(data, i):
    """One sample of a chunk as bytes."""
    at = i - data.ref.start
    parts = [data.status[at].tobytes()]
    parts += [data.values[name][at].tobytes() for name in sorted(data.values)]
    parts += [data.measures[name][at].tobytes() for name in sorted(data.measures)]
    parts += [wave.data[at].tobytes() for wave in data.waves]
    return b"".join(parts)


# ---- processes --------------------------------------------------------------------------------


def family(pid):
    """Every process below `pid`."""
    return psutil.Process(pid).children(recursive=True)


def below(pid, words):
    """The processes below `pid` with these words in their command; one that ends is left out."""
    found = []
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if words in " ".join(process.cmdline()):
                found.append(process)
    return found


@contextlib.contextmanager
def stopped_engines(pid):
    """Stop the engines below `pid` for a moment: what they compute waits, nothing is lost."""
    engines = below(pid, "spicelab_nb.engines")
    assert engines, "no engine is there"
    for engine in engines:
        engine.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for engine in engines:
            with contextlib.suppress(psutil.NoSuchProcess):  # its worker may have ended it
                engine.send_signal(signal.SIGCONT)


def start_kernel(kind, campaign, store, *, length=2, prefix=(), **options):
    """Start a kernel that runs a campaign; it says ``running``, then how the run ended.

    `prefix` is a command that the kernel is started by, as ``("unshare", "-n")``.
    """
    given = [f"{key}={json.dumps(value)}" for key, value in options.items()]
    return subprocess.Popen(
        [*prefix, sys.executable, __file__, kind, campaign, str(store), str(length), *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end_kernel(kernel):
    """End a kernel that may have ended; give what it had said and nobody had read."""
    kernel.kill()
    return kernel.communicate()[0]


def main(kind, campaign, store, length, *given):
    """Be a kernel."""
    options = {key: json.loads(value) for key, _, value in (g.partition("=") for g in given)}
    held = options.pop("held", False)
    with sl.cluster(kind, **options) as cluster:
        if held:
            print("ready", flush=True)  # noqa: T201
            sys.stdin.readline()
        run = CAMPAIGNS[campaign](store).run(cluster, chunk_length=int(length) or None)
        print("running", os.getpid(), flush=True)  # noqa: T201
        try:
            run.wait()
        except SpicelabError as error:
            print(f"{type(error).__name__}: {error}", flush=True)  # noqa: T201
        else:
            print(run.progress.state, flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
