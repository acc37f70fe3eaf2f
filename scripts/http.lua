-- SPDX-License-Identifier: MIT
-- Web server: the files of a folder, and routes that speak JSON.
--   moonport http.lua [port [address [folder]]] [--tls CERTIFICATE KEY [--clients AUTHORITY]]
-- The defaults are port 8080 of 127.0.0.1 and the folder in which you start it; unix:/path may take the place of both
-- port and address. Open it in a browser, or use
--   curl http://127.0.0.1:8080/api/status
--   curl --json '{"text":"hello"}' http://127.0.0.1:8080/api/notes
-- With --tls it is encrypted (https); with --clients only who shows a certificate of that authority is served.
-- `moonport --log-level debug http.lua` logs each request. Needs lua-cjson.
local moonport = require "moonport"
local http = require "moonport.http"

local given, listener = require "tls_option" (arg, { "http/1.1" })
local where = require "where"
local place, rest = where.from(given, 8080)
local folder = rest[1] or "."

local function need(module, package)
  local found, value = pcall(require, module)
  if found then return value end
  error(("needs %s: apt install %s, or luarocks install %s"):format(module, package, module), 0)
end

local json = need("cjson", "lua-cjson")
local isFolder, files = pcall(http.files, folder)
if not isFolder then error(files, 0) end

-- What a reload keeps.
local kept = moonport.persist("http", { requests = 0, since = os.time(), notes = {} })

local function answer(status, value)
  return status, { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store" }, value .. "\n"
end

local function complaint(status, text)
  return answer(status, json.encode { error = text })
end

-- Put your routes here, and save: with --watch they are served at once.
local routes = http.router()
routes.otherwise = files

routes:get("/api/status", function()
  return answer(200, json.encode {
    requests = kept.requests, seconds = os.time() - kept.since, connections = moonport.stats().connections,
    generation = moonport.generation(), version = moonport.version,
  })
end)

routes:get("/api/notes", function() return answer(200, '{"notes":[' .. table.concat(kept.notes, ",") .. "]}") end)

routes:post("/api/notes", function(request)
  local kind = request:header "Content-Type" or ""
  if not kind:lower():find "^application/json" then return complaint(415, "send application/json") end
  local sound, note = pcall(json.decode, request.body)
  if not sound or type(note) ~= "table" or type(note.text) ~= "string" then
    return complaint(400, 'send {"text": "..."}')
  end
  if #note.text > 1000 or not utf8.len(note.text) then return complaint(400, "at most 1000 bytes of UTF-8") end
  local text = ('{"text":%s,"time":%d}'):format(json.encode(note.text), os.time())
  table.insert(kept.notes, text)
  if #kept.notes > 100 then table.remove(kept.notes, 1) end
  return answer(201, text)
end)

local server = http.server(function(request, socket)
  kept.requests = kept.requests + 1
  return routes(request, socket)
end, { server = listener })

moonport.onQuit(function() server:finish() end) -- gives downloads the grace time to finish
assert(server:listen(table.unpack(place)))
moonport.log.info("http: listening on %s, serving %s", where.of(server), folder)
