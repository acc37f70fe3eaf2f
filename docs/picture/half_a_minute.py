#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes docs/half-a-minute.svg: a service, its script in an editor and a client, as three terminals show them.

./dev picture runs it: half_a_minute.py PROGRAM PICTURE
"""
import os
import shutil
import sys
import tempfile

from draw import Picture
from terminal import Recorder

SCRIPT = """\
local moonport = require "moonport"
local server = moonport.TcpServer()

function server.connection:readyRead()
  self:write(self:readAll())
end

assert(server:listen("127.0.0.1", 7000))
"""
SIZES = {"editor": (43, 17), "service": (62, 6), "client": (62, 8)}


def play(folder):
    recorder = Recorder(SIZES, folder)
    try:
        recorder.keys("editor", "nano --rcfile nanorc --nohelp echo.lua; clear", "Enter")
        recorder.wait("editor", "serverx?:listen")
        for name in ("service", "client"):
            recorder.wait(name, r"\$")
        recorder.start()
        recorder.pause(0.6)

        recorder.caption = "Start a service. It watches its script."
        recorder.type("service", "moonport --watch echo.lua")
        recorder.keys("service", "Enter")
        recorder.pause(1)

        recorder.caption = "Connect. The service sends back what it gets."
        recorder.type("client", "nc 127.0.0.1 7000")
        recorder.keys("client", "Enter", pause=0.5)
        recorder.type("client", "hello")
        recorder.keys("client", "Enter")
        recorder.wait("client", r"hello\nhello\n")
        recorder.pause(1.5)

        recorder.caption = "Change the script, and save it."
        recorder.keys("editor", "Down", "Down", "Down", "Down", "End", "Left", pause=0.15)
        recorder.type("editor", ":upper()")
        recorder.pause(0.5)
        recorder.keys("editor", "C-s", pause=0.05)
        recorder.wait("service", "generation 2")
        recorder.pause(2)

        recorder.caption = "The new code runs. The connection is still there."
        recorder.type("client", "hello")
        recorder.keys("client", "Enter")
        recorder.wait("client", r"HELLO\n")
        recorder.pause(2)

        recorder.caption = "A mistake changes nothing. The log names the line."
        recorder.type("editor", ")")
        recorder.pause(0.5)
        recorder.keys("editor", "C-s", pause=0.05)
        recorder.wait("service", "echo.lua:5")
        recorder.pause(2.5)
        recorder.type("client", "bye")
        recorder.keys("client", "Enter")
        recorder.wait("client", r"BYE\n")
        recorder.pause(0.3)
        return list(recorder.frames)
    finally:
        recorder.keys("service", "C-c", pause=0.5)  # the end of its terminal, SIGHUP, would have it reload
        recorder.close()


def main():
    program, picture = os.path.abspath(sys.argv[1]), sys.argv[2]
    folder = tempfile.mkdtemp(prefix="moonport-picture.")
    try:
        os.mkdir(folder + "/bin")
        os.symlink(program, folder + "/bin/moonport")
        for name, text in {
            "echo.lua": SCRIPT,
            "nanorc": 'include "/usr/share/nano/lua.nanorc"\n',
            "bashrc": "PS1='$ ' PATH=%s/bin:$PATH\n" % folder,
        }.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        frames = play(folder)
    finally:
        shutil.rmtree(folder)
    panes = {
        "editor": ("echo.lua, in an editor", 0, 0, *SIZES["editor"]),
        "service": ("the service", 365, 0, *SIZES["service"]),
        "client": ("a client", 365, 151, *SIZES["client"]),
    }
    drawn = Picture(panes, frames, hold=6)
    with open(picture, "w") as file:
        file.write(drawn.svg("A service in Lua whose script is changed while a client is connected"))


main()
