"""Bananaquit, Coereba flaveola: a small bird with a short decurved bill and a bold white eyebrow.

Field marks: slate upperparts, grey throat, yellow breast and rump, a white patch at the base of the
primaries.
"""

from __future__ import annotations

import numpy as np

from .anatomy import BLACK, WHITE, eye, folded_wing, leg, plumage, spread_wing, tail
from .bird import Bird, head_placement, one_of, worn
from .figure import Colour, Figure, mix, scaled
from .outline import Placement, oval, ribbon, spline

# The dull ones are young.
YELLOWS = ((0.95, 0.82, 0.12), (0.90, 0.72, 0.10), (0.82, 0.76, 0.36), (0.72, 0.66, 0.30))
UPPERPARTS = ((0.17, 0.18, 0.20), (0.26, 0.27, 0.29), (0.30, 0.28, 0.24), (0.11, 0.11, 0.13))
THROATS = ((0.55, 0.56, 0.58), (0.42, 0.43, 0.46), (0.68, 0.68, 0.66))

BODY = (
    (0.26, -0.24), (0.05, -0.26), (-0.20, -0.19), (-0.42, -0.06), (-0.48, 0.03), (-0.36, 0.13),
    (-0.15, 0.24), (0.08, 0.28), (0.27, 0.20), (0.38, 0.04), (0.42, -0.14),
)  # fmt: skip
BACK = ((0.30, -0.30), (0.0, -0.32), (-0.30, -0.22), (-0.28, -0.08), (0.0, -0.08), (0.3, -0.1))
VENT = ((-0.10, 0.26), (-0.36, 0.13), (-0.52, 0.03), (-0.38, 0.06))
THROAT = ((0.54, -0.22), (0.42, -0.20), (0.30, -0.12), (0.24, 0.0), (0.42, 0.02), (0.50, -0.10))
HEAD = (
    (0.16, -0.25), (0.22, -0.38), (0.34, -0.44), (0.46, -0.41), (0.53, -0.31), (0.51, -0.21), (0.43, -0.12),
    (0.28, -0.10),
)  # fmt: skip
BROW = (
    (0.53, -0.315), (0.45, -0.375), (0.33, -0.385), (0.20, -0.34), (0.11, -0.25), (0.17, -0.245),
    (0.26, -0.30), (0.37, -0.325), (0.46, -0.315), (0.52, -0.285),
)  # fmt: skip
WING = (
    (0.20, -0.14), (0.10, -0.21), (-0.15, -0.15), (-0.40, -0.02), (-0.58, 0.10), (-0.42, 0.12), (-0.15, 0.12),
    (0.08, 0.07), (0.20, -0.02),
)  # fmt: skip


def bananaquit(rng: np.random.Generator) -> Bird:
    """Perched upright or leaning to probe, now and then clinging head down or in flight."""
    yellow, slate, throat = one_of(rng, YELLOWS), one_of(rng, UPPERPARTS), one_of(rng, THROATS)
    brow = mix(worn(rng, WHITE, 0.02), yellow, float(rng.choice([0.0, 0.1, 0.35])))
    is_flying = rng.random() < 0.12
    figure = Figure()
    if is_flying:
        beat = rng.uniform(-125, -70)
        spread_wing(figure, (0.12, -0.14), beat + 18, 0.85, 0.42, scaled(slate, 0.8), slate, pointed=0.35)
    tail(
        figure,
        [(-0.36, -0.02), (-0.60, 0.06), (-0.80, 0.14)],
        (0.13, 0.14, 0.17),
        slate,
        mix(slate, WHITE, 0.35),
    )
    figure.mark(oval(-0.80, 0.17, 0.05, 0.03), WHITE, 0.9)
    if not is_flying:
        for shift in (0.02, 0.12):
            leg(figure, (shift, 0.24), (shift + 0.04, 0.42), 0.035, (0.20, 0.20, 0.22))
    _body(figure, rng, yellow, slate)
    _head(
        figure.view(head_placement(rng, (0.30, -0.2), looks_back=0.0 if is_flying else 0.15)),
        slate,
        throat,
        brow,
    )
    if is_flying:
        spread_wing(figure, (0.10, -0.10), beat, 0.9, 0.45, scaled(slate, 1.2), mix(slate, WHITE, 0.1), pointed=0.35)
        return Bird(figure, "flying", tilt_deg=rng.uniform(-30, 15))
    folded_wing(figure, WING, scaled(slate, 0.85), mix(slate, WHITE, 0.35))
    figure.mark(spline([(-0.10, 0.02), (-0.20, 0.00), (-0.27, 0.06), (-0.16, 0.09)]), WHITE, 0.95)
    tilt = rng.uniform(55, 120) if rng.random() < 0.15 else rng.uniform(-45, 28)
    return Bird(figure, "perched", tilt, feet=(0.11, 0.42))


def _body(figure: Figure, rng: np.random.Generator, yellow: Colour, slate: Colour) -> None:
    body = spline(BODY)
    figure.part(body, yellow)
    figure.mark(spline(BACK), slate)
    figure.mark(spline(VENT), mix(yellow, WHITE, 0.5), 0.7)
    plumage(figure, rng, Placement().move(0.05, 0.1).apply(body), scaled(yellow, 0.72), 0.07, 160)


def _head(head: Figure, slate: Colour, throat: Colour, brow: Colour) -> None:
    bill = [(0.49, -0.27), (0.59, -0.26), (0.67, -0.21), (0.71, -0.135)]
    head.part(ribbon(bill, [0.11, 0.08, 0.045, 0.01]), BLACK)
    head.strokes(spline(bill, is_closed=False), (0.35, 0.35, 0.38), 1.0, 0.6)
    head.part(spline(HEAD), slate)
    head.mark(spline(THROAT), throat)
    head.soften()
    head.mark(spline(BROW), brow)
    head.mark(oval(0.53, -0.245, 0.03, 0.02), (0.85, 0.45, 0.45), 0.7)  # the pink gape
    eye(head, 0.405, -0.285, 0.034, (0.18, 0.11, 0.07))
