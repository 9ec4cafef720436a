"""ngspice, the reference engine, through its shared library in a host process."""

from spicelab_nb.engines.ngspice.client import Ngspice
from spicelab_nb.engines.ngspice.library import find_library, library_version

__all__ = ["Ngspice", "find_library", "library_version"]
