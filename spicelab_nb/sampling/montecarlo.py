"""Monte Carlo: parameters drawn from distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from spicelab_nb.errors import SamplingError, nearest, suggests_arguments
from spicelab_nb.sampling.crossing import Factor
from spicelab_nb.sampling.distribution import Distribution, as_number, as_whole
from spicelab_nb.sampling.draws import Draws, Member, Variable
from spicelab_nb.sampling.names import Key, check_key, resolve
from spicelab_nb.sampling.nominals import check_overlap, members
from spicelab_nb.sampling.samplers import check_sampler
from spicelab_nb.sampling.streams import stream_name
from spicelab_nb.sampling.values import check_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spicelab_nb.sampling.design import ParameterSpace
    from spicelab_nb.sampling.points import Axis

__all__ = ["MonteCarlo"]

_MIDDLE = np.array([0.5])

Groups: TypeAlias = "list[tuple[tuple[str, ...], Distribution]]"


@suggests_arguments
@dataclass(frozen=True, repr=False)
class MonteCarlo(Factor):
    """Samples of parameters, along the dimension ``sample``.

    Sample i of a parameter depends on the seed, the parameter's name and i, and on nothing else:
    more samples, more parameters or another order leave it as it was.

    Parameters
    ----------
    n
        Number of samples.
    distributions
        By parameter. A name has draws of its own; a glob (``"M*.delvto"``) gives each parameter
        that it matches draws of its own; a tuple of names shares one draw, each around its own
        nominal. May be empty where the deck or the function draws its own numbers.
    seed
        Of all draws.
    correlation
        By pair: ``{("R1", "C1"): 0.5}`` correlates the normal scores of the two (a Gaussian
        copula: for two Normals that is their correlation). A name of a tuple stands for its shared
        draw, a glob for each parameter that it matches.
    sampler
        ``"random"``.

    Raises
    ------
    SamplingError
        Something above is not well defined.
    """

    n: int
    distributions: Mapping[Any, Distribution]  # keys are Key; a mapping is invariant in them
    _: KW_ONLY
    seed: int = 0
    correlation: Mapping[tuple[str, str], float] | None = None
    sampler: str = "random"

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", as_whole(self.n, "MonteCarlo: n", least=1))
        object.__setattr__(self, "distributions", _checked_distributions(self.distributions))
        object.__setattr__(self, "seed", as_whole(self.seed, "MonteCarlo: seed", least=0))
        object.__setattr__(self, "correlation", _checked_correlation(self.correlation))
        check_sampler(self.sampler)

    once: ClassVar[str] = (
        "Two Monte Carlos cannot be crossed: put all distributions into one MonteCarlo"
    )

    def draws(self, space: ParameterSpace, axes: Sequence[Axis]) -> Draws:
        """Bind the distributions, each around what the axes make of its nominal."""
        groups = self.groups(space)
        for names, distribution in groups:
            for name in names:
                check_overlap(name, distribution, axes)
                if distribution.text:
                    check_kind(name, distribution.ppf(_MIDDLE, None), space.nominal(name))
        around = members({n for ns, d in groups if d.uses_nominal for n in ns}, space, axes)
        variables = [
            Variable(
                distribution=distribution,
                members=tuple(around.get(n, Member(name=n)) for n in sorted(names)),
            )
            for names, distribution in groups
        ]
        return Draws(
            n=self.n,
            seed=self.seed,
            sampler=self.sampler,
            variables=tuple(sorted(variables, key=lambda v: v.stream)),
            correlation=self.pairs(space, groups),
        )

    def groups(self, space: ParameterSpace) -> Groups:
        """Canonical names that share a draw, with their distribution.

        Raises
        ------
        SamplingError
            A parameter is varied twice.
        """
        found: Groups = []
        by: dict[str, Key] = {}
        for key, distribution in self.distributions.items():
            names = resolve(space, key)
            for name in names:
                if name in by:
                    raise SamplingError(
                        f"{name} is varied twice, by {by[name]!r} and by {key!r}: "
                        "leave it out of one of them"
                    )
                by[name] = key
            found += (
                [(names, distribution)]
                if isinstance(key, tuple)
                else [((name,), distribution) for name in names]
            )
        return found

    def pairs(self, space: ParameterSpace, groups: Groups) -> tuple[tuple[str, str, float], ...]:
        """Correlations between streams, sorted, each pair once.

        Raises
        ------
        SamplingError
            A name is not varied, a pair is one shared draw, or two keys contradict each other.
        """
        stream = {name: stream_name(names) for names, _ in groups for name in names}
        found: dict[tuple[str, str], tuple[float, Any]] = {}
        for key, rho in (self.correlation or {}).items():
            sides = [_varied(space, side, stream) for side in key]
            tied = {tuple(sorted((stream[a], stream[b]))) for a in sides[0] for b in sides[1]}
            distinct = sorted((a, b) for a, b in tied if a != b)
            if not distinct:
                raise SamplingError(
                    f"correlation {key!r}: both names have the same draw, so they are fully "
                    "correlated already: leave the pair out, or vary them apart"
                )
            for pair in distinct:
                before = found.setdefault(pair, (rho, key))
                if before[0] != rho:
                    raise SamplingError(
                        f"correlation: {before[1]!r} says {before[0]:g} and {key!r} says {rho:g} "
                        "of the same draws: keep one"
                    )
        return tuple((a, b, rho) for (a, b), (rho, _) in sorted(found.items()) if rho)

    def __repr__(self) -> str:
        parts = [str(self.n)]
        for key, distribution in self.distributions.items():
            parts.append(f"{'='.join(key) if isinstance(key, tuple) else key}~{distribution!r}")
        if self.correlation:
            pairs = ", ".join(f"{a}-{b} {rho:g}" for (a, b), rho in self.correlation.items())
            parts.append(f"correlation {pairs}")
        parts.append(f"seed={self.seed}")
        if self.sampler != "random":
            parts.append(f"sampler={self.sampler!r}")
        return f"MonteCarlo({', '.join(parts)})"


def _varied(space: ParameterSpace, side: str, stream: Mapping[str, str]) -> list[str]:
    """Canonical names of varied parameters that one side of a correlation stands for."""
    names = [n for n in resolve(space, side) if n in stream]
    if not names:
        raise SamplingError(
            f"correlation: {side!r} is not varied by this Monte Carlo.{nearest(side, stream)}"
        )
    return names


def _checked_distributions(given: Any) -> dict[Key, Distribution]:
    if not isinstance(given, Mapping):
        raise SamplingError(
            "MonteCarlo takes a mapping of parameters to distributions, such as "
            f'{{"R1": Normal(rel=0.01)}}, not {given!r}'
        )
    for key, distribution in given.items():
        check_key(key)
        if isinstance(distribution, Distribution):
            continue
        hint = ""
        if isinstance(distribution, type) and issubclass(distribution, Distribution):
            hint = f" (call it: {distribution.__name__}(...))"
        elif isinstance(distribution, (list, np.ndarray)):
            hint = " (for given values use Sweep, or Discrete(values) to draw from them)"
        raise SamplingError(
            f"{key!r} needs a distribution such as Normal(rel=0.01), not {distribution!r}{hint}"
        )
    return dict(given)


def _checked_correlation(given: Any) -> dict[tuple[str, str], float] | None:
    if not given:
        return None
    if not isinstance(given, Mapping):
        raise SamplingError(
            f'correlation takes a mapping such as {{("R1", "C1"): 0.5}}, not {given!r}'
        )
    pairs: dict[tuple[str, str], float] = {}
    for key, value in given.items():
        if not isinstance(key, tuple) or len(key) != 2 or not all(isinstance(k, str) for k in key):
            raise SamplingError(
                f'correlation: a key is a pair of names such as ("R1", "C1"), not {key!r}'
            )
        rho = as_number(value, f"correlation {key!r}")
        if not -1 <= rho <= 1:
            raise SamplingError(f"correlation {key!r} must lie between -1 and 1, not {rho:g}")
        pairs[key] = rho
    return pairs
