-- SPDX-License-Identifier: MIT
-- A web server: a few bytes, a routed answer in JSON, and the files of a folder.   moonport http.lua FOLDER PORT
local http = require "moonport.http"
local json = require "cjson"

local routes = http.router()
routes.otherwise = http.files(arg[1])

routes:get("/hello", function() return 200, { ["Content-Type"] = "text/plain" }, "hello\n" end)

routes:get("/users/:id", function(request)
  local user = { id = request.params.id, name = "Somebody", roles = { "reader", "writer" } }
  return 200, { ["Content-Type"] = "application/json" }, json.encode(user)
end)

local server = http.server(routes)
assert(server:listen("127.0.0.1", arg[2] or 8080))
