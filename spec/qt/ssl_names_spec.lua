-- The name that a client asks for: which of several entries answers it, and what becomes of a client whose
-- serverNameRequested doesn't.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local ssl = require("spec.qt.ssl_sockets").use()

describe("The name that a client asks for is answered:", function()
  after_each(sockets.close)

  local function connect(server, name, options)
    local socket = ssl.socket(options)
    socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), name)
    local ok, message = socket:waitForEncrypted(helper.timeout)
    return ok and socket, message
  end

  it("exact before wildcard, then the default certificate, then the handler", function()
    local a = ssl.authority:certificate { names = { "a.example" } }
    local wild = ssl.authority:certificate { names = { "*.b.example" } }
    local late = ssl.authority:certificate { names = { "late.test" } }
    local server = ssl.server { serverNames = {
      ["a.example"] = { certificate = a.certificate, key = a.key },
      ["*.b.example"] = { certificate = wild.certificate, key = wild.key },
    } }
    local asked = {}
    function server:serverNameRequested(name)
      asked[#asked + 1] = name
      moonport.sleep(10)
      return { certificate = late.certificate, key = late.key }
    end
    assert.truthy(connect(server, "a.example"))
    assert.truthy(connect(server, "x.b.example"))
    assert.truthy(connect(server, "localhost"))
    assert.same({}, asked)
    assert.truthy(connect(server, "late.test"))
    assert.same({ "late.test" }, asked)
  end)

  it("a handler that fails, or gives nonsense, is an internal error for that client alone", function()
    local server = ssl.server()
    function server:serverNameRequested() return { certificate = "/nowhere", key = "/nowhere" } end
    local socket, message = connect(server, "late.test")
    assert.is_nil(socket or nil)
    assert.truthy(message:find "internal error", message)
    function server:serverNameRequested() return nil end
    socket, message = connect(server, "late.test")
    assert.is_nil(socket or nil)
    assert.truthy(message:find "host name did not match", message)
    ssl.pair(server)
  end)

  it("requireServerName refuses who asks for none that is known", function()
    local server = ssl.server { requireServerName = true }
    assert.truthy(connect(server, "localhost"))
    local _, message = connect(server, "unknown.example")
    assert.truthy(message:find "unrecognized name", message)
  end)
end)

describe("The name that a client asks for:", function()
  after_each(sockets.close)

  -- The first name of the certificate that the server shows, or nil and a message.
  local function shown(server, name)
    local socket = ssl.socket { peerVerifyMode = "QueryPeer" }
    assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), name))
    local encrypted, message = socket:waitForEncrypted(helper.timeout)
    return encrypted and socket:peerCertificate():subjectAlternativeNames().DnsEntry[1], message
  end

  it("an exact entry comes before a star, in whatever order the table has them, and case doesn't count", function()
    local exact, star, deeper = {}, {}, {}
    for kind, names in pairs { [exact] = { "exact.test" }, [star] = { "star.test" }, [deeper] = { "deeper.test" } } do
      local certificate = ssl.authority:certificate { names = names }
      kind.certificate, kind.key = certificate.certificate, certificate.key
    end
    -- A table's order depends on all that is in it: many names have many orders.
    for count = 1, 12 do
      local names = { ["*.B.example"] = star, ["*.c.b.example"] = deeper }
      for i = 1, count do names[("N%d.b.example"):format(i)] = exact end
      local server = ssl.server { serverNames = names }
      assert.equal("exact.test", (shown(server, ("n%d.b.example"):format(count))))
      assert.equal("exact.test", (shown(server, "N1.B.EXAMPLE")))
      assert.equal("star.test", (shown(server, ("n%d.b.example"):format(count + 1))))
      assert.equal("deeper.test", (shown(server, "n1.c.b.example")))
      assert.equal("localhost", (shown(server, "b.example")))
      assert.equal("localhost", (shown(server, "n1.d.b.example")))
      server:close()
    end
  end)

  it("a handler that raises, or says why it can't, refuses that client alone, and the server knows of both", function()
    local server, told, late = ssl.server(), {}, ssl.authority:certificate { names = { "late.test" } }
    function server:errorOccurred(peer, code) told[#told + 1] = code .. ": " .. peer:errorString() end
    local failed = "SslHandshakeFailedError: "
    for what, handler in pairs {
      ["raises at once"] = function() error "on purpose" end,
      ["raises behind a wait"] = function()
        moonport.sleep(2)
        error({})
      end,
      ["gives nil and a message"] = function() return moonport.SslConfiguration { certificate = "/nowhere" } end,
      ["gives what a deadline gives"] = function() return moonport.deadline(2, moonport.sleep, -1) end,
      ["waits for a task that is cancelled"] = function()
        local stuck = moonport.spawn(moonport.sleep, -1)
        moonport.singleShot(2, function() stuck:cancel() end)
        return stuck:join()
      end,
    } do
      told = {}
      server.serverNameRequested = handler
      local name, message = shown(server, "late.test")
      assert.same({ what, "waitForEncrypted: Error during SSL handshake: tlsv1 alert internal error" },
        { what, name or message })
      helper.eventually(function() return #told > 0 end)
      assert.same({ what, failed .. "serverNameRequested gave no configuration for the name 'late.test'" },
        { what, table.unpack(told) })
      assert.equal("localhost", (shown(server, "localhost")))
    end
    function server:serverNameRequested() return { certificate = late.certificate, key = late.key } end
    assert.equal("late.test", (shown(server, "late.test")))
    helper.eventually(function() return server:handshakeCount() == 0 end)
  end)
end)
