"""The first room: which paths a flowchart has, and which of them were taken."""
