"""The style sheet of a report."""

from __future__ import annotations

import re

from distilbert.training.report_html import style_sheet

STYLE = style_sheet()


def test_braces_match() -> None:
    assert STYLE.count("{") == STYLE.count("}")


def test_dark_screens_and_paper_have_colors_of_their_own() -> None:
    assert "@media (prefers-color-scheme: dark)" in STYLE
    assert "@media print" in STYLE


def test_every_color_that_is_used_is_defined() -> None:
    used = set(re.findall(r"var\((--\w+)\)", STYLE)) - {"--share"}  # set by the cell itself
    assert used <= set(re.findall(r"(--\w+):", STYLE))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_can_be_read_in_light_and_dark() -> None:
    """At least 4.5 to 1, as WCAG 2.1 asks for (AA)."""
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)")
    for part in (light, dark.split("@media print")[0]):
        colors = dict(re.findall(r"(--\w+): (#[0-9a-f]{6})\b", part))
        for ink in ("--ink", "--soft", "--accent"):
            for ground in ("--paper", "--card"):
                assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground)
