-- SPDX-License-Identifier: MIT
-- The place of an error deep within a recursion of a main chunk was searched at each level, from the top each
-- time. With 150,000 levels that took 39 s, during which a service that was being reloaded stopped. Now the
-- number of levels that are searched is limited.

local reload = require "spec.host.reload"

describe("An error deep within a recursion", function()
  it("fails a reload, and the service goes on", function()
    local service = reload.start "function person:readyRead() self:write(self:readAll()) end"
    local client = service:connect()
    for _, message in ipairs {
      "'deep'", "'deep', 0", "{}", "setmetatable({}, { __tostring = function() return 'deep' end })",
    } do
      local text = service:reloadFails(([[
        local function down(n)
          if n == 0 then error(%s) end
          return 1 + down(n - 1)
        end
        down(150000)
      ]]):format(message))
      assert.is_truthy(text:find "^main%.lua:3: deep$" or text:find "^%(error object is a table value%)$"
        or text == "deep", text)
      assert.are.equal("still", reload.ask(client, "still"))
    end
    service:remove()
  end)
end)
