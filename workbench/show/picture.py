"""What a notebook, a report and a log can all show."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

from workbench.show.escape import clip, escape, reveal

MOST_ALT = 1_200
"""Letters that are read out of a picture at most."""

# a trusted page runs the script and gets searchable SVG with tooltips; any other keeps the image
_IMAGE = Template(
    '<img data-picture="$key" alt="$alt" style="max-width:100%;height:auto" '
    'src="data:image/svg+xml;base64,$data"><script>'
    "document.querySelectorAll('img[data-picture=\"$key\"]').forEach(function (image) {"
    "var bytes = Uint8Array.from(atob(image.src.split(',')[1]), function (c) {"
    "return c.charCodeAt(0)});"
    "var drawn = new DOMParser().parseFromString("
    "new TextDecoder().decode(bytes), 'image/svg+xml').documentElement;"
    "if (drawn.nodeName !== 'svg') return;"
    "drawn.style.maxWidth = '100%'; drawn.style.height = 'auto';"
    "drawn.setAttribute('role', 'img'); drawn.setAttribute('aria-label', image.alt);"
    "image.replaceWith(document.importNode(drawn, true))})</script>"
)


def make_bundle(html: str, text: object) -> dict[str, str]:
    """HTML and the same in plain text, as a notebook takes them: what stands there is no formula.

    JupyterLab reads what stands between two dollars as one, and so do its exports, unless a class
    says not to: that of MathJax 3 or of MathJax 2.
    """
    whole = f'<div class="mathjax_ignore tex2jax_ignore">{html}</div>'
    return {"text/html": whole, "text/plain": str(text)}


@dataclass(frozen=True)
class Panel:
    """A piece of HTML with styles of its own, and the same in plain text."""

    html: str
    """Safe to embed: whoever makes a panel escapes what goes in."""

    text: str
    """For logs and terminals."""

    markdown: str = ""
    """For a report in Markdown. Empty: the plain text, as a code block."""

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return make_bundle(self.html, self)

    def __str__(self) -> str:
        return reveal(self.text)

    __repr__ = __str__


@dataclass(frozen=True)
class Picture:
    """A drawing that shows wherever its notebook goes: live, reopened, exported, without `dot`."""

    svg: str
    """One `<svg>` element, all text in it escaped."""

    text: str
    """What the drawing says, in words and numbers; its first line is its title."""

    @property
    def alt(self) -> str:
        """What it says on one line, values included. Example: "Letters; 1 a; 2 b" """
        return clip("; ".join(str(self).split("\n")), MOST_ALT)

    @property
    def html(self) -> str:
        """An image; a script that turns it into a drawing with tooltips, where scripts run."""
        data = self.svg.encode()
        return _IMAGE.substitute(
            key=hashlib.sha256(data).hexdigest()[:16],
            alt=escape(self.alt),
            data=base64.b64encode(data).decode(),
        )

    @property
    def inline(self) -> str:
        """The drawing itself, with its text for who does not see it, no wider than its page."""
        look = f'<svg role="img" aria-label="{escape(self.alt)}" style="max-width:100%;height:auto"'
        return self.svg.replace("<svg", look, 1)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return make_bundle(self.html, self)

    def as_image(self, alt: str, max_height: int = 460) -> str:
        """HTML of the drawing for a widget, where no script runs; `max_height` is in pixels."""
        data = base64.b64encode(self.svg.encode()).decode()
        return (
            f'<img alt="{escape(alt)}" style="max-width:100%;max-height:{max_height}px" '
            f'src="data:image/svg+xml;base64,{data}">'
        )

    def __str__(self) -> str:
        return reveal(self.text)

    __repr__ = __str__

    def save(self, file: Path | str) -> Path:
        """Write the drawing as an SVG file and return where it is.

        Raises:
            ValueError: the name does not end in .svg.
        """
        file = Path(file)
        if file.suffix != ".svg":
            raise ValueError(f'{file}: a picture is saved as SVG; end the name in ".svg"')
        file.write_text(self.svg, encoding="utf-8")
        return file
