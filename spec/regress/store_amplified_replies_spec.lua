-- SPDX-License-Identifier: MIT
-- MGET, HMGET and SRANDMEMBER took all that they named before they looked at the bound of a reply, and EXEC had none.
-- So a small command that names one large value again and again took all memory.

local helper = require "spec.helper"
local resp = require "moonport.resp"
local stores = require "spec.store"

local command = resp.command

local value = ("x"):rep(1 << 20)

-- The most bytes that a process has had.
local function peak(program)
  local file <close> = assert(io.open(("/proc/%d/status"):format(program.pid)))
  return tonumber(file:read("a"):match "VmHWM:%s*(%d+)") << 10
end

-- The reply to a command, a line.
local function reply(client, text)
  client:send(text)
  return (client:receiveLine())
end

describe("A reply of moonport.store", function()
  it("takes no more memory than its bound, however often a command names a large value", function()
    local program, port = stores.start()
    local client = helper.connect(port)
    assert.equal("+OK\r\n", reply(client, command("SET", "string", value)))
    assert.equal(":1\r\n", reply(client, command("HSET", "hash", "field", value)))
    assert.equal(":1\r\n", reply(client, command("SADD", "set", value)))
    local before = peak(program)
    local strings, fields = {}, {}
    for i = 1, 2000 do strings[i], fields[i] = "string", "field" end
    local tooLarge = "-ERR the reply is larger than 67108864 bytes\r\n"
    for _, text in ipairs { command("MGET", table.unpack(strings)), command("HMGET", "hash", table.unpack(fields)),
      command("SRANDMEMBER", "set", -2000) } do
      assert.equal(tooLarge, reply(client, text))
    end
    client:send(command "MULTI" .. command("GET", "string"):rep(100) .. command("SET", "last", 1) .. command "EXEC")
    assert.equal("+OK\r\n" .. ("+QUEUED\r\n"):rep(101) .. "*101\r\n",
      client:receive(#"+OK\r\n" + 101 * #"+QUEUED\r\n" + #"*101\r\n", 20000))
    local whole = resp.bulk(value)
    for _ = 1, 63 do assert.is_true(client:receive(#whole, 20000) == whole) end
    assert.equal(tooLarge:rep(37) .. "+OK\r\n", client:receive(37 * #tooLarge + 5))
    assert.is_true(peak(program) - before < 1 << 30, peak(program) - before)
    client:close()
  end)
end)
