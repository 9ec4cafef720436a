"""A function's digest: the same for the same text, in every process; another for another."""

import functools
import json
import subprocess
import sys
import textwrap

import numpy as np

from spicelab_nb.circuits.measures import source_digest

LIMIT = 3.0
TABLE = {"gain": [1.0]}


def digest(function):
    return source_digest(function)["digest"]


def scaled(factor, offset=0.0):
    return lambda out: factor * out + offset


def run(tmp_path, name, source):
    """Digests that another process finds for the functions in a file."""
    path = tmp_path / name
    path.write_text(textwrap.dedent(source))
    code = (
        "import json, runpy, sys; from spicelab_nb.circuits.measures import source_digest; "
        f"n = runpy.run_path({str(path)!r}, run_name='__main__'); "
        "print(json.dumps({k: source_digest(v) for k, v in n['FUNCTIONS'].items()}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class TestWhatCounts:
    def test_lambdas_on_one_line_differ(self):
        a, b, c = (lambda x: x + 1), (lambda x: x + 2), (lambda x: x + 1)
        assert digest(a) != digest(b)
        assert digest(a) == digest(c)

    def test_a_lambda_within_a_call_is_found_alone(self):
        first = {"peak": lambda out: max(out), "other": [1, 2]}["peak"]
        again = {"other": [3], "peak": lambda out: max(out)}["peak"]
        assert source_digest(first)["by"] == "source"
        assert digest(first) == digest(again)

    def test_closure_defaults_and_globals(self, monkeypatch):
        assert digest(scaled(2.0)) == digest(scaled(2.0))
        assert digest(scaled(2.0)) != digest(scaled(3.0))
        assert digest(scaled(np.arange(3))) != digest(scaled(np.arange(4)))

        def with_default(x, y=1):
            return x + y

        before = digest(with_default)
        with_default.__defaults__ = (2,)
        assert digest(with_default) != before

        def over(out):
            return out > LIMIT

        before = digest(over)
        monkeypatch.setitem(over.__globals__, "LIMIT", 4.0)
        assert digest(over) != before

    def test_globals_in_collections_and_of_inner_functions(self, monkeypatch):
        def looks_up(out):
            return out * TABLE["gain"][0]

        def by_generator(out):
            return sum(LIMIT * x for x in out)

        def same_word(out):
            return out.LIMIT

        before = [digest(f) for f in (looks_up, by_generator, same_word)]
        monkeypatch.setitem(looks_up.__globals__, "TABLE", {"gain": [2.0]})
        monkeypatch.setitem(looks_up.__globals__, "LIMIT", 4.0)
        after = [digest(f) for f in (looks_up, by_generator, same_word)]
        assert [a != b for a, b in zip(before, after, strict=True)] == [True, True, False]
        TABLE["itself"] = TABLE
        assert digest(looks_up) == digest(looks_up)

    def test_partials_methods_and_callables(self):
        class Model:
            def __init__(self, gain):
                self.gain = gain

            def measure(self, out):
                return self.gain * out

            def __call__(self, out):
                return self.gain + out

        assert digest(Model(1).measure) == digest(Model(1).measure)
        assert digest(Model(1).measure) != digest(Model(2).measure)
        assert digest(Model(1)) != digest(Model(2))
        assert digest(Model(1)) != digest(Model(1).measure)
        by_three = functools.partial(np.quantile, q=0.3)
        assert digest(by_three) != digest(functools.partial(np.quantile, q=0.4))
        assert source_digest(by_three)["name"] == "quantile"
        assert digest(len) != digest(max)

    def test_what_refers_to_itself_ends(self):
        holder = []
        holder.append(holder)

        def odd(n):
            return n if n < 1 else even(n - 1)

        def even(n):
            return len(holder) if n < 1 else odd(n - 1)

        assert digest(odd) == digest(odd)


class TestAcrossProcesses:
    SOURCE = """
    import functools
    SET = frozenset({"a", "b", "c", "d"})
    def peak(out, floor=0.5):
        return max(max(out), floor)
    def named(out):
        return out in {"x", "y", "z"}
    def make(k):
        def inner(out):
            return k * peak(out)
        return inner
    FUNCTIONS = {
        "peak": peak, "inner": make(3), "named": named, "lambda": lambda out: 2 * max(out),
        "partial": functools.partial(peak, floor=1.0), "object": make({"b", "a", "c"}),
    }
    """

    def test_the_same_everywhere(self, tmp_path):
        first, second = (run(tmp_path, f"{n}.py", self.SOURCE) for n in "ab")
        assert first == second
        assert len({d["digest"] for d in first.values()}) == len(first)
        assert {d["by"] for d in first.values()} == {"source"}

    def test_layout_and_comments_do_not_count(self, tmp_path):
        other = self.SOURCE.replace(
            "def peak(out, floor=0.5):", "\n    def peak(out,\n            floor=.5):"
        )
        other = other.replace("return max(max(out), floor)", "return max(max(out),floor) # why")
        plain, moved = (run(tmp_path, n, s) for n, s in (("a.py", self.SOURCE), ("b.py", other)))
        assert plain == moved

    def test_without_a_source_the_bytecode_counts(self, tmp_path):
        source = """
        space = {}
        exec("def f(out): return 3 * out", space)
        exec("def g(out): return 4 * out", space)
        FUNCTIONS = {"f": space["f"], "g": space["g"]}
        """
        first, second = (run(tmp_path, f"{n}.py", source) for n in "ab")
        assert first == second
        assert first["f"]["by"] == "bytecode"
        assert first["f"]["digest"] != first["g"]["digest"]

    def test_a_notebook_cell(self, tmp_path):
        source = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_cell("# a cell\\nm = {'a': lambda out: 2 * out, 'b': lambda out: 3 * out}")
        shell.run_cell("n = {'b': lambda out: 3 * out}")
        m, n = shell.user_ns["m"], shell.user_ns["n"]
        FUNCTIONS = {"a": m["a"], "b": m["b"], "again": n["b"]}
        """
        found = run(tmp_path, "cell.py", source)
        assert found["b"] == found["again"] != found["a"]
        assert found["a"]["by"] == "source"
