-- SPDX-License-Identifier: MIT
-- What RFC 6455 asks of a peer, frame by frame, of both sides: an echo of moonport.websocket as a server, and as a
-- client, with a peer by hand. Texts, closes and compression are in websocket_texts_spec.lua.

local helper = require "spec.helper"
local sides = require "spec.websocket_sides"
local wire = require "spec.websocket"

local TEXT, BINARY, PING, PONG, CLOSE = wire.TEXT, wire.BINARY, wire.PING, wire.PONG, wire.CLOSE
local PART = { final = false }

local function filled(size, opcode) return opcode == TEXT and ("*"):rep(size) or helper.bytes(size) end

for side, open in pairs(sides) do
  describe("As a " .. side .. ", moonport.websocket", function()
    local peer

    before_each(function() peer = open() end)
    after_each(function() peer = peer:finish() end)

    local function expect(opcode, payload)
      local got, content, final = peer:take()
      assert.same({ opcode, #payload, true }, { got, #content, final })
      assert.is_true(content == payload, "another payload")
    end

    it("echoes each form of a length, whole and in pieces", function()
      for _, size in ipairs { 0, 1, 125, 126, 127, 128, 65535, 65536 } do
        for _, opcode in ipairs { TEXT, BINARY } do
          local payload = filled(size, opcode)
          for _, pieces in ipairs { 1 << 20, 997, size < 200 and 1 or 2048 } do
            peer:pieces(peer:frame(opcode, payload), pieces)
            expect(opcode, payload)
          end
        end
      end
      peer:leave()
    end)

    it("finds a frame wherever its bytes are cut, in its head, its mask and its payload", function()
      for _, size in ipairs { 0, 1, 126, 65536 } do
        local payload = filled(size, BINARY)
        local bytes = peer:frame(BINARY, payload)
        for at = 1, math.min(#bytes - 1, 20) do
          peer:pieces({ bytes:sub(1, at), bytes:sub(at + 1) }, "frames")
          expect(BINARY, payload)
        end
      end
      peer:leave()
    end)

    it("answers pings with what they have, whole and byte by byte, and no pongs", function()
      for _, payload in ipairs { "", "Hello", "\0\xff\xfe\xfd\0\xff", ("\xfe"):rep(125) } do
        for _, pieces in ipairs { 1 << 20, 1 } do
          peer:pieces(peer:frame(PING, payload), pieces)
          expect(PONG, payload)
          peer:pieces(peer:frame(PONG, payload) .. peer:frame(PING, "asked"), pieces)
          expect(PONG, "asked")
        end
      end
      for _, pieces in ipairs { 1 << 20, 1 } do
        local pings = {}
        for i = 1, 10 do pings[i] = peer:frame(PING, "ping " .. i) end
        peer:pieces(table.concat(pings), pieces)
        for i = 1, 10 do expect(PONG, "ping " .. i) end
      end
      peer:leave()
    end)

    it("puts fragments together, wherever they are cut, and answers pings among them at once", function()
      for _, pieces in ipairs { 1 << 20, "frames", 1 } do
        for _, opcode in ipairs { TEXT, BINARY } do
          peer:pieces({ peer:frame(opcode, "one", PART), peer:frame(0, "two") }, pieces)
          expect(opcode, "onetwo")
          peer:pieces({ peer:frame(opcode, "", PART), peer:frame(0, "middle", PART), peer:frame(0, "") }, pieces)
          expect(opcode, "middle")
          peer:pieces({ peer:frame(opcode, "", PART), peer:frame(0, "", PART), peer:frame(0, "") }, pieces)
          expect(opcode, "")
        end
        peer:pieces({ peer:frame(TEXT, "1", PART), peer:frame(0, "2", PART), peer:frame(PING, "first") }, pieces)
        expect(PONG, "first")
        peer:pieces({ peer:frame(0, "3", PART), peer:frame(PONG, "unasked"), peer:frame(0, "4", PART),
          peer:frame(PING, "second") }, pieces)
        expect(PONG, "second")
        peer:pieces({ peer:frame(0, "5") }, pieces)
        expect(TEXT, "12345")
      end
      peer:leave()
    end)

    it("takes large messages, in one frame, in fragments, and in pieces", function()
      peer:finish()
      peer = open { limit = 4 << 20 }
      for i, case in ipairs { { 4 << 20 }, { 1 << 20 }, { 1 << 20, 64 }, { 1 << 20, 4096 }, { 4 << 20, 1 << 20 } } do
        local size, part, opcode = case[1], case[2] or case[1], i % 2 == 0 and TEXT or BINARY
        local payload, frames = filled(size, opcode), {}
        for at = 1, size, part do
          frames[#frames + 1] = peer:frame(at == 1 and opcode or 0, payload:sub(at, at + part - 1),
            { final = at + part > size, mask = side == "server" and "\0\0\0\0" or false })
        end
        peer:send(table.concat(frames))
        expect(opcode, payload)
      end
      for _, pieces in ipairs { 256, 2048 } do
        local payload = filled(1 << 18, BINARY)
        peer:pieces(peer:frame(BINARY, payload), pieces)
        expect(BINARY, payload)
      end
      peer:leave()
    end)

    -- What is wrong behind a message that is right, and in front of a ping that must not be answered; each in one
    -- packet, in one for each frame, and in one for each byte.
    local function refuses(frames, reason)
      for _, pieces in ipairs { 1 << 20, "frames", 1 } do
        local all = { peer:frame(TEXT, "right") }
        for _, one in ipairs(frames) do all[#all + 1] = peer:frame(table.unpack(one)) end
        all[#all + 1] = peer:frame(PING, "")
        peer:pieces(all, pieces)
        expect(TEXT, "right")
        assert.same({ 1002, reason }, { peer:closed() })
        assert.same({ 1002, reason }, peer:told())
        peer:finish()
        peer = open()
      end
    end

    it("refuses each reserved bit, in each kind of frame", function()
      for bits = 1, 7 do
        for _, opcode in ipairs { TEXT, BINARY, PING, PONG, CLOSE } do
          refuses({ { opcode, bits % 2 == 0 and "Hello" or "", { reserved = bits } } }, "a reserved bit is set")
        end
      end
      refuses({ { TEXT, "x", PART }, { 0, "y", { reserved = 4 } } }, "a reserved bit is set")
    end)

    it("refuses each reserved opcode, with and without a payload", function()
      for _, opcode in ipairs { 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 } do
        refuses({ { opcode, opcode % 2 == 0 and "Hello" or "" } }, "an unknown opcode")
      end
    end)

    it("refuses control frames that are too long, or in fragments", function()
      for _, opcode in ipairs { PING, PONG, CLOSE } do
        refuses({ { opcode, ("\xfe"):rep(126) } }, "a control frame that is too long")
        refuses({ { opcode, ("\xfe"):rep(65536) } }, "a control frame that is too long")
        refuses({ { opcode, "one", PART }, { 0, "two" } }, "a control frame in fragments")
      end
    end)

    it("refuses continuations of nothing, and messages within others", function()
      local nothing, within = "a continuation of no message", "a message within another one"
      for _, final in ipairs { true, false } do
        refuses({ { 0, "nothing", { final = final } }, { TEXT, "Hello" } }, nothing)
      end
      refuses({ { TEXT, "one", PART }, { TEXT, "two" } }, within)
      refuses({ { TEXT, "one", PART }, { 0, "", PART }, { BINARY, "two", PART } }, within)
    end)

    it("refuses a frame that is masked if it is the server's, or isn't if it is the client's", function()
      local mask = side == "client" and "abcd"
      local reason = mask and "a frame with a mask" or "a frame without a mask"
      for _, opcode in ipairs { TEXT, PING, CLOSE } do refuses({ { opcode, "", { mask = mask } } }, reason) end
    end)
  end)
end
