-- SPDX-License-Identifier: MIT
-- Web server: the files of a folder, and routes that speak JSON.   moonport http.lua [port [address [folder]]]
-- The defaults are port 8080 of 127.0.0.1 and the folder in which you start it. Open it in a browser, or use
--   curl http://127.0.0.1:8080/api/status
--   curl --json '{"text":"hello"}' http://127.0.0.1:8080/api/notes
-- `moonport --log-level debug http.lua` logs each request. Needs luafilesystem and lua-cjson.
local moonport = require "moonport"

local port, address, folder = math.tointeger(tonumber(arg[1] or 8080)), arg[2] or "127.0.0.1", arg[3] or "."

local function need(module, package)
  local found, value = pcall(require, module)
  if found then return value end
  error(("needs %s: apt install %s, or luarocks install %s"):format(module, package, module), 0)
end

local json = need("cjson", "lua-cjson")
local lfs = need("lfs", "lua-filesystem")
local httpServer = require "http_server"
local files = require "http_files" (folder)

if not port or port < 0 or port > 65535 then error("not a port: " .. arg[1], 0) end
if address ~= "localhost" and not moonport.HostAddress(address) then error("not an address: " .. address, 0) end
if lfs.attributes(folder, "mode") ~= "directory" then error("not a folder: " .. folder, 0) end

-- What a reload keeps.
local kept = moonport.persist("http", { requests = 0, since = os.time(), notes = {} })

local function answer(status, value)
  return status, { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store" }, value .. "\n"
end

local function complaint(status, text)
  return answer(status, json.encode { error = text })
end

-- Path -> method -> the function that answers. Put yours here, and save: with --watch it is served at once.
local routes = {}

routes["/api/status"] = {
  GET = function()
    return answer(200, json.encode {
      requests = kept.requests, seconds = os.time() - kept.since, connections = moonport.stats().connections,
      generation = moonport.generation(), version = moonport.version,
    })
  end,
}

routes["/api/notes"] = {
  GET = function()
    return answer(200, '{"notes":[' .. table.concat(kept.notes, ",") .. "]}")
  end,

  POST = function(request)
    local kind = request.headers["content-type"] or ""
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
  end,
}

local function allowed(route)
  local list = { "OPTIONS" }
  for method in pairs(route) do list[#list + 1] = method end
  if route.GET then list[#list + 1] = "HEAD" end
  table.sort(list)
  return table.concat(list, ", ")
end

local server = httpServer(function(request)
  kept.requests = kept.requests + 1
  local route = routes[request.path]
  if not route then return files(request) end
  local handler = route[request.method == "HEAD" and "GET" or request.method]
  if handler then return handler(request) end
  return request.method == "OPTIONS" and 204 or 405, { Allow = allowed(route) }
end)

moonport.onQuit(function() server:finish() end) -- gives downloads the grace time to finish
assert(server:listen(address, port))
moonport.log.info("http: listening on %s port %d, serving %s", server:serverAddress(), server:serverPort(), folder)
