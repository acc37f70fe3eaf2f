-- A client that hadn't given a store's password could make it hold a command of 32 MiB. Now such a client's commands
-- are small ones.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local resp = require "moonport.resp"
local store = require "spec.store"

local size = 1 << 20

describe("A client that hasn't given the password", function()
  local port

  before_each(function()
    local _
    _, port = store.start "password = 'secret'"
  end)

  local function says(client, text, expected)
    client:send(text)
    assert.equal(expected, client:receive(#expected))
  end

  for name, command in pairs {
    ["arguments"] = "*11\r\n",
    ["bytes of an argument"] = "*2\r\n$16385\r\n",
    ["bytes without a line end"] = ("x"):rep((16 << 10) + 1),
  } do
    it("is refused when it sends too many " .. name, function()
      local client = helper.connect(port)
      client:send(command)
      assert.matches("^%-ERR Protocol error: ", client:receiveLine())
      assert.equal("", client:receiveAll())
    end)
  end

  it("can send what others can behind the password, and no more once it has reset its connection", function()
    local client = helper.connect(port)
    local value = ("v"):rep(size)
    local known = resp.array { "server", "redis", "version", "7.0.0", "proto", 2, "id", 1, "mode", "standalone", "role",
      "master", "modules", {} }
    says(client, resp.command("HELLO", 2, "AUTH", "default", "secret", "SETNAME", "ann") ..
      resp.command("SET", "k", value), known .. "+OK\r\n")
    says(client, resp.command "RESET" .. "*11\r\n", "+RESET\r\n-ERR Protocol error: ")
  end)
end)
