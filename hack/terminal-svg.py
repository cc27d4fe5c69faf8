#!/usr/bin/env python3
"""Turns a terminal screen into an SVG picture.

    tmux capture-pane -p -e -t SESSION | hack/terminal-svg.py > docs/canary.svg

Reads text with SGR escape sequences (bold, dim, reverse, 8, 16, 256 and 24-bit colours) on standard input.
"""
import re
import sys
from html import escape

BASE = ["#21252b", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
        "#5c6370", "#ff7b86", "#b5e890", "#ffd787", "#7cc4ff", "#e08cff", "#6fd6e2", "#ffffff"]
FOREGROUND, BACKGROUND = "#d7dae0", "#1b1e24"
CELL, LINE, MARGIN = 8.43, 18, 14


def colour(number):
    if number < 16:
        return BASE[number]
    if number >= 232:
        grey = 8 + (number - 232) * 10
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    number -= 16
    levels = [0, 95, 135, 175, 215, 255]
    return "#%02x%02x%02x" % (levels[number // 36], levels[number // 6 % 6], levels[number % 6])


class Pen:
    def __init__(self):
        self.reset()

    def reset(self):
        self.fore, self.back, self.bold, self.dim, self.reverse = None, None, False, False, False

    def apply(self, codes):
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 7:
                self.reverse = True
            elif code == 22:
                self.bold = self.dim = False
            elif code == 27:
                self.reverse = False
            elif code in (38, 48) and codes:
                kind = codes.pop(0)
                value = colour(codes.pop(0)) if kind == 5 else "#%02x%02x%02x" % tuple(codes.pop(0) for _ in range(3))
                if code == 38:
                    self.fore = value
                else:
                    self.back = value
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.fore = BASE[code - 30 if code < 40 else code - 82]
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.back = BASE[code - 40 if code < 50 else code - 92]
            elif code == 39:
                self.fore = None
            elif code == 49:
                self.back = None

    def style(self):
        fore, back = self.fore or FOREGROUND, self.back
        if self.reverse:
            fore, back = back or BACKGROUND, fore
        return fore, back, self.bold, self.dim


def runs(line, pen):
    """Pieces of a line with one style each, as (column, text, style)."""
    column, pieces = 0, []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        match = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if match:
            pen.apply(match.group(1))
        elif part:
            part = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x0f", "", part)
            pieces.append((column, part, pen.style()))
            column += len(part)
    return pieces, column


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    pen, body, width = Pen(), [], 80
    for row, line in enumerate(lines):
        pieces, length = runs(line, pen)
        width = max(width, length)
        for column, text, (fore, back, bold, dim) in pieces:
            x, y = MARGIN + column * CELL, MARGIN + row * LINE
            if back:
                body.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{len(text) * CELL:.1f}" height="{LINE}" fill="{back}"/>')
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                opacity = ' opacity="0.6"' if dim else ""
                body.append(f'<text x="{x:.1f}" y="{y + 13.5:.1f}" textLength="{len(text) * CELL:.1f}" fill="{fore}"'
                            f'{weight}{opacity}>{escape(text).replace(" ", "&#160;")}</text>')
    size = (2 * MARGIN + width * CELL, 2 * MARGIN + len(lines) * LINE)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]:.0f} {size[1]:.0f}" '
          f'font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">')
    print(f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>')
    print("\n".join(body))
    print("</svg>")


if __name__ == "__main__":
    main()
