-- SPDX-License-Identifier: MIT
-- Cause: where an error value became text, its __tostring was called unprotected. So task:join raised what
-- that threw, and the log and onError got that error alone, without the traceback of the first.

local moonport = require "moonport"

describe("An error whose __tostring fails", function()
  local values = {
    ["with a text"] = { function() error("worse", 0) end, "worse" },
    ["with a table"] = { function() error {} end, "(error object is a table value)" },
    ["by returning no string"] = { function() return {} end, "'__tostring' must return a string" },
  }
  for how, case in pairs(values) do
    local function fail() error(setmetatable({}, { __tostring = case[1] })) end
    local words = case[2] .. ": in __tostring of an error"

    it(how .. " ends a task, and join says so", function()
      assert.same({ n = 3, nil, words, "TaskFailedError" }, table.pack(moonport.spawn(fail):join()))
    end)

    it(how .. " is reported with its traceback", function()
      local told
      moonport.onError(function(report) told = report end)
      finally(function() moonport.onError(nil) end)
      moonport.spawn(fail):join()
      assert.equal(words, told:match "[^\n]*")
      assert.matches("error_without_words_spec.lua:%d+: in ", told)
    end)
  end
end)
