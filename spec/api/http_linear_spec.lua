-- SPDX-License-Identifier: MIT
-- What moonport.http does with a message that comes in pieces, in instructions of Lua and bytes that it allocates:
-- twice the message is twice the work, whole or byte by byte. spec/unit/http_head_test.c is this for the parser in C.
-- #nogc: it counts what is allocated

local helper = require "spec.helper" -- luacheck: ignore
local http = require "moonport.http"
local pool = require "moonport.http.pool"

-- A stream that has a text in pieces: each wait brings the next one.
local function stream(text, size)
  local at, unread, self = 1, "", {}
  local function next()
    unread = text:sub(at, at + size - 1)
    at = at + size
  end
  function self.readAll()
    local all = unread
    unread = ""
    return all
  end
  function self.waitForReadyRead()
    if at > #text then return nil, "the end", "RemoteHostClosedError" end
    next()
    return true
  end
  function self.write(_, data) self.written = data return #data end
  function self.bytesToWrite() return 0 end
  function self.disconnectFromHost() self.ended = true end
  function self.peerAddress() return "192.0.2.1" end
  function self.bytesAvailable() return 1 end
  function self.state() return "UnconnectedState" end
  for _, name in ipairs { "setIdleTimeout", "abort", "close", "flush" } do self[name] = function() end end
  next()
  return self
end

-- -> the work of a function, as counted: { instructions, bytes }
local function work(f)
  collectgarbage()
  collectgarbage()
  collectgarbage "stop"
  local steps, before = 0, collectgarbage "count"
  debug.sethook(function() steps = steps + 1 end, "", 1)
  f()
  debug.sethook()
  local bytes = (collectgarbage "count" - before) * 1024
  collectgarbage "restart"
  return { steps, bytes }
end

local got

-- -> a function that serves a message
local function serve(text, size)
  local server = { connection = {}, connections = function() return next, {} end }
  for _, name in ipairs { "setReadBufferSize", "setIdleTimeout", "setMaxConnections" } do
    server[name] = function() end
  end
  http.server(function(request)
    got = request.body
    return 200
  end, { server = server, head = 60000, headers = 5000 })
  return function()
    local socket = stream(text, size)
    socket.httpService = server.connection.httpService
    server.connection.readyRead(socket)
    assert(got, socket.written)
  end
end

-- -> a function that receives a message
local function ask(text, size)
  function pool.connect() return stream(text, size) end
  return function()
    got = assert(http.request { url = "http://a/", headers = { Connection = "close" } }).body
  end
end

describe("moonport.http", function()
  local connect = pool.connect
  teardown(function() pool.connect = connect end)

  local messages = {
    ["a request of many fields"] = { serve, function(n)
      return "GET / HTTP/1.1\r\nHost: a\r\n" .. ("X: y\r\n"):rep(n // 6) .. "\r\n", 0
    end },
    ["a request of one long field"] = { serve, function(n)
      return "GET / HTTP/1.1\r\nHost: a\r\nX: " .. (" y"):rep(n // 2) .. "\r\n\r\n", 0
    end },
    ["a body with its length"] = { serve, function(n)
      return ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"):format(n) .. ("z"):rep(n), n
    end },
    ["a body in chunks of a byte"] = { serve, function(n)
      return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" .. ("1\r\nz\r\n"):rep(n // 6)
        .. "0\r\n\r\n", n // 6
    end },
    ["a response of many fields"] = { ask, function(n)
      return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" .. ("Set-Cookie: y\r\n"):rep(n // 15) .. "\r\n", 0
    end },
    ["a response of one long field"] = { ask, function(n)
      return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX:" .. (" "):rep(n) .. "\r\n\r\n", 0
    end },
    ["a response's body with its length"] = { ask, function(n)
      return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(n) .. ("z"):rep(n), n
    end },
    ["a response's body until the end"] = { ask, function(n) return "HTTP/1.1 200 OK\r\n\r\n" .. ("z"):rep(n), n end },
    ["a response's body in chunks"] = { ask, function(n)
      return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. ("1;a=b\r\nz\r\n"):rep(n // 10)
        .. "0\r\n\r\n", n // 10
    end },
  }

  for what, message in pairs(messages) do
    it("works in proportion to " .. what, function()
      local how, make = table.unpack(message)
      local seen = {}
      for _, size in ipairs { 1, 7, 1 << 20 } do
        for i, n in ipairs { 1200, 2400 } do
          local text, length = make(n)
          local run = how(text, size)
          run() -- once before, for what is made once
          got = nil
          seen[i] = work(run)
          assert.are.equal(length, #got)
        end
        for i, unit in ipairs { "instructions", "bytes" } do
          assert.is_true(seen[2][i] <= 2.2 * seen[1][i], ("%d and %d %s in pieces of %d"):format(seen[1][i], seen[2][i],
            unit, size))
        end
      end
    end)
  end
end)
