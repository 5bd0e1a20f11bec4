"""Black Skimmer, Rynchops niger: the seabird whose lower mandible outgrows the upper.

Field marks: black cap and upperparts, white forehead and underparts, a red-orange bill with a black tip,
short red legs, very long wings; it flies low over the water or rests on sand.
"""

from __future__ import annotations

import numpy as np

from .anatomy import BLACK, eye, folded_wing, leg, plumage, spread_wing, tail
from .bird import Bird, head_placement, one_of
from .figure import Colour, Figure, mix, scaled
from .outline import Placement, ribbon, spline

Side = tuple[Colour, Colour, Colour | None]  # of a wing: coverts, flight feathers, trailing edge

# The brown ones are young.
UPPERPARTS = ((0.06, 0.06, 0.07), (0.13, 0.12, 0.12), (0.24, 0.20, 0.17), (0.36, 0.30, 0.25))
UNDERPARTS = ((0.97, 0.97, 0.96), (0.92, 0.90, 0.86), (0.86, 0.82, 0.74))
BILLS = ((0.90, 0.22, 0.08), (0.95, 0.36, 0.10), (0.80, 0.30, 0.16))

BODY = (
    (0.44, -0.24), (0.20, -0.21), (-0.12, -0.19), (-0.42, -0.11), (-0.62, -0.03), (-0.46, 0.08),
    (-0.20, 0.17), (0.10, 0.21), (0.34, 0.15), (0.50, 0.0), (0.56, -0.14),
)  # fmt: skip
BACK = ((0.46, -0.28), (0.0, -0.26), (-0.66, -0.08), (-0.40, -0.04), (0.0, -0.08), (0.4, -0.12))
HEAD = (
    (0.36, -0.16), (0.40, -0.32), (0.52, -0.41), (0.65, -0.40), (0.75, -0.32), (0.76, -0.21), (0.66, -0.12),
    (0.52, -0.04), (0.40, -0.04),
)  # fmt: skip
CAP = (
    (0.69, -0.31), (0.67, -0.42), (0.52, -0.45), (0.38, -0.36), (0.24, -0.24), (0.30, -0.12), (0.44, -0.19),
    (0.56, -0.215), (0.68, -0.235),
)  # fmt: skip
WING = (
    (0.36, -0.10), (0.20, -0.19), (-0.15, -0.17), (-0.60, -0.06), (-1.02, 0.06), (-0.60, 0.06), (-0.15, 0.09),
    (0.18, 0.07), (0.34, 0.02),
)  # fmt: skip


def skimmer(rng: np.random.Generator) -> Bird:
    """More often on the wing than standing."""
    black, white, red = one_of(rng, UPPERPARTS), one_of(rng, UNDERPARTS), one_of(rng, BILLS)
    is_flying = rng.random() < 0.55
    is_raised = rng.random() < 0.6
    # A raised wing shows its pale underside on the near side, a lowered one on the far side.
    upper: Side = (scaled(black, 1.15), black, white)
    under: Side = (mix(white, black, 0.12), mix(white, black, 0.45), None)
    beat = rng.uniform(-130, -60) if is_raised else rng.uniform(50, 125)
    span = rng.uniform(1.15, 1.5)
    figure = Figure()
    if is_flying:
        lag = 22 if is_raised else -22
        _wing(figure, (0.20, -0.12), beat + lag, span * 0.95, upper if is_raised else under)
    tail(
        figure,
        [(-0.48, -0.01), (-0.66, 0.01), (-0.80, 0.03)],
        (0.12, 0.12, 0.08),
        mix(white, black, 0.3),
        black,
    )
    if not is_flying:
        for shift in (0.0, 0.12):
            leg(figure, (shift, 0.16), (shift + 0.02, 0.40), 0.04, scaled(red, 0.95))
    body = spline(BODY)
    figure.part(body, white)
    figure.mark(spline(BACK), black)
    plumage(figure, rng, Placement().move(0.0, 0.12).apply(body), mix(white, BLACK, 0.35), 0.08, 175)
    turned = head_placement(rng, (0.46, -0.16), looks_back=0.0 if is_flying else 0.1)
    _head(figure.view(turned), black, white, red)
    if is_flying:
        _wing(figure, (0.22, -0.08), beat, span, under if is_raised else upper)
        return Bird(figure, "flying", tilt_deg=rng.normal(0, 14), face=(0.8, -0.25))
    folded_wing(figure, WING, black, mix(black, white, 0.3), feathers=5, shadow=0.2)
    figure.strokes(spline([(0.20, 0.075), (-0.1, 0.095), (-0.35, 0.085)], is_closed=False), white, 1.6, 0.9)
    return Bird(figure, "standing", tilt_deg=rng.uniform(-14, 6), face=(0.8, -0.25), feet=(0.08, 0.40))


def _wing(figure: Figure, root: tuple[float, float], angle_deg: float, span: float, side: Side) -> None:
    coverts, flight, trailing = side
    spread_wing(figure, root, angle_deg, span, 0.44, coverts, flight, trailing, pointed=0.95)


def _head(head: Figure, black: Colour, white: Colour, red: Colour) -> None:
    lower = [(0.70, -0.19), (0.88, -0.14), (1.06, -0.09), (1.30, -0.02)]
    upper = [(0.70, -0.27), (0.86, -0.235), (1.00, -0.175), (1.08, -0.125)]
    head.part(ribbon(lower, [0.10, 0.085, 0.06, 0.02]), BLACK)
    head.part(ribbon(upper, [0.12, 0.095, 0.06, 0.01]), BLACK)
    head.mark(ribbon([(0.68, -0.19), (0.82, -0.155), (0.96, -0.118)], [0.11, 0.10, 0.07]), scaled(red, 0.88))
    head.mark(ribbon([(0.68, -0.275), (0.80, -0.255), (0.92, -0.212)], [0.14, 0.12, 0.08]), red)
    head.strokes(spline([(0.72, -0.225), (0.9, -0.18), (1.06, -0.12)], is_closed=False), BLACK, 1.0, 0.6)
    head.part(spline(HEAD), white)
    head.mark(spline(CAP), black)
    head.soften()
    eye(head, 0.615, -0.285, 0.026, (0.25, 0.15, 0.10), scaled(black, 1.5))
