-- SPDX-License-Identifier: MIT
-- What RFC 6455 asks of texts, closes and extensions, of both sides: see websocket_conformance_spec.lua.

local sides = require "spec.websocket_sides"
local wire = require "spec.websocket"

local TEXT, PING, PONG, CLOSE = wire.TEXT, wire.PING, wire.PONG, wire.CLOSE
local PART = { final = false }

-- The first and the last character of each length, those around the surrogates, and all that stand for nothing.
local valid = { "", "hello\u{24}world", "hello\u{A2}world", "hello\u{20AC}world", "hello\u{24B62}world" }
for _, code in ipairs {
  0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfdd0, 0xfdef, 0xfff9, 0xfffd, 0x10000, 0x10ffff,
} do
  valid[#valid + 1] = utf8.char(code)
end
for plane = 0, 16 do valid[#valid + 1] = utf8.char(plane << 16 | 0xfffe, plane << 16 | 0xffff) end

-- What is UTF-8 up to its last byte, which can't be.
local wrong = { "\x80", "\xbf", "\xc0", "\xc1", "\xf5", "\xf7", "\xf8", "\xfb", "\xfc", "\xfd", "\xfe", "\xff" }
for _, lead in ipairs { "\xc2", "\xdf", "\xe1", "\xe1\x80", "\xef\xbf", "\xf1", "\xf1\x80", "\xf3\xbf\xbf" } do
  for _, last in ipairs { "\0", " ", "\x7f", "\xc0", "\xe0", "\xff" } do wrong[#wrong + 1] = lead .. last end
end
for lead, range in pairs { -- long forms, surrogates, and what is above U+10FFFF
  ["\xe0"] = "\x80\x9f", ["\xed"] = "\xa0\xad\xb0\xbf", ["\xf0"] = "\x80\x8f", ["\xf4"] = "\x90\xbf",
} do
  for last in range:gmatch "." do wrong[#wrong + 1] = lead .. last end
end

for side, open in pairs(sides) do
  describe("As a " .. side .. ", moonport.websocket", function()
    local peer

    before_each(function() peer = open() end)
    after_each(function() peer = peer:finish() end)

    local function expect(opcode, payload) assert.same({ opcode, payload, true }, { peer:take() }) end

    local function refused(code, reason)
      assert.same({ code, reason }, { peer:closed() })
      assert.same({ code, reason }, peer:told())
      peer:finish()
      peer = open()
    end

    -- The frames of a text, a byte in each.
    local function bytewise(text, final)
      local frames = {}
      for i = 1, #text do
        frames[i] = peer:frame(i == 1 and TEXT or 0, text:sub(i, i), { final = final and i == #text })
      end
      return frames
    end

    it("echoes texts of any characters, in any fragments and pieces", function()
      for _, text in ipairs(valid) do
        peer:send(peer:frame(TEXT, text))
        expect(TEXT, text)
        if text ~= "" then
          peer:pieces(bytewise(text, true), "frames")
          expect(TEXT, text)
        end
        peer:pieces(peer:frame(TEXT, text), 1)
        expect(TEXT, text)
      end
      peer:send(peer:frame(TEXT, "caf\xc3\xa9", PART) .. peer:frame(0, "\u{1f600}"))
      expect(TEXT, "café\u{1f600}")
      peer:leave()
    end)

    it("takes each beginning of a text that ends with a character, and no other", function()
      local text = "κόσμε\u{1f600}"
      for size = 1, #text do
        peer:send(peer:frame(TEXT, text:sub(1, size)))
        if utf8.len(text:sub(1, size)) then
          expect(TEXT, text:sub(1, size))
        else
          refused(1007, "the text isn't UTF-8")
        end
      end
      peer:leave()
    end)

    it("refuses a text at its first wrong byte, before the fragment or the message ends", function()
      for _, bytes in ipairs(wrong) do
        local text = "caf\xc3\xa9 " .. bytes
        -- the rest of the frame doesn't come
        local frame = peer:frame(TEXT, text .. (" "):rep(50))
        peer:send(frame:sub(1, -51))
        refused(1007, "the text isn't UTF-8")
        -- nor do further fragments
        peer:pieces(bytewise(text, false), "frames")
        refused(1007, "the text isn't UTF-8")
        -- up to that byte, nothing is wrong
        peer:send(peer:frame(TEXT, text:sub(1, -2), PART) .. peer:frame(PING, "fine"))
        expect(PONG, "fine")
        peer:send(peer:frame(0, bytes:sub(-1), PART))
        refused(1007, "the text isn't UTF-8")
      end
      peer:leave()
    end)

    it("lets binary messages be anything", function()
      for _, bytes in ipairs(wrong) do
        peer:send(peer:frame(wire.BINARY, bytes))
        expect(wire.BINARY, bytes)
      end
      peer:leave()
    end)

    it("answers a close with its code, whole and byte by byte, and has the reason", function()
      local codes = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 }
      for i, code in ipairs(codes) do
        for _, pieces in ipairs { 1000, 1 } do
          local reason = i % 2 == 0 and "" or ("é"):rep(61) .. "."
          peer:pieces(peer:frame(CLOSE, wire.code(code, reason)), pieces)
          assert.same({ code, "" }, { peer:closed() })
          assert.same({ code, reason }, peer:told())
          peer:finish()
          peer = open()
        end
      end
      peer:send(peer:frame(CLOSE, ""))
      assert.is_nil(peer:closed())
      assert.same({ 1005, "" }, peer:told())
    end)

    it("refuses closes with half a code, a code that may not be sent, or a reason that isn't UTF-8", function()
      for _, missing in ipairs { 0, 1 } do -- it is clear before the half comes
        peer:send(peer:frame(CLOSE, "\x03"):sub(1, -1 - missing))
        refused(1002, "a close with half a code")
      end
      for _, code in ipairs { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535 } do
        peer:send(peer:frame(CLOSE, wire.code(code)))
        refused(1002, "a close with a code that may not be sent")
      end
      for _, bytes in ipairs(wrong) do
        peer:send(peer:frame(CLOSE, wire.code(1000, "é" .. bytes)))
        refused(1007, "the reason of a close isn't UTF-8")
      end
      peer:send(peer:frame(CLOSE, wire.code(1000, "\xe2\x82")))
      refused(1007, "the reason of a close isn't UTF-8")
      peer:send(peer:frame(CLOSE, wire.code(1000, ("x"):rep(124))))
      refused(1002, "a control frame that is too long")
      peer:leave()
    end)

    it("ignores whatever comes behind a close: another one, pings, messages, fragments", function()
      local close = peer:frame(CLOSE, wire.code(1000))
      for _, behind in ipairs {
        { CLOSE, wire.code(1001) }, { PING, "" }, { TEXT, "late" }, { 0, "late" }, { 3, "wrong" }, { TEXT, "\xff" },
      } do
        for _, pieces in ipairs { 1000, "frames" } do
          peer:pieces({ peer:frame(TEXT, "soon"), close, peer:frame(table.unpack(behind)) }, pieces)
          expect(TEXT, "soon")
          refused(1000, "")
          peer:pieces({ peer:frame(TEXT, "one", PART), close, peer:frame(table.unpack(behind)) }, pieces)
          assert.same({ 1000, "" }, { peer:closed() })
          assert.same({ { 1000, "" }, {} }, { peer:told(), peer.messages })
          peer:finish()
          peer = open()
        end
      end
    end)

    it("sends what it has to say in front of a close, however large", function()
      local large = ("*"):rep(256 << 10)
      peer:send(peer:frame(TEXT, large) .. peer:frame(CLOSE, wire.code(1000)) .. peer:frame(PING, ""))
      expect(TEXT, large)
      refused(1000, "")
      peer:leave()
    end)

    it("closes first, and takes a close that crosses its own as the answer", function()
      for _, crossing in ipairs { wire.code(1000), wire.code(4000, "mine"), "" } do
        peer.ws:close(1001, "ours")
        peer:send(peer:frame(TEXT, "late") .. peer:frame(PING, "late") .. peer:frame(CLOSE, crossing))
        assert.equal("ClosingState", peer.ws:state())
        assert.same({ 1001, "ours" }, { peer:closed() })
        local code = crossing == "" and 1005 or (">I2"):unpack(crossing)
        assert.same({ { code, crossing:sub(3) }, {} }, { peer:told(), peer.messages })
        peer:finish()
        peer = open()
      end
    end)

    it("neither offers nor takes compression, and refuses frames that are", function()
      if side == "client" then
        assert.is_nil(peer.fields["sec-websocket-extensions"])
      else
        for _, offer in ipairs {
          "permessage-deflate", "permessage-deflate; client_max_window_bits",
          "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
          "permessage-deflate; client_max_window_bits=\"15\", permessage-deflate", "x-webkit-deflate-frame", "a;b;c",
        } do
          peer:finish()
          peer = open(nil, { ["Sec-WebSocket-Extensions"] = offer })
          assert.is_nil(peer.fields["sec-websocket-extensions"])
          peer:send(peer:frame(TEXT, "plain"))
          expect(TEXT, "plain")
        end
      end
      peer:send(peer:frame(TEXT, "\xf2\x48\xcd\xc9\xc9\x07\0", { reserved = 4 })) -- "Hello", as it would be
      refused(1002, "a reserved bit is set")
      peer:leave()
    end)
  end)
end
