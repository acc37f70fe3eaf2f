-- SPDX-License-Identifier: MIT
-- What the specs of the web server and the gateway share: a folder, the service, and a client that sends its
-- requests byte by byte.

local helper = require "spec.helper"
local lfs = require "lfs"

local web = {}
local folders = {}

--- A folder with these files (name -> text, or true for a folder), with an old time of change. -> its path
function web.folder(files)
  local folder = os.tmpname()
  os.remove(folder)
  assert(lfs.mkdir(folder))
  folders[#folders + 1] = folder
  local names = {}
  for name in pairs(files) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local path = folder .. "/" .. name
    if files[name] == true then assert(lfs.mkdir(path)) else helper.rewrite(path, files[name]) end
    assert(lfs.touch(path, 1000000000, 1000000000)) -- Sun, 09 Sep 2001 01:46:40 GMT
  end
  return folder
end

--- Removes all folders of the spec that ended: `after_each(web.clean)`.
function web.clean()
  for _, folder in ipairs(folders) do os.execute(("rm -rf '%s'"):format(folder)) end
  folders = {}
end

-- AddressSanitizer holds freed memory for a while. With a small quarantine, the process' memory is
-- meaningful.
web.environment = { ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":quarantine_size_mb=1" }

--- Starts scripts/http.lua for a folder. -> program, port
function web.serve(folder)
  local program = helper.program {
    script = "scripts/http.lua", args = { 0, "127.0.0.1", folder }, environment = web.environment,
  }
  return program, tonumber((program:waitForLine "http: listening on .* port (%d+)"))
end

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

--- A copy of the scripts that a spec may edit. -> its path, and a function that replaces a text in one of the
--- files
function web.copy()
  local files = {}
  for name in lfs.dir "scripts" do
    if name:find "%.lua$" then files[name] = read("scripts/" .. name) end
  end
  local folder = web.folder(files)
  return folder, function(name, old, new)
    local path = folder .. "/" .. name
    local text = read(path)
    local from, to = text:find(old, 1, true)
    assert(from, old)
    helper.rewrite(path .. ".new", text:sub(1, from - 1) .. new .. text:sub(to + 1))
    assert(os.rename(path .. ".new", path))
  end
end

--- Starts a server with a function of Lua text `answer` and options; `more` is run before; programOptions are the
--- program's. -> program, port
function web.server(answer, options, more, programOptions)
  local folder = web.folder {}
  helper.rewrite(folder .. "/server.lua", ([[
    local moonport = require "moonport"
    local http = require "moonport.http"
    %s
    local server = http.server(function(request, socket) %s end, { %s })
    assert(server:listen("127.0.0.1", 0))
    moonport.log.info("listening on %%d", server:serverPort())
  ]]):format(more or "", answer, options or ""))
  local program = helper.program {
    options = programOptions, script = folder .. "/server.lua", environment = web.environment,
  }
  return program, tonumber((program:waitForLine "listening on (%d+)$")), folder
end

--- Receives a response. -> status, headers (names in lower case), body; method "HEAD": it has none
function web.receive(client, method)
  local status = tonumber(client:receiveLine():match "^HTTP/1%.1 (%d%d%d) [%w ]+\r\n$")
  assert(status, "no status line")
  local headers = {}
  while true do
    local line = client:receiveLine()
    if line == "\r\n" then break end
    local name, value = line:match "^([%w-]+): (.*)\r\n$"
    assert(name, line)
    assert(not headers[name:lower()], "twice: " .. line)
    headers[name:lower()] = value
  end
  if status < 200 or status == 204 or status == 304 or method == "HEAD" then return status, headers, "" end
  return status, headers, client:receive(tonumber(headers["content-length"]))
end

--- Sends a request with Host and further lines, and receives its response.
function web.request(client, method, path, lines, body)
  client:send(("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s"):format(method, path, lines or "", body or ""))
  return web.receive(client, method)
end

--- Kilobytes of memory that a program uses.
function web.memory(program)
  local file <close> = assert(io.open(("/proc/%d/status"):format(program.pid)))
  return tonumber(file:read("a"):match "VmRSS:%s*(%d+) kB")
end

return web
