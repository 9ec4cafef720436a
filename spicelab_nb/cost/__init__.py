"""What it costs: prices, the model of time and money, estimates, and what was spent."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Names that other rooms and users need, by the module that has them.
_MODULES = {
    "Catalogue": "catalogue",
    "Estimate": "estimation",
    "Interval": "estimation",
    "Interruptions": "workload",
    "Ledger": "ledger",
    "MachineType": "machine",
    "Money": "money",
    "OwnMachine": "machine",
    "Partition": "machine",
    "PilotStatistics": "pilot",
    "Preview": "preview",
    "Price": "price",
    "Ratio": "pilot",
    "Spending": "spending",
    "Tariff": "workload",
    "Workload": "workload",
    "candidates": "frontier",
    "cheapest": "frontier",
    "estimate": "estimation",
    "fastest": "frontier",
    "measured_ratio": "pilot",
    "pareto": "frontier",
    "pilot_statistics": "pilot",
    "ratio_from_past": "pilot",
}

__all__ = [*_MODULES]

if TYPE_CHECKING:
    from spicelab_nb.cost.catalogue import Catalogue as Catalogue
    from spicelab_nb.cost.estimation import Estimate as Estimate
    from spicelab_nb.cost.estimation import Interval as Interval
    from spicelab_nb.cost.estimation import estimate as estimate
    from spicelab_nb.cost.frontier import candidates as candidates
    from spicelab_nb.cost.frontier import cheapest as cheapest
    from spicelab_nb.cost.frontier import fastest as fastest
    from spicelab_nb.cost.frontier import pareto as pareto
    from spicelab_nb.cost.ledger import Ledger as Ledger
    from spicelab_nb.cost.machine import MachineType as MachineType
    from spicelab_nb.cost.machine import OwnMachine as OwnMachine
    from spicelab_nb.cost.machine import Partition as Partition
    from spicelab_nb.cost.money import Money as Money
    from spicelab_nb.cost.pilot import PilotStatistics as PilotStatistics
    from spicelab_nb.cost.pilot import Ratio as Ratio
    from spicelab_nb.cost.pilot import measured_ratio as measured_ratio
    from spicelab_nb.cost.pilot import pilot_statistics as pilot_statistics
    from spicelab_nb.cost.pilot import ratio_from_past as ratio_from_past
    from spicelab_nb.cost.preview import Preview as Preview
    from spicelab_nb.cost.price import Price as Price
    from spicelab_nb.cost.spending import Spending as Spending
    from spicelab_nb.cost.workload import Interruptions as Interruptions
    from spicelab_nb.cost.workload import Tariff as Tariff
    from spicelab_nb.cost.workload import Workload as Workload


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
