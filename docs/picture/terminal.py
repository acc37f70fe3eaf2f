# SPDX-License-Identifier: MIT
"""Real terminals, run by a tmux server of its own, and a recording of what they show.

A recording is a list of frames: (seconds, {terminal name: screen}, name of the terminal that is typed into, caption).
A screen has the rows of the terminal, each a list of cells (character, style), and the place of the cursor. A style is
a set of words: bold, reverse, and one of COLOURS.
"""
import os
import re
import subprocess
import time

COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]


def cells(line, width):
    """A line of `tmux capture-pane -e` as cells."""
    row, style = [], set()
    for escape, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b])", line):
        if text:
            row.append((text, frozenset(style)))
            continue
        for code in (int(one or 0) for one in escape.split(";")):
            if code == 0:
                style.clear()
            elif code == 1:
                style.add("bold")
            elif code == 7:
                style.add("reverse")
            elif code == 27:
                style.discard("reverse")
            elif 30 <= code <= 37 or 90 <= code <= 97 or code == 39:
                style -= set(COLOURS)
                if code != 39:
                    style.add(COLOURS[code % 10])
            elif code == 22:
                style.discard("bold")
    return (row + [(" ", frozenset())] * width)[:width]


class Recorder:
    """Terminals of given sizes, {name: (columns, rows)}, whose shells start in `folder` with the file `bashrc` there."""

    def __init__(self, sizes, folder):
        self.sizes, self.frames, self.began, self.active, self.caption = sizes, [], None, None, ""
        self.socket = "moonport-picture-%d" % os.getpid()
        for name, (columns, rows) in sizes.items():
            size = ("-x", str(columns), "-y", str(rows))
            self.tmux("new-session", "-d", "-s", name, *size, "-c", folder,
                      "LC_ALL=C.UTF-8 bash --rcfile %s/bashrc" % folder)
            self.tmux("set-option", "-t", name, "status", "off")

    def tmux(self, *arguments):
        command = ["tmux", "-L", self.socket, "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout

    def close(self):
        self.tmux("kill-server")

    def screen(self, name):
        columns, rows = self.sizes[name]
        lines = self.tmux("capture-pane", "-p", "-e", "-N", "-t", name).split("\n")[:rows]
        x, y = self.tmux("display-message", "-p", "-t", name, "#{cursor_x} #{cursor_y}").split()
        return {"rows": [cells(line, columns) for line in lines], "cursor": (int(x), int(y))}

    def text(self, name):
        return "\n".join("".join(c for c, _ in row).rstrip() for row in self.screen(name)["rows"])

    def start(self):
        """The clock runs from here on; what was typed before isn't seen."""
        self.began = time.monotonic()
        self.frame()

    def frame(self):
        if self.began is not None:
            screens = {name: self.screen(name) for name in self.sizes}
            self.frames.append((time.monotonic() - self.began, screens, self.active, self.caption))

    def pause(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(0.1, max(0, until - time.monotonic())))
            self.frame()

    def keys(self, name, *keys, pause=0.09):
        """Presses keys, by tmux's names, as a hand would."""
        self.active = name
        for key in keys:
            self.tmux("send-keys", "-t", name, key)
            self.pause(pause)

    def type(self, name, text):
        self.active = name
        for character in text:
            self.tmux("send-keys", "-t", name, "-l", character)
            self.pause(0.07)

    def wait(self, name, pattern, seconds=5):
        """Until the terminal shows it."""
        until = time.monotonic() + seconds
        while not re.search(pattern, self.text(name)):
            if time.monotonic() > until:
                shown = (name, pattern, seconds, self.text(name))
                raise SystemExit("%s doesn't show %r within %d s, but:\n%s" % shown)
            time.sleep(0.02)
        self.frame()
