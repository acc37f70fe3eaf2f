-- SPDX-License-Identifier: MIT
-- scripts/echo.lua in real use: nc, curl and Python as clients, many of them, and clients that misbehave.

local helper = require "spec.helper"
local lfs = require "lfs"

-- Starts the echo service on a free port. -> program, port
local function echo(...)
  local program = helper.program { script = "scripts/echo.lua", args = { 0, ... } }
  return program, program:waitForLine "listening on .* port (%d+)"
end

-- The number of a process' open descriptors, including the standard ones.
local function descriptors(program)
  local count = 0
  for name in lfs.dir(("/proc/%d/fd"):format(program.pid)) do
    if name:find "^%d+$" then count = count + 1 end
  end
  return count
end

local function stop(program)
  program:signal "TERM"
  assert.are.equal(0, program:wait())
end

describe("scripts/echo.lua #gc", function()
  it("answers printf | nc -N, which half-closes and reads on #valgrind", function()
    local program, port = echo()
    assert.are.same({ 0, "hello\n", "" }, { helper.run({ "nc", "-N", "127.0.0.1", port }, "hello\n") })
    stop(program)
  end)

  it("answers curl telnet://", function()
    local program, port = echo()
    local curl = helper.spawn { "curl", "--silent", "--no-buffer", "telnet://127.0.0.1:" .. port }
    curl:write "one\n"
    curl:waitForLine "^one$"
    curl:write "two\n"
    curl:waitForLine "^two$"
    curl:closeInput()
    stop(program) -- which closes curl's connection
    assert.are.equal(0, curl:wait())
  end)

  it("listens on the address of its argument: IPv6, any", function()
    for _, case in ipairs { { "::1", "::1" }, { "any", "::1" }, { "any", "127.0.0.1" }, { "0.0.0.0", "127.0.0.1" } } do
      local program, port = echo(case[1])
      assert.are.same({ 0, "hello\n", "" }, { helper.run({ "nc", "-N", case[2], port }, "hello\n") })
      stop(program)
    end
  end)

  it("echoes 64 MiB in random pieces to a Python client, byte by byte the same", function()
    local program, port = echo()
    local status, out, err = helper.run({ "python3", "spec/host/pieces.py", port, 64 }, nil, 60000)
    assert.are.same({ 0, "the same 64 MiB\n", "" }, { status, out, err })
    stop(program)
  end)

  it("echoes to each of 1,000 clients at once its own data", function()
    local program, port = echo()
    local status, out, err = helper.run({ "python3", "spec/host/crowd.py", port, 1000 }, nil, 60000)
    assert.are.same({ 0, "1000 of 1000\n", "" }, { status, out, err })
    stop(program)
  end)

  it("survives clients that send nothing, half-close, reset, or reset with data in flight #valgrind", function()
    local program, port = echo()
    local silent = helper.connect(port)
    local half = helper.connect(port)
    half:send "to the end"
    half:shutdown()
    assert.are.equal("to the end", half:receiveAll())
    for _ = 1, 20 do
      local client = helper.connect(port)
      client:send(("x"):rep(10000))
      client:reset()
      helper.connect(port):reset()
      helper.connect(port):close()
    end
    silent:send "still here"
    assert.are.equal("still here", silent:receive(10))
    assert.is_true(program:running())
    stop(program)
  end)

  it("stops reading from a client that never reads, and serves the others", function()
    local program, port = echo()
    local greedy = helper.connect(port, nil, { receiveBuffer = 65536 })
    local block, sent = ("x"):rep(65536), 0
    -- until nothing is sent for a while: all buffers on the way are full
    local still = 0
    while still < 50 do
      local n = greedy:trySend(block)
      sent = sent + n
      still = n > 0 and 0 or still + 1
      if n == 0 then helper.settle(2) end
      assert.is_true(sent < 64 << 20)
    end
    local other = helper.connect(port)
    other:send "hello"
    assert.are.equal("hello", other:receive(5))
    assert.are.equal(sent, #greedy:receive(sent, 20000))
    stop(program)
  end)

  it("leaves no descriptor open, however its clients left", function()
    local program, port = echo()
    local before = descriptors(program)
    for _ = 1, 30 do
      local a, b, c = helper.connect(port), helper.connect(port), helper.connect(port)
      a:send "x" b:send "x"
      a:close() b:reset() c:shutdown()
      c:waitForEnd()
    end
    helper.eventually(function() return descriptors(program) == before end, "no descriptor left")
    stop(program)
  end)
end)
