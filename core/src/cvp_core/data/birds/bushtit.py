"""Black-throated Bushtit, Aegithalos concinnus: a tiny ball of a bird on a long thin tail.

Field marks: rufous cap, black mask, white chin with a black throat patch, rufous breast band and flanks, grey
back, pale eye, stubby bill; it often hangs on a twig.
"""

from __future__ import annotations

import numpy as np

from .anatomy import BLACK, WHITE, eye, folded_wing, leg, plumage, spread_wing, tail
from .bird import Bird, head_placement, one_of, worn
from .figure import Colour, Figure, mix, scaled
from .outline import oval, ribbon, spline

RUFOUS = ((0.72, 0.34, 0.12), (0.60, 0.26, 0.10), (0.78, 0.46, 0.22), (0.56, 0.34, 0.22))
GREYS = ((0.45, 0.47, 0.50), (0.36, 0.38, 0.42), (0.50, 0.48, 0.42), (0.56, 0.58, 0.62))
BELLIES = ((0.93, 0.91, 0.88), (0.88, 0.80, 0.70), (0.80, 0.72, 0.66))

BODY = (
    (0.26, -0.26), (0.05, -0.30), (-0.20, -0.24), (-0.38, -0.09), (-0.42, 0.05), (-0.32, 0.20), (-0.10, 0.31),
    (0.14, 0.31), (0.33, 0.18), (0.41, 0.0), (0.40, -0.16),
)  # fmt: skip
HEAD = (
    (0.06, -0.22), (0.10, -0.39), (0.22, -0.49), (0.36, -0.48), (0.47, -0.39), (0.50, -0.27), (0.46, -0.14),
    (0.34, -0.05), (0.16, -0.07),
)  # fmt: skip
BACK = ((0.2, -0.34), (-0.1, -0.34), (-0.48, -0.05), (-0.42, 0.06), (-0.1, -0.02), (0.15, -0.1))
CAP = ((0.50, -0.34), (0.46, -0.46), (0.30, -0.54), (0.10, -0.46), (0.0, -0.24), (0.14, -0.30), (0.30, -0.36))
MASK = (
    (0.52, -0.33), (0.40, -0.375), (0.26, -0.36), (0.10, -0.27), (0.03, -0.14), (0.17, -0.16), (0.32, -0.215),
    (0.5, -0.26),
)  # fmt: skip
BAND = (
    (0.46, -0.04), (0.28, 0.00), (0.10, 0.07), (-0.16, 0.12), (-0.40, 0.14), (-0.20, 0.27), (0.08, 0.22),
    (0.30, 0.16), (0.42, 0.08),
)  # fmt: skip
WING = (
    (0.14, -0.12), (0.02, -0.20), (-0.18, -0.18), (-0.38, -0.06), (-0.52, 0.05), (-0.36, 0.08), (-0.14, 0.10),
    (0.06, 0.07), (0.14, 0.0),
)  # fmt: skip


def bushtit(rng: np.random.Generator) -> Bird:
    """At every angle on its twig, now and then in flight."""
    rufous, grey, belly = one_of(rng, RUFOUS), one_of(rng, GREYS), one_of(rng, BELLIES)
    is_flying = rng.random() < 0.10
    beat = rng.uniform(-125, -70)
    figure = Figure()
    if is_flying:
        spread_wing(figure, (0.08, -0.16), beat + 20, 0.70, 0.40, scaled(grey, 0.9), scaled(grey, 0.7), pointed=0.3)
    droop = rng.uniform(0.0, 0.16)
    dark = scaled(grey, 0.45)
    end = (-1.12, 0.14 + droop)
    tail(
        figure,
        [(-0.32, 0.0), (-0.70, 0.06 + droop * 0.4), end],
        (0.10, 0.085, 0.08),
        dark,
        mix(dark, WHITE, 0.4),
    )
    figure.strokes(np.array([(-0.62, 0.12 + droop * 0.4), (end[0], end[1] + 0.04)]), WHITE, 1.2, 0.85)
    if not is_flying:
        for shift in (0.0, 0.12):
            leg(figure, (shift, 0.27), (shift + 0.05, 0.44), 0.03, (0.50, 0.36, 0.26))
    _body(figure, rng, rufous, grey, belly)
    _head(
        figure.view(head_placement(rng, (0.22, -0.18), looks_back=0.0 if is_flying else 0.15)),
        rng,
        rufous,
        belly,
    )
    if is_flying:
        spread_wing(figure, (0.06, -0.12), beat, 0.74, 0.42, scaled(grey, 1.1), scaled(grey, 0.8), pointed=0.3)
        return Bird(figure, "flying", tilt_deg=rng.uniform(-30, 20))
    folded_wing(figure, WING, scaled(grey, 0.75), mix(grey, WHITE, 0.3), shadow=0.25)
    tilt = rng.uniform(60, 185) if rng.random() < 0.3 else rng.uniform(-50, 35)
    return Bird(figure, "perched", tilt, feet=(0.11, 0.44))


def _body(figure: Figure, rng: np.random.Generator, rufous: Colour, grey: Colour, belly: Colour) -> None:
    body = spline(BODY)
    figure.part(body, belly)
    figure.mark(spline(BACK), grey)
    figure.mark(spline(BAND), rufous)
    plumage(figure, rng, body, mix(rufous, BLACK, 0.35), 0.07, 150)


def _head(head: Figure, rng: np.random.Generator, rufous: Colour, belly: Colour) -> None:
    head.part(ribbon([(0.46, -0.28), (0.53, -0.265), (0.585, -0.24)], [0.10, 0.075, 0.01]), (0.10, 0.10, 0.11))
    white = mix(WHITE, belly, 0.25)
    head.part(spline(HEAD), white)
    head.mark(spline(CAP), rufous)
    head.mark(spline(MASK), BLACK)
    head.mark(oval(0.40, -0.075, 0.10, 0.075, 20), BLACK)
    head.soften()
    eye(head, 0.36, -0.295, 0.042, worn(rng, (0.93, 0.88, 0.55), 0.04))
