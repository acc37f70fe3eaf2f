-- SPDX-License-Identifier: MIT
-- The first reload closed a listener that systemd had passed. Cause: the new run's setSocketDescriptor made a
-- second server of the same descriptor, and the commit closed the old one. Fix: it takes over the listener of
-- the old server, as listen does. And a listen doesn't match a server that has adopted a descriptor.

local helper = require "spec.helper"

local script = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  function server.connection:readyRead() self:write("%s " .. self:readAll()) end
  %s
  moonport.log.info("%%s", server)
]]

-- A service with a listener as descriptor 3. -> program, port, its script's path
local function activated(text)
  local path = helper.file(text, "main.lua")
  local moonport = os.getenv "MOONPORT" or "build/asan/moonport"
  local program = helper.spawn { "python3", "spec/host/activate.py", moonport, path }
  local port = program:waitForLine "activated on (%d+)"
  program:waitForLine "TcpServer"
  return program, port, path
end

local function reload(program, path, text)
  helper.rewrite(path, text)
  program:signal "HUP"
  return program:waitForLine ".*reload.*"
end

local function ask(client, word)
  client:send(word .. "\n")
  return client:receiveLine()
end

describe("A reload of a service with an adopted listener", function()
  local adopt = "assert(server:setSocketDescriptor(3))"

  it("keeps the listener, in each generation, and its connections", function()
    local program, port, path = activated(script:format("first", adopt))
    local early = helper.connect(port)
    assert.equal("first hello\n", ask(early, "hello"))
    for _, word in ipairs { "second", "third" } do
      local line = reload(program, path, script:format(word, adopt))
      assert.truthy(line:find("1 listener kept, 0 added, 0 closed", 1, true))
      assert.equal(word .. " hello\n", ask(early, "hello"))
      assert.equal(word .. " late\n", ask(helper.connect(port), "late"))
    end
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("leaves the listener with the old code if the new code fails afterwards", function()
    local program, port, path = activated(script:format("first", adopt))
    assert.truthy(reload(program, path, script:format("second", adopt .. " error 'broken'")):find "failed")
    assert.equal("first hello\n", ask(helper.connect(port), "hello"))
    assert.truthy(reload(program, path, script:format("third", adopt)):find("1 listener kept", 1, true))
    assert.equal("third hello\n", ask(helper.connect(port), "hello"))
  end)

  it("doesn't treat it as one that listen made", function()
    local both = "assert(server:listen('127.0.0.1', 0)) server:close() " .. adopt
    local program, port, path = activated(script:format("first", both))
    local line = reload(program, path, script:format("second", "assert(server:listen('127.0.0.1', 0))"))
    assert.truthy(line:find("0 listeners kept, 1 added, 1 closed", 1, true))
    assert.has_error(function() helper.connect(port) end)
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)
end)
