"""Colours of the charts, by name, in the light scheme; ``DARK`` has their counterparts for the dark scheme.

Told apart with the common kinds of colour blindness (after Okabe and Ito, darkened on white and lightened on
black so that thin lines keep a contrast of 3 : 1 or more). From the seventh line on, dashes tell them apart.
"""

from __future__ import annotations

BLUE = "#0067b1"
VERMILLION = "#c94f00"
GREEN = "#00795b"
PURPLE = "#9a4c9e"
OCHRE = "#9a7200"
GREY = "#5b6470"

INK = "#1c2024"
MUTED = "#59616b"
GRID = "#e3e6ea"
AXIS = "#aab1ba"
BAND = "#6b7787"
SPIKE_BAND = "#e08a00"

CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, OCHRE, GREY)
DASHES = ("solid", "dashed", "dotted", "dotdash")

DARK = {
    BLUE: "#5bb0f0",
    VERMILLION: "#ff9350",
    GREEN: "#35c79a",
    PURPLE: "#df9be0",
    OCHRE: "#e6c44d",
    GREY: "#aeb7c2",
    INK: "#e8eaed",
    MUTED: "#a7afb9",
    GRID: "#30363d",
    AXIS: "#5a636e",
    BAND: "#8b97a7",
    SPIKE_BAND: "#ffb340",
}


def nth(index: int) -> tuple[str, str]:
    """Colour and dash of the n-th line of a chart that has any number of lines."""
    return CYCLE[index % len(CYCLE)], DASHES[index // len(CYCLE) % len(DASHES)]
