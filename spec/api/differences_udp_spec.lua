-- SPDX-License-Identifier: MIT
-- The rows of docs/differences.md about UDP; spec/qt/udp_cases_spec.lua tests them in detail.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local udp = require "spec.qt.udp"

describe("Differences from Qt", function()
  after_each(sockets.close)

  it("D27 nothing is lost unnoticed, on the way out or in", function()
    local receiver, sender = udp.bound(), udp.bound()
    local seen = sockets.record(receiver)
    sockets.fails("UnsupportedSocketOperationError", sender:writeDatagram("x", "::1", receiver:localPort()))
    sockets.fails("SocketAddressNotAvailableError", sender:writeDatagram("x", "0.0.0.0", receiver:localPort()))
    local written = sockets.record(sender)
    for _ = 1, 2 do sender:writeDatagram("four", "127.0.0.1", receiver:localPort()) end
    udp.eventually(written, "bytesWritten 8", 1)
    udp.eventually(seen, "readyRead", 1)
    local data, _, _, info = receiver:receiveDatagram(1)
    assert.same({ "f", 4, true }, { data, info.size, info.truncated })
    udp.eventually(seen, "readyRead", 2)
    assert.equal(2, sockets.count(seen, "readyRead"))
  end)

  it("D28 a refusal is told, and an answer leaves from the address that was asked", function()
    local client, server = udp.socket(), udp.bound("any")
    client:connectToHost("127.0.0.1", helper.unusedPort())
    local seen = sockets.record(client)
    client:write "x"
    udp.eventually(seen, "errorOccurred ConnectionRefusedError", 1)
    assert.equal("ConnectedState", client:state())
    function server:datagramReceived(data, address, port) self:writeDatagram(data, address, port) end
    local asker = udp.bound("0.0.0.0")
    asker:writeDatagram("x", "127.0.0.9", server:localPort())
    local _, address = udp.receive(asker)
    assert.equal("127.0.0.9", address)
  end)
end)
