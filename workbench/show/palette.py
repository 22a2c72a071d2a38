"""The colours of a flowchart; told apart by shape and lightness too, not by hue alone."""

# fill, border, writing
AGENT = ("#E6F0FA", "#2C6AA6", "#14304D")
HUB = ("#1F5A94", "#123B63", "#FFFFFF")
CUSTOMER = ("#FFF3D9", "#D29A2E", "#4A3508")
GROUP = ("#EEF1F4", "#66717E", "#1F2933")

ENDS = ("#6B7280", "#7A4B9E", "#8A4B1F", "#44546A")
SUCCESS = "#0B7A5B"
HEAT = ("#F9C9A3", "#F09A66", "#C44E36", "#9E1B32")
OFTEN = ("#B4BDC8", "#8494A6", "#4A7BAA", "#1F5A94", "#0B2E52")
"""From never to most often."""
INK, QUIET, NEVER, FRAME = "#1F2933", "#66717E", "#C8102E", "#C9D1D9"


def write_in(color: str) -> str:
    """CSS for writing in a colour on the page's own ground, which may be light or dark."""
    # the page's own writing makes it darker or lighter; what cannot mix takes the first
    return f"color:{color};color:color-mix(in srgb,{color} 65%,currentColor)"
