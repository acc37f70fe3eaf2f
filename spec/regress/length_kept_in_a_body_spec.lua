-- SPDX-License-Identifier: MIT
-- A handler that returns the same table { file = path } for each request sent only as much of the file as it had at the
-- first. Cause: moonport.http wrote the file's size into the handler's table, where it counted as what the handler
-- wants. Fix: the table stays as it is.

local helper = require "spec.helper"
local http = require "moonport.http"

describe("The body { file = path } of a handler", function()
  it("is the whole file, however often the handler returns the same table, and is left alone", function()
    local path = helper.file "one"
    local whole, part = { file = path }, { file = path, offset = 1 }
    local server <close> = http.server(function(request) return 200, nil, request.path == "/part" and part or whole end)
    assert(server:listen("127.0.0.1", 0))
    local base = "http://127.0.0.1:" .. server:serverPort()
    for _, text in ipairs { "one", "one two", "o" } do
      helper.rewrite(path, text)
      assert.equal(text, assert(http.request(base .. "/")).body)
      assert.equal(text:sub(2), assert(http.request(base .. "/part")).body)
      assert.equal(tostring(#text), assert(http.request { url = base, method = "HEAD" }):header "Content-Length")
    end
    assert.same({ { file = path }, { file = path, offset = 1 } }, { whole, part })
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)
end)
