"""Static figures as SVG text: no script, no font, no request, readable for decades."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Drawing", "ticks"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 46, 44
_KEY, _NAME = 124, 16
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(n * scale for n in _ROUND if n * scale >= raw * (1 - 1e-9))
    begin = math.ceil(low / step - 1e-9)
    end = math.floor(high / step + 1e-9)
    return [k * step for k in range(begin, end + 1)]


class Drawing:
    """One pair of axes.

    Parameters
    ----------
    x_range, y_range
        Least and greatest value; equal ones are spread a little.
    x_label, y_label, title
        Texts, escaped here.
    log_x
        A logarithmic x axis; `x_range` above 0.
    x_ticks
        Where the x axis has a text, and which; None: at round numbers.
    key
        Whether curves have names: they stand to the right of the axes.
    width, height
        Pixels.
    """

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        x_label: str,
        y_label: str,
        title: str,
        log_x: bool = False,
        x_ticks: Sequence[tuple[float, str]] | None = None,
        key: bool = False,
        width: int = 560,
        height: int = 330,
    ) -> None:
        self._log = log_x
        self._given_ticks = x_ticks
        self._x = _spread(*(np.log10(x_range) if log_x else x_range))
        self._y = _spread(*y_range)
        self._width, self._height = width, height
        self._right = _KEY if key else _RIGHT
        self._title = title
        self._parts: list[str] = []
        self._key: list[tuple[str, str, float]] = []
        self._frame(x_label, y_label)

    def bars(self, edges: ArrayLike, counts: ArrayLike, color: str) -> None:
        """Draw a histogram."""
        left = self._px(np.asarray(edges, dtype=float))
        top = self._py(np.asarray(counts, dtype=float))
        floor = float(self._py(np.zeros(1))[0])
        path = "".join(
            f"M{a:.1f} {floor:.1f}V{t:.1f}H{b:.1f}V{floor:.1f}Z"
            for a, b, t in zip(left[:-1], left[1:], top, strict=True)
            if floor - t > 0
        )
        self._parts.append(f'<path d="{path}" fill="{color}" stroke="#fff" stroke-width=".7"/>')

    def line(
        self, x: ArrayLike, y: ArrayLike, color: str, *, dashed: bool = False, name: str = ""
    ) -> None:
        """Draw a curve; with a `name` it stands in the key."""
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        self._parts.append(
            f'<path d="{self._path(x, y)}" fill="none" stroke="{color}" stroke-width="1.4"{dash}/>'
        )
        if name:
            self._key.append((name, color, 1.0))

    def band(
        self,
        x: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        color: str,
        *,
        opacity: float,
        name: str,
    ) -> None:
        """Fill between two curves."""
        x, low, high = (np.asarray(v, dtype=float) for v in (x, low, high))
        # With one edge only, the area would be closed across the plot.
        both = np.isfinite(low) & np.isfinite(high)
        if both.any():
            there = self._path(x[both], high[both])
            back = self._path(x[both][::-1], low[both][::-1]).replace("M", "L", 1)
            self._parts.append(
                f'<path d="{there}{back}Z" fill="{color}" fill-opacity="{opacity:.2f}"/>'
            )
        self._key.append((name, color, opacity))

    def dots(self, x: ArrayLike, y: ArrayLike, color: str) -> None:
        """Draw points, all in one element."""
        pairs = zip(self._px(np.asarray(x)), self._py(np.asarray(y)), strict=True)
        path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in pairs)
        self._parts.append(
            f'<path d="{path}" stroke="{color}" stroke-width="3.5" stroke-linecap="round" '
            'stroke-opacity=".55" fill="none"/>'
        )

    def limit(self, *, x: float | None = None, y: float | None = None, color: str) -> None:
        """Draw a spec limit across linear axes, if it lies within them."""
        bottom, right = self._height - _BOTTOM, self._width - self._right
        if x is not None and self._x[0] <= x <= self._x[1]:
            place = float(self._px(np.array([x]))[0])
            path = f"M{place:.1f} {_TOP}V{bottom}"
        elif y is not None and self._y[0] <= y <= self._y[1]:
            place = float(self._py(np.array([y]))[0])
            path = f"M{_LEFT} {place:.1f}H{right}"
        else:
            return
        self._parts.append(
            f'<path d="{path}" stroke="{color}" stroke-width="1.6" stroke-dasharray="6 4"/>'
        )

    def svg(self) -> str:
        """Give the figure as one ``<svg>`` element."""
        lines = [html.escape(t) for t in self._title.split("\n")]
        head = "".join(
            f'<text x="{_LEFT}" y="{16 + 16 * k}" class="{"t" if k == 0 else "s"}">{t}</text>'
            for k, t in enumerate(lines[:2])
        )
        beside = self._width - self._right + 8
        key = "".join(
            f'<path d="M{beside} {y}h14" stroke="{color}" stroke-width="3" '
            f'stroke-opacity="{opacity:.2f}"/>'
            f'<text x="{beside + 19}" y="{y + 4}">{html.escape(_short(name))}</text>'
            for y, (name, color, opacity) in zip(
                range(_TOP + 8, self._height, 16), self._key, strict=False
            )
        )
        return (
            f'<svg viewBox="0 0 {self._width} {self._height}" width="{self._width}" '
            f'height="{self._height}" role="img" aria-label="{html.escape(" ".join(lines))}">'
            f"{head}{''.join(self._parts)}{key}</svg>"
        )

    def _frame(self, x_label: str, y_label: str) -> None:
        bottom, right = self._height - _BOTTOM, self._width - self._right
        grid, texts = [], []
        for value, text in self._x_ticks():
            at = float(self._px(np.array([value]))[0])
            grid.append(f"M{at:.1f} {_TOP}V{bottom}")
            texts.append(f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="middle">{text}</text>')
        for value in ticks(*self._y, count=5):
            at = float(self._py(np.array([value]))[0])
            grid.append(f"M{_LEFT} {at:.1f}H{right}")
            texts.append(
                f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_number(value)}</text>'
            )
        middle = (_TOP + bottom) / 2
        self._parts.append(
            f'<path d="{"".join(grid)}" stroke="#e3e3e3" fill="none"/>'
            f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" stroke="#555" fill="none"/>'
            + "".join(texts)
            + f'<text x="{(_LEFT + right) / 2}" y="{self._height - 10}" text-anchor="middle">'
            f"{html.escape(x_label)}</text>"
            f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">'
            f"{html.escape(y_label)}</text>"
        )

    def _x_ticks(self) -> Sequence[tuple[float, str]]:
        if self._given_ticks is not None:
            return self._given_ticks
        if not self._log:
            return [(v, _number(v)) for v in ticks(*self._x)]
        first, last = math.ceil(self._x[0] - 1e-9), math.floor(self._x[1] + 1e-9)
        step = max(1, round((last - first) / 7))
        prefix = {0: "", 1: "k", 2: "M", 3: "G", 4: "T", -1: "m", -2: "u", -3: "n"}
        return [
            (10.0**k, f"{10 ** (k % 3)}{prefix.get(k // 3, f'e{3 * (k // 3)}')}")
            for k in range(first, last + 1, step)
        ]

    def _px(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        value = np.log10(x) if self._log else x
        span = self._width - _LEFT - self._right
        return np.asarray(_LEFT + (value - self._x[0]) / (self._x[1] - self._x[0]) * span)

    def _py(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        span = self._height - _TOP - _BOTTOM
        part = (y - self._y[0]) / (self._y[1] - self._y[0])
        return np.asarray(self._height - _BOTTOM - part * span)

    def _path(self, x: ArrayLike, y: ArrayLike) -> str:
        xs, ys = self._px(np.asarray(x, dtype=float)), self._py(np.asarray(y, dtype=float))
        good = np.isfinite(xs) & np.isfinite(ys)
        pairs = zip(xs[good], ys[good], strict=True)
        return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in pairs) if good.any() else ""


def thinned(values: Sequence[NDArray[np.float64]], most: int) -> list[NDArray[np.float64]]:
    """Take at most `most` evenly chosen points of columns of the same length."""
    step = -(-len(values[0]) // most) if len(values[0]) else 1
    return [v[::step] for v in values]


def _spread(low: float, high: float) -> tuple[float, float]:
    low, high = float(low), float(high)
    if high > low:
        return low, high
    half = 0.05 * abs(low) or 0.5
    return low - half, high + half


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}\N{HORIZONTAL ELLIPSIS}"


def _number(value: float) -> str:
    return f"{value:.6g}" if abs(value) > 1e-12 else "0"
