#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The long run of hot reload; not part of the test run.

    spec/host/reload_stress.py [--program build/moonport] [--connections 200] [--reloads 5000] [--every 50]
                               [--trigger hup|watch] [--idle 0] [--collector]

Connections echo numbered lines, and new ones come all the time, while the script is replaced, one version in three broken.
Each byte must arrive once and in order, no connection may be refused or reset, and the generation that an answer names may
not go backwards. A third each is served by the prototype, by closures that connectionResumed sets anew, and by a handler
that waits until it is stale. Pauses are measured in the host, by a timer of 1 ms: in time, which has the machine's other
work in it, and in the host's own processor time. The exit status is 1 if anything was not as it must be.
Longer than 400 lines: the load, its clients and its judge stand in one program.
"""
import argparse
import os
import random
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SCRIPT = r"""
local moonport = require "moonport"
local words = require "words"
@BEFORE@
local server = moonport.TcpServer()
local generation = moonport.generation()
local shared = moonport.persist("shared", { gap = 0, busy = 0, resumed = 0 })
local ballast = {}
for i = 1, 200 do ballast[i] = { generation, tostring(i) } end

local function answer(socket, line)
  socket:write(words.answer(generation, line))
end

local function serve(socket)
  function socket:readyRead()
    while self:canReadLine() do answer(self, self:readLine()) end
  end
end

local function probe()
  local timer = moonport.Timer()
  local last, busy = moonport.now(), os.clock()
  function timer:timeout()
    local now, cpu = moonport.now(), os.clock()
    shared.gap = math.max(shared.gap, now - last)
    shared.busy = math.max(shared.busy, (cpu - busy) * 1000)
    last, busy = now, cpu
  end
  timer:start(1)
end

local function stats()
  local all = moonport.stats()
  local reload = all.reload
  local answer = ("%d %d %d %.2f %.2f %d %d %s\n"):format(reload.count, reload.failures, all.memory, shared.gap,
    shared.busy, shared.resumed, all.handlerErrors, (reload.lastError or ""):gsub("\n.*", ""))
  shared.gap, shared.busy = 0, 0
  return answer
end

local kinds = {}

function kinds:closures()
  self.kind = "closures"
  serve(self)
end

function kinds:waits()
  self.kind = "waits"
end

function kinds:probe()
  probe()
  self:write "probing\n"
end

function kinds:stats()
  self:write(stats())
end

function kinds:collect()
  collectgarbage()
  collectgarbage()
  self:write(stats())
end

function kinds:quit()
  moonport.quit()
end

function server.connection:readyRead()
  if self.kind == "waits" then
    local line, _, code, partial
    repeat
      line, _, code, partial = self:receive("line", 20)
      self.partial = (self.partial or "") .. (line or partial or "")
      if line then
        answer(self, self.partial .. "\n")
        self.partial = nil
      end
    until moonport.stale() or (code and code ~= "SocketTimeoutError")
    return
  end
  while self:canReadLine() do
    local line = self:readLine()
    local kind = kinds[line:match "%a+"]
    if kind then kind(self) else answer(self, line) end
    if self.kind == "closures" or self.kind == "waits" then return self:readyRead() end -- what came with the line
  end
end

function server:newConnection()
  local connection = self:nextPendingConnection()
  connection:write("hello " .. generation .. "\n")
end

function server:connectionResumed(connection)
  shared.resumed = shared.resumed + 1
  if connection.kind == "closures" then serve(connection) end
end

