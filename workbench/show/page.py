"""A report as one HTML file that needs nothing else."""

from collections.abc import Iterable
from string import Template

from workbench.show.escape import escape
from workbench.show.picture import Panel, Picture

# nothing is fetched and no script runs, whatever a conversation says
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2933; --quiet: #5b6470 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15191e; --ink: #e4e8ec; --quiet: #a3acb6 }
}
body { margin: 2.5rem auto; padding: 0 1.25rem; max-width: 70rem; background: var(--paper);
  color: var(--ink); font: 16px/1.6 Helvetica, Arial, sans-serif }
h1 { font-size: 1.9rem; line-height: 1.2 } h2 { margin-top: 2.4rem; font-size: 1.35rem }
h3 { margin-top: 1.8rem; font-size: 1.1rem }
p, li { max-width: 44rem }
h1, h2, h3, p, li, summary { overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
figure { margin: 1.4rem 0; overflow-x: auto }
figure > svg { max-width: 100%; height: auto; border-radius: 6px }
@media print {
  :root { --paper: #ffffff; --ink: #000000 }
  body { margin: 0; max-width: none; font-size: 11pt }
  figure, tr { break-inside: avoid } h2, h3 { break-after: avoid }
}
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def page(title: str, parts: Iterable[Picture | Panel | str]) -> str:
    """A self-contained page from pictures, panels and paragraphs.

    Strings are plain text: a blank line starts a new paragraph, "## " a heading, "### " a smaller
    one, and lines with "- " are a list.
    """
    return _PAGE.substitute(title=escape(title), body="\n".join(map(_write_part, parts)))


def _write_part(part: Picture | Panel | str) -> str:
    if isinstance(part, Picture):
        return f"<figure>{part.inline}</figure>"
    if isinstance(part, Panel):
        return f"<figure>{part.html}</figure>"
    return "\n".join(_write_block(block.strip()) for block in part.split("\n\n") if block.strip())


def _write_block(block: str) -> str:
    for mark, tag in (("### ", "h3"), ("## ", "h2")):
        if block.startswith(mark):
            return f"<{tag}>{escape(block.removeprefix(mark))}</{tag}>"
    lines = block.split("\n")
    if all(line.startswith("- ") for line in lines):
        return f"<ul>{''.join(f'<li>{escape(line[2:])}</li>' for line in lines)}</ul>"
    return f"<p>{escape(block)}</p>"
