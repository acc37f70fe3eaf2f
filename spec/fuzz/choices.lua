-- What a fuzzer in Lua makes of its input: choices, and texts. An input that has ended chooses 0 and "".
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local Choices = {}
Choices.__index = Choices

--- From 0 to n - 1.
function Choices:below(n)
  local byte = self.bytes:byte(self.at) or 0
  self.at = self.at + 1
  return byte % n
end

function Choices:of(list) return list[self:below(#list) + 1] end

--- A text of so many bytes at most.
function Choices:text(most)
  local size = self:below(math.min(most, 255) + 1)
  local text = self.bytes:sub(self.at, self.at + size - 1)
  self.at = self.at + size
  return text
end

--- All that is left.
function Choices:rest()
  local text = self.bytes:sub(self.at)
  self.at = #self.bytes + 1
  return text
end

function Choices:more() return self.at <= #self.bytes end

local choices = {}

local problem
moonport.onError(function(text) problem = problem or text end)

function choices.of(bytes) return setmetatable({ bytes = bytes, at = 1 }, Choices) end

--- Runs the loop until `done` returns a true value, which it returns; raises `what` if that takes too long.
function choices.eventually(what, done)
  for turn = 1, 4000 do
    local result = done()
    if result then return result end
    moonport.sleep(turn < 50 and 0 or 1)
  end
  error("never: " .. (type(what) == "function" and what() or what), 2)
end

--- Raises what a handler has raised.
function choices.check()
  local text = problem
  problem = nil
  if text then error(text, 2) end
end

function choices.expect(what, expected, got)
  if expected ~= got then
    error(("%s: expected %q, got %q"):format(what, tostring(expected), tostring(got)), 2)
  end
end

return choices
