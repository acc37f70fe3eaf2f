-- The files of a folder as answers to HTTP requests: http.files(folder[, options]). It knows ranges, conditional
-- requests (RFC 9110, 13), and index.html for a folder.
--
-- It answers these with 404: names that begin with a dot (except .well-known), so also "..", however it is written;
-- symbolic links, wherever they lead; anything that is neither file nor folder. The folder itself may be a link.
--
-- Opening a file, and reading a short one, blocks the loop until the disk answers. This suits local disks.
-- SPDX-License-Identifier: MIT

local head = require "moonport.http.head"
local message = require "moonport.http.message"

local types = {
  html = "text/html; charset=utf-8", htm = "text/html; charset=utf-8", css = "text/css; charset=utf-8",
  js = "text/javascript; charset=utf-8", mjs = "text/javascript; charset=utf-8", json = "application/json",
  txt = "text/plain; charset=utf-8", md = "text/markdown; charset=utf-8", lua = "text/plain; charset=utf-8",
  xml = "application/xml", svg = "image/svg+xml", png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg",
  gif = "image/gif", webp = "image/webp", avif = "image/avif", ico = "image/vnd.microsoft.icon",
  woff = "font/woff", woff2 = "font/woff2", ttf = "font/ttf", pdf = "application/pdf", wasm = "application/wasm",
  mp3 = "audio/mpeg", ogg = "audio/ogg", mp4 = "video/mp4", webm = "video/webm", zip = "application/zip",
  gz = "application/gzip", csv = "text/csv; charset=utf-8",
}

local plain = { ["Content-Type"] = "text/plain; charset=utf-8" }

local function problem(status, text)
  return status, plain, text .. "\n"
end

-- Whether a list of tags has this one; weakly (W/"x" is "x") or strongly. An asterisk is whatever there is.
local function tagged(list, tag, weakly)
  if list == "*" then return true end
  if not tag then return false end
  for weak, one in list:gmatch '(W?/?)("[^"]*")' do
    if one == tag and (weakly or weak == "") then return true end
  end
  return false
end

-- What the conditions of a request lead to (RFC 9110, 13.2.2); time is nil if it can't be relied on. -> 412, 304 or nil
local function precondition(headers, tag, time, modified)
  if headers["if-match"] then
    if not tagged(headers["if-match"], tag, false) then return 412 end
  elseif headers["if-unmodified-since"] then
    local since = message.time(headers["if-unmodified-since"])
    if since and modified > since then return 412 end
  end
  if headers["if-none-match"] then
    if tagged(headers["if-none-match"], tag, true) then return 304 end
  elseif headers["if-modified-since"] then
    local since = message.time(headers["if-modified-since"])
    if since and time and time <= since then return 304 end
  end
end

local function number(digits) return #digits > 15 and math.maxinteger or tonumber(digits) end

-- The part of the file that the request asks for. -> first, last | false: there is no such part | nil: the whole file
-- Several parts at once get the whole file; so does a part of another version of the file (If-Range).
local function range(request, size, tag, time)
  local header = request.headers.range
  if not header or request.method ~= "GET" then return nil end
  local condition = request.headers["if-range"]
  if condition and condition ~= tag and not (time and condition == message.date(time)) then return nil end
  local first, last = header:lower():match "^bytes=%s*(%d*)%-(%d*)$"
  if not first or first == "" and last == "" then return nil end
  if first == "" then -- the last `last` bytes
    local count = math.min(number(last), size)
    if count == 0 then return false end
    return size - count, size - 1
  end
  first, last = number(first), last ~= "" and number(last) or math.maxinteger
  if last < first then return nil end
  if first >= size then return false end
  return first, math.min(last, size - 1)
end

local function typeOf(name, more)
  local ending = name:match "%.(%w+)$"
  ending = ending and ending:lower()
  return more and more[ending] or types[ending] or "application/octet-stream"
end

local short = 64 * 1024   -- bytes of a file that is kept in memory
local most = 8 << 20      -- bytes of all that are

local words = { [404] = "no such file", [403] = "the file can't be read" }

