-- The commands of moonport.store on the client's own connection: HELLO, AUTH, CLIENT and the like.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local resp = require "moonport.resp"
local authentication = require "moonport.store.authentication"
local pubsub = require "moonport.store.pubsub"
local replies = require "moonport.store.replies"
local transactions = require "moonport.store.transactions"

local bulk, failure, integer = resp.bulk, resp.error, resp.integer
local ok = replies.ok

local commands = {}

commands.PING = { arity = -1, subscribed = true, many = function(session, list)
  if list[2] then return replies.arity "ping" end
  if session.subscriptions > 0 and session.version == 2 then return resp.array { "pong", list[1] or "" } end
  return list[1] and bulk(list[1]) or "+PONG\r\n"
end }

commands.QUIT = { arity = -1, subscribed = true, anybody = true, many = function(session)
  session.leaving = true
  return ok
end }

commands.RESET = { arity = 1, subscribed = true, anybody = true, run = function(session)
  transactions.discard(session)
  pubsub.leave(session)
  session.version, session.name = 2, nil
  authentication.begin(session)
  return "+RESET\r\n"
end }

-- Who is who --------------------------------------------------------------------------------------------------------

commands.AUTH = { arity = -2, anybody = true, many = function(session, list)
  if list[3] then return replies.syntax end
  if not list[2] and not session.store.password then
    return failure("ERR AUTH <password> called without any password configured for the default user. " ..
      "Are you sure your configuration is correct?")
  end
  return authentication.try(session, list[2] and list[1] or "default", list[2] or list[1]) or ok
end }

-- -> whether a client may have the name
local function isName(text) return not text:find "[^!-~]" end

local badName = failure "ERR Client names cannot contain spaces, newlines or special characters."

commands.HELLO = { arity = -1, anybody = true, many = function(session, list)
  local version, i, name = list[1] and replies.whole(list[1]) or session.version, 2, nil
  if list[1] and not replies.whole(list[1]) then
    return failure "ERR Protocol version is not an integer or out of range"
  end
  if version ~= 2 and version ~= 3 then return failure "NOPROTO unsupported protocol version" end
  while list[i] do
    local option = list[i]:upper()
    if option == "AUTH" and list[i + 2] then
      local problem = authentication.try(session, list[i + 1], list[i + 2])
      if problem then return problem end
      i = i + 3
    elseif option == "SETNAME" and list[i + 1] then
      name, i = list[i + 1], i + 2
      if not isName(name) then return badName end
    else
      return failure(("ERR Syntax error in HELLO option '%s'"):format(list[i]:sub(1, 128)))
    end
  end
  if not session.authenticated then
    return failure("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> " ..
      "AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the " ..
      "same time")
  end
  session.version = version
  if name then session.name = name ~= "" and name or nil end
  return resp.map({ "server", "redis", "version", "7.0.0", "proto", version, "id", session.number, "mode",
    "standalone", "role", "master", "modules", {} }, version)
end }

-- CLIENT -------------------------------------------------------------------------------------------------------------

local function describe(session)
  local socket = session.socket
  return ("id=%d addr=%s:%d name=%s sub=%d multi=%d resp=%d lib-name=%s lib-ver=%s\n"):format(session.number,
    socket:peerAddress() or "unix", socket:peerPort() or 0, session.name or "", session.subscriptions,
    session.queue and #session.queue or -1, session.version, session.library or "", session.libraryVersion or "")
end

local client = {}

function client.ID(session) return integer(session.number) end

function client.GETNAME(session)
  return session.name and bulk(session.name) or replies.null[session.version]
end

function client.SETNAME(session, name)
  if not isName(name) then return badName end
  session.name = name ~= "" and name or nil
  return ok
end

function client.SETINFO(session, what, value)
  what = what:lower()
  if what ~= "lib-name" and what ~= "lib-ver" then
    return failure(("ERR Unrecognized option '%s'"):format(what:sub(1, 128)))
  end
  if not isName(value) then
    return failure(("ERR %s cannot contain spaces, newlines or special characters."):format(what))
  end
  session[what == "lib-name" and "library" or "libraryVersion"] = value
  return ok
end

function client.INFO(session) return bulk(describe(session)) end

function client.LIST(session)
  local lines = {}
  for socket in session.store.server:connections() do
    if socket.session then lines[#lines + 1] = describe(socket.session) end
  end
  return bulk(table.concat(lines))
end

client["NO-EVICT"], client["NO-TOUCH"] = function() return ok end, function() return ok end

local counts = { ID = 0, GETNAME = 0, SETNAME = 1, SETINFO = 2, INFO = 0, LIST = 0, ["NO-EVICT"] = 1, ["NO-TOUCH"] = 1 }

commands.CLIENT = { arity = -2, many = function(session, list)
  local what = list[1]:upper()
  if not client[what] then return replies.subcommand("CLIENT", list) end
  if #list - 1 ~= counts[what] then return replies.arity("client|" .. what:lower()) end
  return client[what](session, list[2], list[3])
end }

-- HTTP: a page in a browser could send commands to this host otherwise.
local function isHttp(session)
  moonport.log.warning("%s: HTTP from %s, refused", session.store.name, session.socket:peerAddress() or "unix")
  session.leaving = true
  return ""
end

commands.POST = { arity = -1, subscribed = true, anybody = true, hidden = true, many = isHttp }
commands["HOST:"] = commands.POST

return commands
