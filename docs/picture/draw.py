# SPDX-License-Identifier: MIT
"""Draws a recording of terminals as an SVG that moves by CSS alone.

Where nothing moves it shows the last frame. Every stretch of text has its own place in the grid of cells, so the
picture doesn't depend on the viewer's font.
"""
from xml.sax.saxutils import escape

CELL, LINE = 7.8, 17  # the width of a character, the height of a row
PAD, TITLE, FOOT = 10, 24, 30

LIGHT = {
    "paper": "#ffffff", "edge": "#d0d7de", "bar": "#f6f8fa", "ink": "#1f2328", "dim": "#59636e", "mark": "#0969da",
    "red": "#cf222e", "green": "#116329", "yellow": "#7d4e00", "blue": "#0550ae", "magenta": "#8250df",
    "cyan": "#1b7c83",
}
DARK = {
    "paper": "#0d1117", "edge": "#3d444d", "bar": "#151b23", "ink": "#f0f6fc", "dim": "#9198a1", "mark": "#58a6ff",
    "red": "#ff7b72", "green": "#7ee787", "yellow": "#d29922", "blue": "#79c0ff", "magenta": "#d2a8ff",
    "cyan": "#56d4dd",
}
COLOURS = """text, .caption, .back { fill: %(ink)s }
.pane { fill: %(paper)s; stroke: %(edge)s }
.bar { fill: %(bar)s }
.title { fill: %(dim)s }
.reverse { fill: %(paper)s }
.cursor { fill: %(mark)s }
.red { fill: %(red)s }
.green { fill: %(green)s }
.yellow { fill: %(yellow)s }
.blue { fill: %(blue)s }
.magenta { fill: %(magenta)s }
.cyan { fill: %(cyan)s }
"""  # not by variables of CSS, which only browsers know
STYLE = (
    """text {
  font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
  white-space: pre;
}
.caption { font: 600 15px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif }
.bold { font-weight: 600 }
.cursor { opacity: .55 }
.past { visibility: hidden }
"""
    + COLOURS % LIGHT
    + "@media (prefers-color-scheme: dark) {\n" + COLOURS % DARK + "}\n"
    + "@media (prefers-reduced-motion: reduce) { * { animation: none !important } }\n"
)


def runs(row):
    """The stretches of one style in a row, as (column, text, style), without blanks that nothing colours."""
    found = []
    for column, (character, style) in enumerate(row):
        if found and found[-1][2] == style:
            found[-1][1] += character
        else:
            found.append([column, character, style])
    return [tuple(run) for run in found if run[1].strip() or "reverse" in run[2]]


