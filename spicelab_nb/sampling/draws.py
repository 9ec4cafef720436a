"""What varies from sample to sample: variables, their correlations, and their values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spicelab_nb.errors import SamplingError
from spicelab_nb.sampling.copula import Copula
from spicelab_nb.sampling.design import Column
from spicelab_nb.sampling.distribution import (
    Distribution,
    as_whole,
    restore_distribution,
)
from spicelab_nb.sampling.rounding import quantise
from spicelab_nb.sampling.samplers import Sampler, make_sampler
from spicelab_nb.sampling.streams import stream_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Draws", "Member", "Variable"]

_EXTREMES = np.array([2.0**-53, 1.0 - 2.0**-53])  # the least and the greatest uniform


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """A parameter that takes a variable's draws around its own nominal.

    Parameters
    ----------
    name
        Canonical.
    dims
        Names of the axes along which the nominal changes; ``()`` where it is the same everywhere.
    nominal
        Over `dims`; None where the distribution does not ask for it.
    """

    name: str
    dims: tuple[str, ...] = ()
    nominal: NDArray[np.float64] | None = None

    def describe(self) -> dict[str, Any]:
        """Give it as JSON."""
        nominal = None if self.nominal is None else self.nominal.tolist()
        return {"name": self.name, "dims": list(self.dims), "nominal": nominal}

    @classmethod
    def restore(cls, description: Mapping[str, Any]) -> Member:
        """Make a member from what its `describe` gave."""
        nominal = description["nominal"]
        return cls(
            name=description["name"],
            dims=tuple(description["dims"]),
            nominal=None if nominal is None else np.array(nominal, dtype=np.float64),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Variable:
    """One stream of draws, and the parameters that share them.

    Parameters
    ----------
    distribution
        Of each member, around its own nominal.
    members
        Sorted by name.

    Raises
    ------
    SamplingError
        A member's values cannot be drawn; the message names it.
    """

    distribution: Distribution
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        for member in self.members:
            nominal = None if member.nominal is None else member.nominal[..., np.newaxis]
            try:
                ends = self.distribution.ppf(_EXTREMES, nominal)
            except SamplingError as error:
                raise SamplingError(f"{member.name}: {error}") from error
            # values rise with the uniform: where the ends are finite all are
            if not self.distribution.text and not np.isfinite(ends).all():
                raise SamplingError(
                    f"{member.name}: {self.distribution!r} can give values that are not finite"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members."""
        return tuple(m.name for m in self.members)

    @property
    def stream(self) -> str:
        """Name of the stream."""
        return stream_name(self.names)

    def values(self, u: NDArray[np.float64], nominal: NDArray[Any] | None) -> NDArray[Any]:
        """Values for uniforms around nominals, as they are written in a netlist."""
        drawn = self.distribution.ppf(u, nominal)
        return drawn if self.distribution.text else quantise(drawn)


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """All variables of a Monte Carlo, bound.

    Parameters
    ----------
    n
        Number of samples.
    seed
        Of every stream.
    sampler
        Name of the sampler.
    variables
        Sorted by stream, so that no order of a mapping can matter.
    correlation
        ``(stream, stream, coefficient)`` for each pair whose coefficient is not 0.
    """

    n: int
    seed: int
    sampler: str
    variables: tuple[Variable, ...]
    correlation: tuple[tuple[str, str, float], ...] = ()
    _source: Sampler = field(init=False, repr=False, compare=False)
    _copulas: tuple[Copula, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        streams = [v.stream for v in self.variables]
        source = make_sampler(self.sampler, seed=self.seed, n=self.n, streams=streams)
        labels = {v.stream: "=".join(v.names) for v in self.variables}
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_copulas", tuple(_copulas(self.correlation, labels)))

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical names of the parameters that are drawn."""
        return tuple(m.name for v in self.variables for m in v.members)

    @property
    def extensible(self) -> bool:
        """Whether a larger n keeps every sample that a smaller n had."""
        return self._source.extensible

    def uniforms(self, start: int, stop: int) -> dict[str, NDArray[np.float64]]:
        """Uniforms of samples ``start`` to ``stop - 1``, correlated, by stream."""
        drawn = {v.stream: self._source.uniforms(v.stream, start, stop) for v in self.variables}
        for copula in self._copulas:
            mixed = copula.apply([drawn[s] for s in copula.streams])
            drawn.update(zip(copula.streams, mixed, strict=True))
        return drawn

    def values(
        self,
        start: int,
        stop: int,
        sample: NDArray[np.intp],
        index: Mapping[str, NDArray[np.intp]],
    ) -> dict[str, NDArray[Any]]:
        """Values at points.

        Parameters
        ----------
        start, stop
            The samples that the points belong to.
        sample
            Each point's sample, counted from `start`.
        index
            Each point's place on each axis, by the axis's name.
        """
        uniforms = self.uniforms(start, stop)
        values: dict[str, NDArray[Any]] = {}
        for variable in self.variables:
            u = uniforms[variable.stream]
            for member in variable.members:
                if member.nominal is None or not member.dims:
                    values[member.name] = variable.values(u, member.nominal)[sample]
                else:
                    nominal = member.nominal[tuple(index[d] for d in member.dims)]
                    values[member.name] = variable.values(u[sample], nominal)
        return values

    def columns(self) -> Iterable[Column]:
        """Every parameter's values over ``sample`` and the axes that its nominal depends on."""
        uniforms = self.uniforms(0, self.n)
        for variable in self.variables:
            u = uniforms[variable.stream]
            for member in variable.members:
                spread = u.reshape(-1, *(1,) * len(member.dims))
                values = variable.values(spread, member.nominal)
                yield Column(name=member.name, dims=("sample", *member.dims), values=values)

    def describe(self) -> dict[str, Any]:
        """Give it as JSON; without n where `extensible`."""
        # a glob gives one distribution to many: each is written once
        distributions: list[Distribution] = []
        variables = []
        for v in self.variables:
            if v.distribution not in distributions:
                distributions.append(v.distribution)
            which = distributions.index(v.distribution)
            variables.append({"distribution": which, "members": [m.describe() for m in v.members]})
        description: dict[str, Any] = {
            "sampler": self.sampler,
            "seed": self.seed,
            "distributions": [d.describe() for d in distributions],
            "variables": variables,
            "correlation": [list(pair) for pair in self.correlation],
        }
        return description if self.extensible else {**description, "n": self.n}

    @classmethod
    def restore(cls, description: Mapping[str, Any], *, n: int | None) -> Draws:
        """Make draws from what `describe` gave, with n samples where it leaves n out."""
        size = description.get("n", n)
        if size is None:
            raise SamplingError("restore needs size=, the number of samples of this Monte Carlo")
        distributions = [restore_distribution(d) for d in description["distributions"]]
        return cls(
            n=as_whole(size, "size", least=1),
            seed=description["seed"],
            sampler=description["sampler"],
            variables=tuple(
                Variable(
                    distribution=distributions[v["distribution"]],
                    members=tuple(Member.restore(m) for m in v["members"]),
                )
                for v in description["variables"]
            ),
            correlation=tuple((a, b, float(rho)) for a, b, rho in description["correlation"]),
        )

    def extended(self, n: int) -> Draws:
        """The same draws with another n."""
        return replace(self, n=as_whole(n, "n", least=1))


def _copulas(
    pairs: Sequence[tuple[str, str, float]], labels: Mapping[str, str]
) -> Iterable[Copula]:
    """Give one copula for each set of streams that correlations tie together."""
    tied: dict[str, set[str]] = {}
    for a, b, _ in pairs:
        group = tied.get(a, {a}) | tied.get(b, {b})
        tied.update(dict.fromkeys(group, group))
    for streams in sorted({tuple(sorted(group)) for group in tied.values()}):
        place = {stream: k for k, stream in enumerate(streams)}
        matrix = np.eye(len(streams))
        for a, b, rho in pairs:
            if a in place:
                matrix[place[a], place[b]] = matrix[place[b], place[a]] = rho
        yield Copula(streams=streams, matrix=matrix, labels=tuple(labels[s] for s in streams))
