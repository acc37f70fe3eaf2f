-- Routes: http.router(). A router is itself a handler of requests.
--
--   router:get("/users/:id", handler)     request.params.id
--   router:get("/docs/*path", handler)    request.params.path: all that is left
--
-- The routes are a tree, one level a part of the path. At each level the written part goes before :name, and that
-- before *rest. Parts are compared as they are after percent-decoding, by hash: matching is linear in the path.
-- SPDX-License-Identifier: MIT

local message = require "moonport.http.message"

local find, sub = string.find, string.sub

local Router = {}
local methods = {}

local function notFound() return 404, { ["Content-Type"] = "text/plain" }, "there is nothing here\n" end

-- The parts of a path, decoded: "/a/b%20c" -> "a", "b c". -> list | nil: it is malformed
local function partsOf(path, decode)
  local parts, at = {}, 2
  repeat
    local stop = find(path, "/", at, true)
    local part = decode(sub(path, at, stop and stop - 1))
    if not part then return nil end
    parts[#parts + 1] = part
    at = stop and stop + 1
  until not stop
  return parts
end

local function add(router, method, pattern, handler)
  local call = type(handler) == "table" and getmetatable(handler) and getmetatable(handler).__call
  if type(pattern) ~= "string" or sub(pattern, 1, 1) ~= "/" then error("a route begins with a slash", 3) end
  if type(handler) ~= "function" and not call then error("a handler is a function or a router", 3) end
  local node, names, plain = router.root, {}, true
  for _, part in ipairs(partsOf(pattern, tostring)) do
    local kind, name = part:match "^([:*])(.*)$"
    if node.ended then error("*rest is the last part of a route", 3) end
    if kind then
      if not name:find "^[%a_][%w_]*$" or names[name] then error(("bad name in a route: %s"):format(pattern), 3) end
      names[name], plain = true, false
      names[#names + 1] = name
    end
    local key = kind == ":" and "any" or kind == "*" and "rest" or nil
    if key then
      node[key] = node[key] or { parts = {}, routes = {} }
      node = node[key]
      node.ended = kind == "*"
    else
      node.parts[part] = node.parts[part] or { parts = {}, routes = {} }
      node = node.parts[part]
    end
  end
  if node.routes[method] then error(("a second %s %s"):format(method, pattern), 3) end
  node.routes[method] = { handler = handler, names = names }
  if plain and not find(pattern, "%", 1, true) then router.exact[pattern] = node.routes end
end

-- The route for the method, or for HEAD that of GET.
local function choose(routes, method)
  return routes[method] or method == "HEAD" and routes.GET or routes.ANY
end

-- Walks the tree. values: of the names on the way; allowed: the methods of all that fits. -> route | nil
local function walk(node, parts, i, values, method, allowed)
  local part = parts[i]
  if not part then
    local route = choose(node.routes, method)
    if not route then for name in pairs(node.routes) do allowed[name] = true end end
    return route
  end
  local next = node.parts[part]
  local route = next and walk(next, parts, i + 1, values, method, allowed)
  if route then return route end
  if node.any and part ~= "" then
    local n = #values
    values[n + 1] = part
    route = walk(node.any, parts, i + 1, values, method, allowed)
    if route then return route end
    for j = #values, n + 1, -1 do values[j] = nil end
  end
  if node.rest then
    local n = #values
    values[n + 1] = table.concat(parts, "/", i)
    route = choose(node.rest.routes, method)
    if route then return route end
    values[n + 1] = nil
    for name in pairs(node.rest.routes) do allowed[name] = true end
  end
end

-- The answer to a request whose path is known, and its method isn't.
local function refuse(method, allowed)
  allowed.OPTIONS = true
  if allowed.GET then allowed.HEAD = true end
  local list = {}
  for name in pairs(allowed) do list[#list + 1] = name end
  table.sort(list)
  return method == "OPTIONS" and 204 or 405, { Allow = table.concat(list, ", ") }
end

-- The longest prefix that is mounted. -> mount | nil
local function mounted(router, path)
  for _, mount in ipairs(router.mounts) do -- the longest first
    local prefix = mount.prefix
    if sub(path, 1, #prefix) == prefix and (#path == #prefix or sub(path, #prefix + 1, #prefix + 1) == "/") then
      return mount
    end
  end
end

local function serveMounted(mount, request, socket)
  local path, prefix = request.path, request.prefix
  request.prefix, request.path = (prefix or "") .. mount.prefix, sub(path, #mount.prefix + 1)
  local status, headers, body = mount.handler(request, socket)
  request.prefix, request.path = prefix, path
  return status, headers, body
end

local function dispatch(router, request, socket)
  local path, method = request.path, request.method
  local routes = router.exact[path]
  local route = routes and choose(routes, method)
  if route then return route.handler(request, socket) end
  local allowed = {}
  if sub(path, 1, 1) == "/" then
    local parts = partsOf(path, message.decode)
    if not parts then return 400, { ["Content-Type"] = "text/plain" }, "bad path\n" end
    local values = {}
    route = walk(router.root, parts, 1, values, method, allowed)
    if route then
      local params = {}
      for i, name in ipairs(route.names) do params[name] = values[i] end
      request.params = params
      return route.handler(request, socket)
    end
  end
  if next(allowed) then return refuse(method, allowed) end
  local mount = mounted(router, path)
  if mount then return serveMounted(mount, request, socket) end
  return (router.otherwise or notFound)(request, socket)
end

for _, name in ipairs { "get", "head", "post", "put", "patch", "delete", "options", "any" } do
  methods[name] = function(router, pattern, handler)
    add(router, name:upper(), pattern, handler)
    return router
  end
end

--- Hands all requests below the prefix that no route fits to a handler: request.path is then what is behind the prefix,
--- and request.prefix is the prefix.
function methods.use(router, prefix, handler)
  if type(prefix) ~= "string" or not find(prefix, "^/") then error("a prefix begins with a slash", 2) end
  if prefix:sub(-1) == "/" then prefix = prefix:sub(1, -2) end
  table.insert(router.mounts, { prefix = prefix, handler = handler })
  table.sort(router.mounts, function(a, b) return #a.prefix > #b.prefix end)
  return router
end

Router.__index = methods
Router.__call = dispatch
Router.__name = "router"

return function()
  return setmetatable({ root = { parts = {}, routes = {} }, exact = {}, mounts = {} }, Router)
end
