"""The notebook's side of the Ray executor, with a driver that needs no Ray."""

import pickle
import threading
from multiprocessing import Pipe

import cloudpickle
import pytest

from spicelab_nb.errors import ExecutorError
from spicelab_nb.executors import Chunk, Loss, Ray
from spicelab_nb.executors.ray_link import RayLink
from spicelab_nb.testing.executors import ExecutorTests, drain
from spicelab_nb.testing.tasks import CountingTask, RaisingTask


class Driver(threading.Thread):
    """Runs chunks in this process, one after the other, as one actor would."""

    def __init__(self, connection, problem=""):
        super().__init__(daemon=True)
        self.connection = connection
        self.problem = problem
        self.tasks = {}
        self.jobs = []
        self.state = {"workers": [{"pid": 1, "host": "h"}], "target": 1}

    def run(self):
        self.connection.send(("state", {**self.state, "refused": "", "problem": ""}))
        try:
            while True:
                while self.connection.poll(0 if self.jobs else None):
                    self.hear(*self.connection.recv())
                if self.jobs:
                    self.compute(*self.jobs.pop(0))
        except (EOFError, OSError):
            return

    def hear(self, kind, executor, *rest):
        if kind == "open":
            self.tasks[executor] = cloudpickle.loads(rest[1])
            self.connection.send(("opened", executor, self.problem))
        elif kind == "submit":
            self.jobs += [(executor, ticket, chunk) for ticket, chunk in rest[0]]
        else:
            self.jobs = [job for job in self.jobs if job[0] != executor]

    def compute(self, executor, ticket, chunk):
        if chunk[0] == 666:
            self.connection.send(("loss", executor, ticket, "out of memory", True, b""))
            return
        try:
            receipt = self.tasks[executor](Chunk(*chunk))
        except ValueError as error:
            reason = f"ValueError: {error}"
            content = cloudpickle.dumps(error)
            self.connection.send(("loss", executor, ticket, reason, False, content))
        else:
            self.connection.send(("receipt", executor, ticket, pickle.dumps(receipt)))


@pytest.fixture
def line(wait_until):
    """A link, and the driver at its other end: ``line(**options of the driver)``."""
    made = []

    def connect(**options):
        ours, theirs = Pipe()
        driver, link = Driver(theirs, **options), RayLink(ours)
        made.append((link, driver))
        driver.start()
        wait_until(lambda: link.state["workers"])
        return link, driver

    yield connect
    for link, driver in made:
        link.end("the test is over")
        driver.join(10)
        driver.connection.close()


class TestLine(ExecutorTests):
    @pytest.fixture
    def executor(self, line):
        made = Ray(line()[0])
        yield made
        made.close()


def test_a_dead_worker_is_a_loss_and_no_error(line, tmp_path):
    executor = Ray(line()[0])
    executor.start(CountingTask(folder=str(tmp_path)))
    executor.submit([Chunk(666, 667), Chunk(0, 1)])
    losses = [report for report in drain(executor, 2) if isinstance(report, Loss)]
    assert [(loss.chunk.start, loss.worker_died, loss.error) for loss in losses] == [
        (666, True, None)
    ]


def test_an_exception_whose_class_is_not_here_is_told_in_words(line, tmp_path, monkeypatch):
    class Own(RaisingTask):
        def __call__(self, chunk):
            raise ValueError("own words")

    def unknown(*_):
        raise ModuleNotFoundError("no module of that name")

    executor = Ray(line()[0])
    executor.start(Own(folder=str(tmp_path), bad=()))
    monkeypatch.setattr("spicelab_nb.executors.ray.pickle.loads", unknown)
    executor.submit([Chunk(0, 1)])
    (loss,) = drain(executor, 1)
    assert (loss.error, loss.reason) == (None, "ValueError: own words")


def test_a_driver_that_ends_is_told_at_once(line, tmp_path):
    link, driver = line()
    executor = Ray(link)
    executor.start(CountingTask(folder=str(tmp_path)))
    link.end("the head is gone.")
    driver.join(10)
    with pytest.raises(ExecutorError, match=r"is lost: the head is gone \(.*safe in the store"):
        executor.poll(30)
    assert executor.capacity() == 0
    executor.cancel()
    executor.close()


def test_a_driver_that_says_nothing_is_lost(line, tmp_path, monkeypatch):
    link, _ = line()
    executor = Ray(link)
    executor.start(CountingTask(folder=str(tmp_path)))
    monkeypatch.setattr("spicelab_nb.executors.ray_link.SILENCE", 0.3)
    with pytest.raises(ExecutorError, match=r"has said nothing for 0\.3 s"):
        executor.poll(30)


def test_what_the_driver_refuses_is_refused_at_the_start(line, tmp_path):
    executor = Ray(line(problem="numpy is 2 here and 1 there")[0])
    with pytest.raises(ExecutorError, match="numpy is 2 here and 1 there"):
        executor.start(CountingTask(folder=str(tmp_path)))


def test_a_run_whose_every_worker_is_refused_ends_with_the_reason(line, wait_until, tmp_path):
    link, driver = line()
    executor = Ray(link)
    executor.start(CountingTask(folder=str(tmp_path)))
    why = "numpy is 2.1 here and 1.9 on the worker h."
    driver.connection.send(("state", {"workers": [], "target": 1, "refused": why, "problem": why}))
    wait_until(lambda: not link.state["workers"])
    with pytest.raises(ExecutorError, match=r"No worker may compute.*numpy is 2\.1 here"):
        executor.poll(10)
    executor.close()


def test_a_driver_that_does_not_listen_keeps_nobody_waiting(tmp_path, monkeypatch):
    """A pipe that nobody reads is full after some kilobytes."""
    monkeypatch.setattr("spicelab_nb.executors.ray.ANSWER_LIMIT", 0.3)
    ours, theirs = Pipe()
    link = RayLink(ours)
    executor = Ray(link)
    with pytest.raises(ExecutorError, match="did not take the campaign"):
        executor.start(CountingTask(folder=str(tmp_path), ballast=bytes(5_000_000)))
    executor.close()
    link.end("the test is over")
    theirs.close()
