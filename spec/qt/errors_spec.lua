-- QAbstractSocket::SocketError: what causes which code, and Qt's text for it.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"

-- Waits for the error of a connect. -> code, text
local function connectError(host, port)
  local socket = sockets.socket()
  assert(socket:connectToHost(host, port))
  local ok, message, code = socket:waitForConnected(helper.timeout)
  assert.is_nil(ok)
  assert.equal(code, socket:error())
  assert.equal("waitForConnected: " .. socket:errorString(), message)
  return code, socket:errorString()
end

describe("The error", function()
  after_each(sockets.close)

  it("of a connect is Qt's for each reason", function()
    assert.same({ "ConnectionRefusedError", "Connection refused" }, { connectError("127.0.0.1", helper.unusedPort()) })
    assert.same({ "HostNotFoundError", "Host not found" }, { connectError("no.such.host.invalid", 7) })
    -- connect(2) on a broadcast address is ENETUNREACH for TCP
    assert.same({ "NetworkError", "Network unreachable" }, { connectError("255.255.255.255", 7) })
  end)

  it("of a wait is SocketTimeoutError, with the text of its wait", function()
    local hole <close> = network.blackHole()
    local connecting = sockets.socket()
    connecting:connectToHost("127.0.0.1", hole:port())
    connecting:waitForConnected(10)
    assert.equal("SocketTimeoutError", connecting:error())
    assert.equal("Socket operation timed out", connecting:errorString())
    local socket = sockets.withPlain()
    socket:waitForReadyRead(10)
    assert.equal("SocketTimeoutError", socket:error())
    assert.equal("Network operation timed out", socket:errorString())
  end)

  it("of listen and bind differs for an address in use and one that isn't the machine's", function()
    local other = sockets.server()
    local server, socket = sockets.closing(moonport.TcpServer()), sockets.socket()
    for address, expected in pairs {
      ["127.0.0.1"] = { "AddressInUseError", "The bound address is already in use" },
      ["198.51.100.1"] = { "SocketAddressNotAvailableError", "The address is not available" },
    } do
      assert.is_nil(server:listen(address, other:serverPort()))
      assert.same(expected, { server:serverError(), server:errorString() })
      assert.is_nil(socket:bind(address, other:serverPort()))
      assert.same(expected, { socket:error(), socket:errorString() })
      assert.equal("UnconnectedState", socket:state())
      assert.equal(0, socket:localPort())
    end
  end)

  it("of a privileged port is SocketAccessError, 'The address is protected'", function()
    local file <close> = io.open "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    local first = file and math.tointeger(file:read "n") or 1024
    if first <= 1 then return pending "no port is privileged here" end
    local script = helper.file [[
      local moonport = require "moonport"
      local server, socket = moonport.TcpServer(), moonport.TcpSocket()
      server:listen("127.0.0.1", 1)
      socket:bind("127.0.0.1", 1)
      print(server:serverError(), server:errorString(), socket:error(), socket:errorString())
      moonport.quit()
    ]]
    local command = { os.getenv "MOONPORT" or "build/asan/moonport", script }
    local id <close> = assert(io.popen "id -u")
    if id:read "l" == "0" then
      -- root may bind everything: drop the capability
      local found <close> = assert(io.popen "command -v setpriv")
      if not found:read "l" then return pending "root, and no setpriv(1) to give rights away" end
      table.move(command, 1, 2, 4)
      table.move({ "setpriv", "--bounding-set", "-net_bind_service" }, 1, 3, 1, command)
      table.insert(command, 4, "--inh-caps=-net_bind_service")
    end
    local status, out, err = helper.run(command)
    assert.equal(0, status, err)
    local expected = "SocketAccessError\tThe address is protected"
    assert.equal(expected .. "\t" .. expected .. "\n", out)
  end)

  it("of a bind in the wrong state is UnfinishedSocketOperationError, and the connection stays", function()
    local socket, peer = sockets.withPlain()
    local ok, _, code = socket:bind("127.0.0.1", 0)
    assert.is_nil(ok)
    assert.equal("UnfinishedSocketOperationError", code)
    assert.equal("ConnectedState", socket:state())
    socket:write "on"
    assert.equal("on", peer:receive(2))
  end)

  it("of an invalid descriptor is UnsupportedSocketOperationError", function()
    local server, socket = sockets.closing(moonport.TcpServer()), sockets.socket()
    sockets.fails("UnsupportedSocketOperationError", server:setSocketDescriptor(-1))
    sockets.fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(12345))
    assert.equal("UnsupportedSocketOperationError", socket:error())
    sockets.fails("UnsupportedSocketOperationError", sockets.socket():setSocketDescriptor(-1))
  end)

  it("of running out of descriptors is SocketResourceError, 'Out of resources'", function()
    local posix = helper.posix
    local server, socket = sockets.closing(moonport.TcpServer()), sockets.socket()
    local lowest = assert(posix.socket())
    posix.close(lowest)
    local limit = assert(posix.limitDescriptors(lowest))
    local listened, _, code = server:listen("127.0.0.1", 0)
    socket:connectToHost("127.0.0.1", 7)
    socket:waitForConnected(helper.timeout)
    posix.limitDescriptors(limit)
    assert.is_nil(listened)
    assert.equal("SocketResourceError", code)
    assert.equal("Out of resources", server:errorString())
    assert.equal("SocketResourceError", socket:error())
  end)
end)
