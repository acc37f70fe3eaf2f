-- SPDX-License-Identifier: MIT
-- moonport.lookup: the addresses that a connect would try, without a connect.

local helper = require "spec.helper"
local moonport = require "moonport"
local namespace = require "spec.qt.namespace"

local function failure(...)
  local result = table.pack(moonport.lookup(...))
  assert.is_nil(result[1])
  return result[2], result[3]
end

-- What a script of the program prints when these are its hosts.
local function printed(hosts, source)
  local program = helper.program {
    environment = { CARES_HOSTS = helper.file(hosts, "hosts") },
    source = 'local moonport = require "moonport"\n' .. source,
  }
  assert.equal(0, program:wait(), program:stderr())
  return program:stdout()
end

describe("moonport.lookup", function()
  it("returns a literal address as connectToHost takes it", function()
    for text, address in pairs { ["127.0.0.1"] = "127.0.0.1", ["127.1"] = "127.0.0.1", ["::1"] = "::1",
      any = "0.0.0.0", ["0"] = "0.0.0.0", ["::ffff:10.1.2.3"] = "::ffff:10.1.2.3" } do
      local addresses, seconds = moonport.lookup(text)
      assert.same({ address }, addresses)
      assert.equal(0, seconds)
    end
  end)

  it("waits for the addresses of a name, IPv6 and IPv4 alternating, or of one family", function()
    assert.equal("::1 127.0.0.1 ::2 127.0.0.2 127.0.0.3 0\n::1 ::2\n127.0.0.1 127.0.0.2 127.0.0.3\n", printed(
      "127.0.0.1 x.test\n::1 x.test\n127.0.0.2 x.test\n::2 x.test\n127.0.0.3 x.test\n", [[
        local addresses, seconds = moonport.lookup "x.test"
        print(table.concat(addresses, " "), seconds)
        print(table.concat(moonport.lookup("x.test", "IPv6Protocol"), " "))
        print(table.concat(moonport.lookup("x.test", "IPv4Protocol"), " "))
      ]]):gsub("\t", " ") .. "")
  end)

  it("suspends only its caller, and several lookups may run at once", function()
    local others, tasks = 0, {}
    moonport.singleShot(0, function() others = others + 1 end)
    for i = 1, 5 do tasks[i] = moonport.spawn(moonport.lookup, "localhost", "IPv4Protocol") end
    for i = 1, 5 do assert.same({ "127.0.0.1" }, (tasks[i]:join(helper.timeout))) end
    helper.eventually(function() return others == 1 end)
  end)

  it("fails for a name that has no address, or none of the family", function()
    for _, name in ipairs { "", "nobody.invalid", ("x"):rep(64) .. ".invalid", "a..b" } do
      local message, code = failure(name)
      assert.equal("HostNotFoundError", code)
      assert.equal(("lookup %s: Host not found"):format(name), message)
    end
    assert.equal("HostNotFoundError", select(2, failure("127.0.0.1", "IPv6Protocol")))
  end)

  it("raises on misuse", function()
    assert.error_matches(function() moonport.lookup() end, "string expected, got no value")
    assert.error_matches(function() moonport.lookup "a\0b" end, "a host name can't contain a zero byte")
    assert.error_matches(function() moonport.lookup("x", "IPv4") end, "did you mean 'IPv4Protocol'%?")
    assert.error_matches(function() moonport.lookup("x", nil, 5) end, "one too many")
  end)

  it("ends when its task is cancelled, and leaves no object behind", function()
    local task = moonport.spawn(moonport.lookup, "nobody.invalid")
    moonport.sleep(0)
    task:cancel()
    assert.equal("OperationError", (select(3, task:join())))
  end)

  it("may be in progress in a generation that is rolled back, and in one that is replaced", function()
    local path = helper.file("", "script.lua")
    local function generation(rest)
      helper.rewrite(path, [[
        local moonport = require "moonport"
        local server = moonport.TcpServer()
        assert(server:listen "127.0.0.1")
        moonport.spawn(moonport.lookup, "nobody.invalid")
        local addresses = moonport.lookup "localhost"
        assert(addresses[1] == "::1" or addresses[1] == "127.0.0.1")
      ]] .. rest)
    end
    generation 'print "one"'
    local program = helper.program { script = path }
    program:waitForLine "^one$"
    generation 'error "given up"'
    program:signal "HUP"
    program:waitForLine "reload of .* failed"
    generation 'print "three"'
    program:signal "HUP"
    program:waitForLine "^three$"
    program:waitForLine "reloaded .* generation"
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("returns for how many seconds the name servers' answer is valid", function()
    if namespace.missing() then return pending(namespace.missing()) end
    local lines = namespace.run({ "x.test/A=192.0.2.7", "x.test/AAAA=2001:db8::7" }, [[
      local moonport = require "moonport"
      local addresses, seconds = moonport.lookup "x.test"
      print(table.concat(addresses, " "), math.type(seconds), seconds > 0 and seconds <= 3600)
    ]])
    assert.same({ "2001:db8::7 192.0.2.7\tinteger\ttrue" }, lines)
  end)

  it("doesn't wait long for a family that gets no answer, and returns the other family's addresses", function()
    if namespace.missing() then return pending(namespace.missing()) end
    local lines, questions = namespace.run({ "x.test/A=192.0.2.7", "x.test/AAAA=never" }, [[
      local moonport = require "moonport"
      print(table.concat(moonport.lookup "x.test", " "))
      os.exit(0)
    ]])
    assert.same({ "192.0.2.7" }, lines)
    local asked = 0
    for _, question in ipairs(questions) do asked = asked + (question == "AAAA x.test" and 1 or 0) end
    assert.is_true(asked < 3, asked) -- c-ares asks three times before it gives up
  end)
end)