-- Where the browser must ask for the folder: without the slash, the page's relative links would be wrong.
local function moved(request)
  local query = request.query ~= "" and "?" .. request.query or ""
  return 301, { Location = ((request.prefix or "") .. request.path):gsub("^/+", "/") .. "/" .. query }
end

-- A file as it is now: size, modified (nanoseconds), inode, headers, tag, time, and stream or, if it is short, text.
-- `kept` has short ones that were read before, which are read again if they have changed. -> file | false: it is a
-- folder | nil, status
local function load(folder, options, kept, path)
  local before = kept.files[path]
  if before then
    local size, modified, inode = head.look(folder, path)
    if size == before.size and modified == before.modified and inode == before.inode then return before end
    kept.files[path], kept.bytes = nil, kept.bytes - before.size
  end
  local stream, size, modified, inode = head.open(folder, path)
  if not stream then return stream, size end
  -- A file that changed in the last two seconds has neither tag nor date, and isn't kept: dates are coarse, so it could
  -- change once more and keep its date.
  local seconds = modified // 1000000000
  local settled = os.time() - seconds >= 2
  local tag = settled and ('"%x-%x-%x"'):format(inode, size, seconds) or nil
  local time = settled and seconds or nil
  local file = { size = size, modified = modified, inode = inode, stream = stream, tag = tag, time = time, headers = {
    ["Content-Type"] = typeOf(path, options.types), ["X-Content-Type-Options"] = "nosniff", ["Accept-Ranges"] = "bytes",
    ["Last-Modified"] = time and message.date(time), ["Cache-Control"] = options.cache, ETag = tag,
  } }
  if settled and size <= short then
    file.text = stream:read(size > 0 and size or 1) or ""
    stream:close()
    file.stream = nil
    if #file.text ~= size then return nil, 500 end -- it has changed meanwhile
    if kept.bytes + size > most then kept.files, kept.bytes = {}, 0 end
    kept.files[path], kept.bytes = file, kept.bytes + size
  end
  return file
end

local function finish(file, status, ...)
  if file.stream then file.stream:close() end
  return status, ...
end

local function serve(folder, options, kept, request)
  local path = message.decode(request.path)
  if not path or path:sub(1, 1) ~= "/" and path ~= "" then return problem(400, "bad path") end
  if path == "" and request.prefix then return moved(request) end
  local isFolder = path:sub(-1) == "/"
  if isFolder then path = path .. (options.index or "index.html") end
  local file, refusal = load(folder, options, kept, path)
  if file == false then
    if isFolder then return problem(404, words[404]) end
    return moved(request)
  end
  if not file then return problem(refusal, words[refusal] or "the file can't be read") end
  local size, headers = file.size, {} -- a copy: whoever wraps this handler may change it
  for name, value in pairs(file.headers) do headers[name] = value end
  local status = precondition(request.headers, file.tag, file.time, file.modified // 1000000000)
  if status == 304 then return finish(file, 304, headers) end
  if status then return finish(file, problem(status, "the file has changed")) end
  local first, last = range(request, size, file.tag, file.time)
  if first == false then return finish(file, 416, { ["Content-Range"] = "bytes */" .. size }) end
  if first then
    headers["Content-Range"] = ("bytes %d-%d/%d"):format(first, last, size)
    status = 206
  end
  local body = file.text
  if not body then
    body = { file = file.stream, offset = first or 0, length = first and last - first + 1 or size }
  elseif first then
    body = body:sub(first + 1, last + 1)
  end
  return status or 200, headers, body
end

local known = { index = "string", types = "table", cache = "string" }

--- options: index (default "index.html"), types (ending -> Content-Type), cache (Cache-Control)
--- -> function(request) -> status, headers, body
return function(folder, options)
  if type(folder) ~= "string" then error("http.files: the name of a folder expected", 2) end
  if head.open(folder, "") ~= false then error("not a folder: " .. folder, 0) end
  options = options or {}
  for name, value in pairs(options) do
    if type(value) ~= known[name] then error(("http.files: bad option %s"):format(tostring(name)), 2) end
  end
  local kept = { files = {}, bytes = 0 }
  return function(request)
    if request.method ~= "GET" and request.method ~= "HEAD" then
      return 405, { Allow = "GET, HEAD" }
    end
    return serve(folder, options, kept, request)
  end
end
