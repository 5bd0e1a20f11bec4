"""Sulphur-crested Cockatoo, Cacatua galerita: a big white parrot with a yellow crest it can raise.

Field marks: white plumage, a crest of long yellow feathers that curl forward, a massive hooked dark bill,
grey feet.
"""

from __future__ import annotations

import numpy as np

from .anatomy import eye, folded_wing, leg, plumage, spread_wing, tail
from .bird import Bird, Stance, head_placement, one_of
from .figure import Colour, Figure, mix, scaled
from .outline import Placement, oval, ribbon, spline

# Dusty and stained ones too.
WHITES = ((0.96, 0.96, 0.95), (0.90, 0.88, 0.82), (0.88, 0.84, 0.76), (0.84, 0.85, 0.88))
YELLOWS = ((0.96, 0.84, 0.16), (0.93, 0.88, 0.38), (0.90, 0.72, 0.12))
BILL: Colour = (0.13, 0.13, 0.14)

BODY = (
    (0.04, -0.46), (-0.17, -0.28), (-0.31, 0.0), (-0.34, 0.28), (-0.24, 0.48), (-0.05, 0.54), (0.16, 0.44),
    (0.33, 0.18), (0.39, -0.10), (0.34, -0.34), (0.22, -0.46),
)  # fmt: skip
HEAD = (
    (-0.05, -0.46), (-0.03, -0.64), (0.10, -0.75), (0.25, -0.74), (0.35, -0.64), (0.35, -0.48), (0.28, -0.35),
    (0.12, -0.30),
)  # fmt: skip
UPPER_BILL = (
    (0.29, -0.68), (0.39, -0.685), (0.48, -0.61), (0.515, -0.50), (0.495, -0.38), (0.465, -0.34),
    (0.445, -0.43), (0.39, -0.48), (0.30, -0.48),
)  # fmt: skip
LOWER_BILL = ((0.29, -0.48), (0.37, -0.47), (0.435, -0.42), (0.41, -0.34), (0.34, -0.32), (0.28, -0.38))
WING = (
    (0.20, -0.26), (0.02, -0.31), (-0.20, -0.08), (-0.33, 0.22), (-0.36, 0.68), (-0.20, 0.52), (0.04, 0.28),
    (0.20, 0.02), (0.25, -0.14),
)  # fmt: skip


def cockatoo(rng: np.random.Generator) -> Bird:
    """Upright on a branch or walking on the ground; one in five flies."""
    white, yellow = one_of(rng, WHITES), one_of(rng, YELLOWS)
    grey = mix(white, (0.35, 0.37, 0.42), 0.45)
    raised = float(np.clip(rng.normal(0.75, 0.35), 0.0, 1.0))
    figure = Figure()
    if rng.random() < 0.2:
        return _flying(figure, rng, white, yellow, grey, raised * 0.5)
    _tail(figure, white, yellow, grey)
    for shift in (-0.02, 0.13):
        leg(figure, (shift - 0.04, 0.46), (shift, 0.64), 0.06, (0.33, 0.33, 0.36))
        figure.part(oval(shift - 0.03, 0.49, 0.10, 0.12, 10), white)
    _body(figure, rng, white, grey)
    _head(figure.view(head_placement(rng, (0.14, -0.42), looks_back=0.15)), white, yellow, grey, raised)
    folded_wing(figure, WING, white, grey, feathers=7, shadow=0.22)
    stance: Stance = "standing" if rng.random() < 0.25 else "perched"
    return Bird(figure, stance, tilt_deg=rng.normal(4, 13), face=(0.2, -0.6), feet=(0.06, 0.64))


def _flying(
    figure: Figure, rng: np.random.Generator, white: Colour, yellow: Colour, grey: Colour, raised: float
) -> Bird:
    """The upright body laid flat, the head lifted again to look ahead."""
    beat, span = rng.uniform(-125, -65), rng.uniform(0.95, 1.15)
    washed = mix(white, yellow, 0.3)
    spread_wing(figure, (0.22, -0.10), beat + 22, span, 0.55, mix(white, grey, 0.3), washed, pointed=0.1)
    flat = figure.view(Placement().rotate(72))
    _tail(flat, white, yellow, grey)
    _body(flat, rng, white, grey)
    _head(flat.view(Placement().rotate(-58, about=(0.12, -0.40))), white, yellow, grey, raised)
    spread_wing(figure, (0.18, -0.06), beat, span * 1.05, 0.6, white, mix(white, yellow, 0.12), pointed=0.1)
    return Bird(figure, "flying", tilt_deg=rng.uniform(-20, 20))


def _tail(figure: Figure, white: Colour, yellow: Colour, grey: Colour) -> None:
    tail(
        figure,
        [(-0.18, 0.40), (-0.28, 0.66), (-0.34, 0.92)],
        (0.24, 0.24, 0.27),
        mix(white, yellow, 0.15),
        grey,
    )


def _body(figure: Figure, rng: np.random.Generator, white: Colour, grey: Colour) -> None:
    body = spline(BODY)
    figure.part(body, white)
    plumage(figure, rng, body, grey, 0.09, 110)


def _head(head: Figure, white: Colour, yellow: Colour, grey: Colour, raised: float) -> None:
    _crest(head, yellow, raised)
    head.part(spline(LOWER_BILL), scaled(BILL, 0.8))
    head.part(spline(UPPER_BILL), BILL)
    head.strokes(spline([(0.36, -0.665), (0.45, -0.60), (0.49, -0.50)], is_closed=False), (0.45, 0.46, 0.5), 1.4, 0.6)
    head.part(spline(HEAD), white)
    head.mark(oval(0.13, -0.50, 0.075, 0.055), mix(white, yellow, 0.6), 0.7)
    head.mark(spline([(0.32, -0.36), (0.22, -0.30), (0.08, -0.30), (0.10, -0.33), (0.24, -0.36)]), grey, 0.5)
    head.soften()
    eye(head, 0.245, -0.585, 0.034, (0.10, 0.06, 0.05), mix(white, grey, 0.5))


def _crest(head: Figure, yellow: Colour, raised: float) -> None:
    """Six feathers from the crown: flat they trail behind the head, raised they fan out and curl forward."""
    for feather in range(6):
        share = feather / 5  # 0 is the hindmost
        base = (0.02 + 0.23 * share, -0.66 - 0.07 * share)
        angle = np.deg2rad((196 - 12 * share) * (1 - raised) + (148 - 74 * share) * raised)
        length = 0.34 + 0.10 * np.sin(np.pi * (0.25 + 0.6 * share))
        out = np.array([np.cos(angle), -np.sin(angle)])
        curl = np.array([-out[1], out[0]]) * (0.10 + 0.05 * raised) * (1 if out[0] < 0.9 else 0.5)
        middle, tip = np.array(base) + out * length * 0.6, np.array(base) + out * length + curl
        colour = scaled(yellow, 0.86 + 0.14 * (feather % 2))
        head.part(ribbon([base, tuple(middle), tuple(tip)], [0.07, 0.085, 0.015]), colour)
        head.strokes(spline([base, middle, tip], is_closed=False), scaled(yellow, 0.75), 1.0, 0.6)
