-- The head of a response, as a client receives it.
-- SPDX-License-Identifier: MIT

local head = require "moonport.http.head"

local Response = {
  methods = {}, -- of each response
  limits = { line = 8192, head = 65536, headers = 200, body = 1 << 53, time = math.huge, rate = 1 },
}

local metatable = {
  __name = "response",
  __index = function(response, name)
    if Response.methods[name] then return Response.methods[name] end
    if name ~= "headers" then return nil end
    response.headers = head.fields(response)
    return response.headers
  end,
}

--- Each value of a header field.
function Response.methods.header(response, name) return head.field(response, name) end

local _, open, feed = head.parser("response", Response.limits, metatable)

--- The head of the final response. -> response, what is behind it, kept, length | nil, message, code, whether some came
function Response.receive(socket)
  local text, some, rounds = socket:readAll(), false, 0
  local reader = open()
  while true do
    some = some or text ~= ""
    local used, response, next, kept, _, length = feed(reader, text)
    if used then
      text = text:sub(used + 1)
      rounds = rounds + 1
      if response.status >= 200 or response.status == 101 then return response, text, kept, length end
      if rounds > 10 then return nil, "too many interim responses", "ProtocolFailure", true end
      reader = open()
    elseif response then
      return nil, "bad response: " .. next, "ProtocolFailure", true
    else
      local ok, why, code = socket:waitForReadyRead(-1)
      if not ok then
        text = socket:readAll() -- what came with the end
        if text == "" then return nil, why, code, some end
      else
        text = socket:readAll()
      end
    end
  end
end

return Response
