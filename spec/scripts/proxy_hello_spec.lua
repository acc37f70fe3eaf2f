-- SPDX-License-Identifier: MIT
-- The reader of TLS hellos, scripts/proxy_hello.lua: those of real clients, the same in pieces and with faults, and
-- garbage. It never raises, and takes nothing that is cut or longer than it says.
-- MOONPORT_SPEC_SEED sets the random sequence.

package.path = "scripts/?.lua;" .. package.path
local helper = require "spec.helper"
local hello = require "proxy_hello"

local seed = tonumber(os.getenv "MOONPORT_SPEC_SEED") or os.time()

-- The hello that a real client sends.
local function captured(command)
  local listener = helper.listen()
  for i, word in ipairs(command) do command[i] = word:gsub("PORT", listener:port()) end
  local client = helper.spawn(command)
  local peer = listener:accept()
  local head = peer:receive(5)
  local bytes = head .. peer:receive(string.unpack(">I2", head, 4))
  peer:close()
  client:wait()
  listener:close()
  return bytes
end

-- A hello with these extensions, each { type, content }.
local function made(extensions)
  local parts = {}
  for i, one in ipairs(extensions) do parts[i] = string.pack(">I2s2", one[1], one[2]) end
  local body = string.pack(">I2c32s1s2s1s2", 0x303, ("r"):rep(32), "id", "\x13\x01", "\0", table.concat(parts))
  return string.pack(">BI3", 1, #body) .. body
end

local function record(text) return string.pack(">BI2s2", 22, 0x301, text) end

-- The content of server_name.
local function names(...)
  local parts = {}
  for i, name in ipairs { ... } do parts[i] = string.pack(">Bs2", 0, name) end
  return { 0, string.pack(">s2", table.concat(parts)) }
end

describe("scripts/proxy_hello.lua", function()
  local real

  setup(function()
    real = captured { "openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", "Shop.Example" }
  end)

  it("finds the names that openssl and curl ask for, and that they ask for none", function()
    assert.equal("shop.example", hello.name(real))
    assert.equal("shop.example", hello.name(real .. "and more"))
    assert.equal("a.example", hello.name(captured { "curl", "-s", "--max-time", "20", "--resolve",
      "a.example:PORT:127.0.0.1", "https://a.example:PORT/" }))
    assert.equal("", hello.name(captured { "openssl", "s_client", "-connect", "127.0.0.1:PORT", "-noservername" }))
    assert.equal("old.example", hello.name(captured { "openssl", "s_client", "-connect", "127.0.0.1:PORT",
      "-servername", "old.example", "-tls1_2" }))
  end)

  it("wants more of each hello that is cut, in one record or in several", function()
    local text = real:sub(6)
    local several = record(text:sub(1, 2)) .. record(text:sub(3, 90)) .. record(text:sub(91))
    for _, bytes in ipairs { real, several } do
      for size = 0, #bytes - 1 do assert.is_nil((hello.name(bytes:sub(1, size))), size) end
      assert.equal("shop.example", hello.name(bytes))
    end
  end)

  it("refuses at once what is no hello", function()
    for why, list in pairs {
      ["it isn't TLS"] = { "G", "GET / HTTP/1.1\r\n", "\x16\2", "\x80\x2e\1\3\1" },
      ["a record of a wrong length"] = { "\x16\3\1\0\0", "\x16\3\1\x40\1" },
      ["it doesn't begin with a hello"] = { record "\2\0\0\1x" },
      ["a hello that is too long"] = { record "\1\1\0\0" },
      ["a hello in too many records"] = { record "\1" .. record "\0\0\9" .. record("x"):rep(6) },
    } do
      for _, bytes in ipairs(list) do
        local name, said = hello.name(bytes)
        assert.is_false(name)
        assert.equal(why, said)
      end
    end
  end)

  it("refuses hellos whose parts don't fit together, and names that are none", function()
    local good = made { { 10, "x" }, names "a.example" }
    assert.equal("a.example", hello.name(record(good)))
    assert.equal("", hello.name(record(made {})))
    local extra = good .. "x"
    for i, text in ipairs {
      string.pack(">BI3", 1, #extra - 4) .. extra:sub(5), made { names "a", names "b" }, made { names("a", "b") },
      made { names "" }, made { names "a b" }, made { names "a\0" }, made { names(("a"):rep(256)) },
      made { { 0, "" } }, made { { 0, "\0\4\0\0\9a" } }, made { { 0, "\0\5\0\0\1ab" } }, made { { 0, "\0\4\1\0\1a" } },
      string.pack(">BI3", 1, 10) .. ("x"):rep(10),
    } do
      local name, why = hello.name(record(text))
      assert.is_false(name, i)
      assert.equal("a malformed hello", why)
    end
  end)

  it("never raises, and finds no name in what isn't whole, whatever comes", function()
    math.randomseed(seed)
    local text = real:sub(6)
    for _ = 1, 3000 do
      local bytes = { real:byte(1, -1) }
      for _ = 1, math.random(4) do bytes[math.random(#bytes)] = math.random(0, 255) end
      local broken = string.char(table.unpack(bytes, 1, math.random(#bytes)))
      local name, why = hello.name(broken)
      local sound = name == nil or name == false and type(why) == "string" or type(name) == "string"
      assert.is_true(sound, ("seed %d: %q"):format(seed, broken))
      local cut = math.random(4, #text - 1) -- a hello that says it is shorter than its parts
      name = hello.name(record(string.pack(">BI3", 1, cut - 4) .. text:sub(5, cut)))
      assert.is_true(name == false or name == "", ("seed %d: cut %d"):format(seed, cut)) -- "": before the extensions
    end
  end)

  it("finds the exact name before a wildcard, which stands for one label", function()
    local table = { ["a.example"] = 1, ["*.example"] = 2, ["*.b.example"] = 3 }
    assert.equal(1, hello.find(table, "a.example"))
    assert.equal(2, hello.find(table, "x.example"))
    assert.equal(3, hello.find(table, "x.b.example"))
    assert.is_nil(hello.find(table, "x.y.b.example"))
    assert.is_nil(hello.find(table, "example"))
    assert.is_nil(hello.find(table, ""))
  end)
end)