local tick = moonport.Timer()
function tick:timeout() ballast.ticks = (ballast.ticks or 0) + 1 end
tick:start(10)
moonport.spawn(function() while true do moonport.sleep(10) end end)
assert(server:listen("127.0.0.1", @PORT@))
@AFTER@
"""

WORDS = "return { answer = function(generation, line) return generation .. ' ' .. line end } -- %d\n"


class Failures(list):
    def note(self, text):
        self.append(text)
        print("FAILED:", text, flush=True)


def lines_of(connection, data):
    connection.unread += data
    *lines, connection.unread = connection.unread.split(b"\n")
    return lines


class Echo:
    """One connection: sends a numbered line, in pieces, and checks what comes back."""

    def __init__(self, run, kind=None, rounds=0):
        self.run, self.kind, self.rounds = run, kind, rounds
        self.unread, self.number, self.generation, self.expected = b"", 0, 0, []
        self.rest, self.sent_at, self.due = b"", 0.0, 0.0
        self.socket = socket.create_connection(("127.0.0.1", run.port), timeout=10)
        self.socket.setblocking(False)
        run.selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self):
        self.run.selector.unregister(self.socket)
        self.socket.close()

    def failed(self, text):
        self.run.failures.note("connection (%s, line %d): %s" % (self.kind, self.number, text))
        self.close()
        self.run.gone(self)

    def send(self, now):
        self.number += 1
        text = b"%d:%d:%s\n" % (id(self), self.number, b"x" * random.choice((1, 20, 300, 3000)))
        self.expected.append(text[:-1])
        cut = random.randrange(len(text))
        self.sent_at = now
        try:
            self.socket.send(text[:cut])
            self.rest = text[cut:]
        except OSError as error:
            self.failed(str(error))

    def turn(self, now):
        if self.rest:
            rest, self.rest = self.rest, b""
            try:
                self.socket.send(rest)
            except OSError as error:
                self.failed(str(error))
        elif not self.expected and self.generation and now >= self.due:
            self.send(now)
        elif self.expected and now - self.sent_at > 10:
            self.failed("no answer within 10 s")

    def readable(self, now):
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            return self.failed(str(error))
        if not data:
            return self.failed("closed by the host")
        for line in lines_of(self, data):
            first, _, rest = line.partition(b" ")
            if first == b"hello":
                if self.generation:
                    return self.failed("greeted twice")
                generation = int(rest)
                if self.kind:
                    self.socket.send(self.kind.encode() + b"\n")
            else:
                generation = int(first)
                if not self.expected or rest != self.expected.pop(0):
                    return self.failed("not what was sent: %r" % line[:60])
                self.run.answers += 1
                self.run.slowest = max(self.run.slowest, now - self.sent_at)
                self.due = now + self.run.pace
                self.rounds -= 1
            if generation < self.generation:
                return self.failed("generation %d after %d" % (generation, self.generation))
            self.generation = generation
        if self.rounds == 0 and not self.expected and self.number and not self.kind:
            self.close()
            self.run.gone(self)


class Run:
    def __init__(self, options):
        self.options = options
        self.failures, self.selector = Failures(), selectors.DefaultSelector()
        self.folder = tempfile.mkdtemp(prefix="reload-stress-")
        self.script = os.path.join(self.folder, "service.lua")
        self.connections, self.visitors, self.opened, self.answers, self.slowest = set(), set(), 0, 0, 0.0
        self.pace = options.pace / 1000
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.taken = socket.create_server(("127.0.0.1", 0))
        self.version = 0
        self.planned = {"good": 0, "broken": 0}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def replace(self, broken):
        self.version += 1
        breaks = [
            ("", "local = 1"),
            ("", "local nothing = nil; nothing.field = 1"),
            ("error 'before listen'", ""),
            ("", "assert(moonport.TcpServer():listen('127.0.0.1', %d))" % self.taken.getsockname()[1]),
            ("require 'vanished'", ""),
            ("", "moonport.sleep(1e9)"),
            ("", "while true do end"),
            ("error(setmetatable({}, { __tostring = function() error 'twice' end }))", ""),
        ]
        before, after = random.choice(breaks) if broken else ("", "")
        collector = "collectgarbage('incremental', 1, 1000, 100)" if self.options.collector else ""
        if self.version % 5 == 0:
            self.write("words.lua", WORDS % self.version)
        text = SCRIPT.replace("@BEFORE@", collector + before).replace("@AFTER@", after)
        self.write("service.lua", text.replace("@PORT@", str(self.port)) + "-- %d\n" % self.version)
        self.planned["broken" if broken else "good"] += 1
        if self.options.trigger == "hup" and self.version > 1:
            self.program.send_signal(signal.SIGHUP)

    def gone(self, connection):
        self.connections.discard(connection)
        self.visitors.discard(connection)

    def ask(self, what):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as asking:
            stream = asking.makefile("rw", newline="\n")
            stream.readline()
            stream.write(what + "\n")
            stream.flush()
            answer = stream.readline()
            if what == "probe":
                self.probing = os.dup(asking.fileno())
            return answer

    def statistics(self, what="stats"):
        count, failures, memory, gap, busy, resumed, errors, *last = self.ask(what).rstrip().split(" ", 7)
        with open("/proc/%d/status" % self.program.pid) as file:
            rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        fds = len(os.listdir("/proc/%d/fd" % self.program.pid))
        return {"done": int(count), "failed": int(failures), "lua": int(memory), "rss": rss * 1024, "fds": fds,
                "gap": float(gap), "busy": float(busy), "resumed": int(resumed), "errors": int(errors), "last": last}

    def show(self, name, it):
        print("%-24s reloads %d, failed %d; Lua %.0f KiB, resident %.1f MiB, %d descriptors; longest pause %.2f ms"
              " (processor %.2f ms); slowest answer %.1f ms; resumed %d; handler errors %d; answers %d" %
              (name, it["done"], it["failed"], it["lua"] / 1024, it["rss"] / 2**20, it["fds"], it["gap"], it["busy"],
               self.slowest * 1000, it["resumed"], it["errors"], self.answers), flush=True)
        self.slowest = 0.0

    def pump(self, seconds, reloads=None):
        """Traffic for a time, or until there were so many reloads."""
        start = now = time.monotonic()
        next_reload, next_visitor, next_turn, begun = now, now, now, 0
        while now < start + seconds if reloads is None else begun < reloads:
            for key, _ in self.selector.select(0.002):
                key.data.readable(time.monotonic())
            now = time.monotonic()
            if now >= next_turn:
                next_turn = now + 0.003
                for connection in list(self.connections | self.visitors):
                    connection.turn(now)
            if now >= next_visitor:
                next_visitor = now + 0.02
                try:
                    self.visitors.add(Echo(self, rounds=3))
                    self.opened += 1
                except OSError as error:
                    self.failures.note("a new connection: %s" % error)
            if reloads is not None and now >= next_reload:
                next_reload = now + self.options.every / 1000
                begun += 1
                self.replace(random.random() < 1 / 3)
            if self.program.poll() is not None:
                self.failures.note("the program ended with %s" % self.program.returncode)
                return

    def drain(self):
        until = time.monotonic() + 15
        self.pace = 1e9
        while time.monotonic() < until and any(it.expected or it.rest for it in self.connections | self.visitors):
            for key, _ in self.selector.select(0.01):
                key.data.readable(time.monotonic())
            for connection in list(self.connections | self.visitors):
                if connection.rest or connection.expected:
                    connection.turn(time.monotonic())
        self.pace = self.options.pace / 1000
        for connection in self.connections | self.visitors:
            connection.due = 0

    def start(self):
        self.write("words.lua", WORDS % 0)
        self.replace(False)
        self.log = open(os.path.join(self.folder, "log"), "w+")
        watch = ["--watch"] if self.options.trigger == "watch" else []
        self.program = subprocess.Popen([self.options.program, *watch, self.script], stderr=self.log)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.01)
        self.ask("probe")

    def load(self):
        for i in range(self.options.connections):
            self.connections.add(Echo(self, (None, "closures", "waits")[i % 3], rounds=-1))
        self.idle = []
        for _ in range(self.options.idle):
            self.idle.append(socket.create_connection(("127.0.0.1", self.port)))
        self.pump(3)
        self.statistics()
        self.pump(5)
        self.show("without reloads", self.statistics())

    def stop(self):
        self.drain()
        if self.program.poll() is None:
            self.program.terminate()
            self.program.wait(20)
        self.log.seek(0)
        text = self.log.read()
        for sign in ("AddressSanitizer", "LeakSanitizer"):
            if sign in text:
                self.failures.note(sign + ", see " + self.log.name)
        kinds = {}
        for line in text.splitlines():
            if " failed, generation" in line:
                what = line.split("goes on: ", 1)[-1].replace(self.folder, "")
                kinds[what[:90]] = kinds.get(what[:90], 0) + 1
        for what, count in sorted(kinds.items(), key=lambda it: -it[1])[:12]:
            print("%6d  %s" % (count, what))
        if not self.failures:
            shutil.rmtree(self.folder)
        print("versions written: %(good)d good, %(broken)d broken" % self.planned,
              "; connections opened meanwhile: %d" % self.opened)
        print("failures: %d" % len(self.failures))

    def go(self):
        self.start()
        self.load()
        self.pump(0, min(100, self.options.reloads))
        self.pump(0.5)
        early = self.statistics("collect")
        self.show("after 100 versions", early)
        left = self.options.reloads - 100
        while left > 0 and self.program.poll() is None:
            self.pump(0, min(1000, left))
            left -= 1000
            self.show("after %d versions" % (self.version - 1), self.statistics())
        self.pump(0.5)
        late = self.statistics("collect")
        self.show("at the end, collected", late)
        for what in ("lua", "rss"):
            print("%s: %+.1f %% since 100 versions" % (what, 100.0 * late[what] / early[what] - 100))
        if late["rss"] > 1.1 * early["rss"]:
            self.failures.note("memory has grown by more than 10 per cent")
        if late["errors"]:
            self.failures.note("%d handler errors" % late["errors"])
        self.stop()
        return 1 if self.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/moonport")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--idle", type=int, default=0)
    parser.add_argument("--reloads", type=int, default=5000)
    parser.add_argument("--every", type=float, default=50, help="milliseconds between two versions")
    parser.add_argument("--pace", type=float, default=50, help="milliseconds between two lines of a connection")
    parser.add_argument("--trigger", choices=("hup", "watch"), default="hup")
    parser.add_argument("--collector", action="store_true", help="with the collector at its most aggressive")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(Run(options).go())


if __name__ == "__main__":
    main()
