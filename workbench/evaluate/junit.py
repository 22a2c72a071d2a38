"""Checks as JUnit XML, which CI systems show test by test."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from workbench.evaluate.checks import Check


def write_junit(checks: Sequence[Check], name: str, at: str = "") -> bytes:
    """A document with one suite and a test case for each check.

    `name` is that of the suite, e.g. "gate of travel_booking/demo", `at` a time such as
    "2026-11-27T09:00:00".
    """
    failed = sum(not check.is_passed for check in checks)
    counts = {"tests": str(len(checks)), "failures": str(failed), "errors": "0"}
    suites = ET.Element("testsuites", {"name": _clean(name)} | counts)
    attributes = {"name": _clean(name)} | counts | {"skipped": "0", "time": "0"}
    suite = ET.SubElement(suites, "testsuite", attributes | ({"timestamp": at} if at else {}))
    for check in checks:
        named = {"classname": f"gate.{check.group}", "name": _clean(check.name), "time": "0"}
        case = ET.SubElement(suite, "testcase", named)
        said = f"wanted: {check.wanted}; found: {check.found}; n: {check.n}"
        if check.is_passed:
            ET.SubElement(case, "system-out").text = _clean(said)
        else:
            failure = ET.SubElement(case, "failure", {"message": _clean(check.why)})
            failure.text = _clean(said)
    ET.indent(suites)
    return ET.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def _clean(text: str) -> str:
    """The text without what XML cannot hold, whatever a model has said."""
    return "".join(sign if _is_allowed(ord(sign)) else "\ufffd" for sign in text)


def _is_allowed(point: int) -> bool:
    return (
        point in (0x9, 0xA, 0xD)
        or 0x20 <= point <= 0xD7FF
        or 0xE000 <= point <= 0xFFFD
        or (0x10000 <= point <= 0x10FFFF)
    )