class Picture:
    """panes: {name: (title, x, y, columns, rows)}, x and y in pixels. The last frame stays for `hold` seconds."""

    def __init__(self, panes, frames, hold):
        self.panes, self.frames = panes, frames
        self.length = frames[-1][0] + hold
        self.spans, self.body = {}, []
        boxes = [self.box(name) for name in panes]
        self.width = max(x + width for x, _, width, _ in boxes) + 1
        self.height = max(y + height for _, y, _, height in boxes) + FOOT + 1

    def box(self, name):
        _, x, y, columns, rows = self.panes[name]
        return x, y, columns * CELL + 2 * PAD, rows * LINE + TITLE + 1.5 * PAD

    def place(self, name, column, row):
        _, x, y, _, _ = self.panes[name]
        return x + PAD + column * CELL, y + TITLE + PAD / 2 + row * LINE

    def moment(self, index):
        return "%.2f%%" % (100 * self.frames[index][0] / self.length)

    def animation(self, name, steps):
        return "@keyframes %s { %s }\n.%s { animation: %s %.2fs step-end 3 }\n" % (
            name, steps, name, name, self.length)

    def span(self, first, end):
        """The classes of what is seen from frame `first` until frame `end`; the last one if that is None."""
        if first == 0 and end is None:
            return []
        name = self.spans.setdefault((first, end), "s%d" % len(self.spans))
        return [name] if end is None else [name, "past"]

    def put(self, kind, classes, attributes, text=None):
        start = kind + (' class="%s" ' % " ".join(classes) if classes else " ") + attributes
        self.body.append("<%s/>" % start if text is None else "<%s>%s</%s>" % (start, escape(text), kind))

    def stretch(self, name, row, run, first, end):
        column, text, style = run
        x, y = self.place(name, column, row)
        seen = self.span(first, end)
        if "reverse" in style:
            size = 'width="%.1f" height="%d"' % (len(text) * CELL, LINE)
            self.put("rect", ["back"] + seen, 'x="%.1f" y="%.1f" %s' % (x, y, size))
            style = {"reverse"}
        if text.strip():
            x += CELL * (len(text) - len(text.lstrip()))
            text = text.strip()
            where = 'x="%.1f" y="%.1f"' % (x, y + LINE - 4)
            if len(text) > 1:
                where += ' textLength="%.1f" lengthAdjust="spacingAndGlyphs"' % (len(text) * CELL)
            self.put("text", sorted(style - {"black", "white"}) + seen, where, text)

    def row(self, name, row):
        """A row over time: each stretch from the frame that brings it until the frame that takes it away."""
        shown = {}  # what is there now -> its parts, each with the frame that brought it
        for index, frame in enumerate(self.frames):
            before, shown = shown, {}
            for run in runs(frame[1][name]["rows"][row]):
                column, text, style = run
                parts = before.pop(run, None)
                # A line that is typed keeps what it has: only what is new comes then.
                for old in [] if parts or "reverse" in style else before:
                    if old[0] == column and old[2] == style and text.startswith(old[1]):
                        new = (column + len(old[1]), text[len(old[1]):], style)
                        parts = before.pop(old) + [(new, index)]
                        break
                shown[run] = parts or [(run, index)]
            self.stretches(name, row, before, index)
        self.stretches(name, row, shown, None)

    def stretches(self, name, row, shown, end):
        for parts in shown.values():
            for part, first in parts:
                self.stretch(name, row, part, first, end)

    def cursor(self):
        """Draws the cursor of the terminal that is typed into. -> its animation"""
        steps, last = [], None
        for index, (_, screens, active, _) in enumerate(self.frames):
            if active:
                x, y = screens[active]["cursor"]
                place = "translate(%.1fpx, %.1fpx)" % self.place(active, min(x, self.panes[active][3] - 1), y)
                if place != last:
                    steps.append("%s { transform: %s }" % (self.moment(index), place))
                    last = place
        self.put("rect", ["cursor"], 'width="%.1f" height="%d" style="transform: %s"' % (CELL, LINE, last))
        return self.animation("cursor", " ".join(steps))

    def captions(self):
        first = 0
        where = 'x="%.1f" y="%.1f" text-anchor="middle"' % (self.width / 2, self.height - 9)
        for index in range(1, len(self.frames) + 1):
            end = index if index < len(self.frames) else None
            if end is None or self.frames[index][3] != self.frames[first][3]:
                self.put("text", ["caption"] + self.span(first, end), where, self.frames[first][3])
                first = index

    def pane(self, name):
        x, y, width, height = self.box(name)
        size = 'width="%.1f" height="%.1f" rx="6"' % (width, height)
        self.put("rect", ["pane"], 'x="%.1f" y="%.1f" %s' % (x + .5, y + .5, size))
        bar = "M%.1f %.1fv-18a5 5 0 0 1 5 -5h%.1fa5 5 0 0 1 5 5v18z" % (x + 1, y + TITLE, width - 11)
        self.put("path", ["bar"], 'd="%s"' % bar)
        self.put("text", ["title"], 'x="%.1f" y="%.1f"' % (x + PAD, y + 17), self.panes[name][0])
        for row in range(self.panes[name][4]):
            self.row(name, row)

    def svg(self, title):
        for name in self.panes:
            self.pane(name)
        moves = self.cursor()
        self.captions()
        for (first, end), name in self.spans.items():
            steps = "0% { visibility: hidden } " if first else ""
            steps += "%s { visibility: visible }" % self.moment(first)
            if end is not None:
                steps += " %s { visibility: hidden }" % self.moment(end)
            moves += self.animation(name, steps)
        size = (self.width, self.height)
        return "\n".join([
            '<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" role="img"',
            '  viewBox="0 0 %d %d" width="%d" height="%d">' % (size + size),
            "<title>%s</title>" % escape(title),
            "<style>", moves + STYLE + "</style>",
            *self.body,
            "</svg>", "",
        ])
