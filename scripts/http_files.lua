-- SPDX-License-Identifier: MIT
-- The files of a folder as answers to HTTP requests: `local files = httpFiles "public"`. files(request) returns status,
-- headers and body for http_server.lua. It knows ranges, conditional requests, and index.html for a folder.
--
-- It answers these with 404: names that begin with a dot (except .well-known), so also "..", however it is written;
-- symbolic links, wherever they lead; anything that is neither file nor folder. The folder itself may be a link.
--
-- Reading a file blocks the loop until the disk answers. This suits local disks.
local lfs = require "lfs"
local message = require "http_message"

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

-- The name of the file for a path, and its attributes from lfs. -> name, attributes | nil
local function find(folder, path)
  local name, attributes = folder, { mode = "directory" }
  for part in path:gmatch "[^/]+" do
    if part:find "^%." and part ~= ".well-known" then return nil end
    name = name .. "/" .. part
    attributes = lfs.symlinkattributes(name)
    if not attributes or attributes.mode ~= "file" and attributes.mode ~= "directory" then return nil end
  end
  return name, attributes
end

-- Tag and date of a file. A file that changed in the last two seconds has neither: its date counts whole seconds, so
-- the file could change once more and keep its date.
local function validators(attributes)
  if os.time() - attributes.modification < 2 then return nil end
  return ('"%x-%x-%x"'):format(attributes.ino, attributes.size, attributes.modification), attributes.modification
end

-- Whether a list of tags has this one; weakly (W/"x" is "x") or strongly.
local function tagged(list, tag, weakly)
  if not tag then return false end
  if list:find "^%s*%*%s*$" then return true end
  for weak, one in list:gmatch '(W?/?)("[^"]*")' do
    if one == tag and (weakly or weak == "") then return true end
  end
  return false
end

-- What the conditions of a request lead to (RFC 9110, 13.2.2). -> 412, 304 or nil
local function precondition(headers, tag, time)
  if headers["if-match"] then
    if not tagged(headers["if-match"], tag, false) then return 412 end
  elseif headers["if-unmodified-since"] then
    local since = message.time(headers["if-unmodified-since"])
    if since and (not time or time > since) then return 412 end
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
  local header, condition = request.headers.range, request.headers["if-range"]
  if not header or request.method ~= "GET" then return nil end
  if condition and condition ~= tag and not (time and condition == message.date(time)) then return nil end
  local first, last = header:lower():match "^bytes=%s*(%d*)%-(%d*)%s*$"
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

-- The system's errors for opening a file, as HTTP statuses.
local refusals = { [2] = 404, [13] = 403, [20] = 404, [23] = 503, [24] = 503 } -- ENOENT, EACCES, ENOTDIR, E(N,M)FILE

local function serve(folder, request)
  local path = message.decode(request.path)
  if not path or path:sub(1, 1) ~= "/" then return problem(400, "bad path") end
  local name, attributes = find(folder, path)
  if not name then return problem(404, "no such file") end
  if attributes.mode == "directory" then
    if path:sub(-1) ~= "/" then -- without the slash, the page's relative links would be wrong
      local query = request.query ~= "" and "?" .. request.query or ""
      return 301, { Location = request.path:gsub("^/+", "/") .. "/" .. query }
    end
    name, attributes = find(folder, path .. "index.html")
    if not name then return problem(404, "no such file") end
  elseif path:sub(-1) == "/" then
    return problem(404, "no such file")
  end
  if attributes.mode ~= "file" then return problem(404, "no such file") end

  local tag, time = validators(attributes) -- from before the file is opened: at worst they are older than the content
  local headers = {
    ["Content-Type"] = types[name:match "%.(%w+)$" and name:match("%.(%w+)$"):lower()] or "application/octet-stream",
    ["X-Content-Type-Options"] = "nosniff",
    ["Accept-Ranges"] = "bytes",
    ["Last-Modified"] = time and message.date(time),
    ETag = tag,
  }
  local status = precondition(request.headers, tag, time)
  if status == 304 then return 304, headers end
  if status then return problem(status, "the file has changed") end

  local file, _, code = io.open(name, "rb")
  if not file then return problem(refusals[code] or 500, "the file can't be read") end
  local size = file:seek "end"
  local first, last = range(request, size, tag, time)
  if first == false then
    file:close()
    return 416, { ["Content-Range"] = "bytes */" .. size }
  end
  if first then headers["Content-Range"] = ("bytes %d-%d/%d"):format(first, last, size) end
  first, last = first or 0, last or size - 1
  return headers["Content-Range"] and 206 or 200, headers, { file = file, offset = first, length = last - first + 1 }
end

--- -> function(request) -> status, headers, body
return function(folder)
  return function(request)
    if request.method ~= "GET" and request.method ~= "HEAD" then
      return 405, { Allow = "GET, HEAD" }
    end
    return serve(folder, request)
  end
end
