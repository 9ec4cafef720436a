import pytest

from spicelab_nb.engines import find
from spicelab_nb.testing.engines import EngineTests


@pytest.mark.ngspice
class TestNgspice(EngineTests):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls):
        engine = find("ngspice")
        yield engine
        engine.close()


class TestNeospice(EngineTests):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls):
        pytest.importorskip("neospice", reason="pip install neospice")
        engine = find("neospice")
        yield engine
        engine.close()
