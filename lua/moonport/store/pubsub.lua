-- Publish and subscribe of moonport.store. A subscriber that doesn't read is dropped, and no other.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local resp = require "moonport.resp"
local keyspace = require "moonport.store.keyspace"
local replies = require "moonport.store.replies"

local integer = resp.integer
local matches = keyspace.matches

local behind = 8 << 20 -- bytes that may wait for a subscriber when one more message comes

local pubsub = {}
local commands = {}

local function push(session, list)
  return resp.push(list, session.version)
end

-- Sends a message to all of a topic, which is a set of sessions. `publisher` gets its own behind the replies to what it
-- has asked before. -> how many
local function send(topic, list, publisher)
  local texts, count = {}, 0
  for session in pairs(topic or {}) do
    local socket, version = session.socket, session.version
    count = count + 1
    if socket:bytesToWrite() > behind then socket:flush() end
    if socket:bytesToWrite() > behind then
      moonport.log.warning("%s: %s:%d doesn't read what it has subscribed to", session.store.name,
        socket:peerAddress() or "unix", socket:peerPort() or 0)
      socket:abort()
    else
      texts[version] = texts[version] or resp.push(list, version)
      if session == publisher then
        session.own = (session.own or "") .. texts[version]
      else
        socket:write(texts[version])
      end
    end
  end
  return count
end

commands.PUBLISH = { arity = 3, run = function(session, channel, message)
  local store = session.store
  local count = send(store.channels[channel], { "message", channel, message }, session)
  for pattern, topic in pairs(store.patterns) do
    if matches(pattern, channel) then
      count = count + send(topic, { "pmessage", pattern, channel, message }, session)
    end
  end
  return integer(count)
end }

local function join(session, kind, name)
  local topics = session.store[kind]
  session[kind] = session[kind] or {}
  if session[kind][name] then return end
  topics[name] = topics[name] or {}
  topics[name][session], session[kind][name] = true, true
  session.subscriptions = session.subscriptions + 1
end

local function leave(session, kind, name)
  local topics = session.store[kind]
  if not (session[kind] and session[kind][name]) then return end
  session[kind][name] = nil
  session.subscriptions = session.subscriptions - 1
  topics[name][session] = nil
  if not next(topics[name]) then topics[name] = nil end
end

--- Ends all subscriptions.
function pubsub.leave(session)
  for _, kind in ipairs { "channels", "patterns" } do
    for name in pairs(session[kind] or {}) do leave(session, kind, name) end
  end
end

local function subscribing(kind, word)
  return { arity = -2, subscribed = true, many = function(session, list)
    local parts = {}
    for i = 1, #list do
      if kind == "patterns" and #list[i] > keyspace.longestGlob then
        parts[i] = replies.longGlob
      else
        join(session, kind, list[i])
        parts[i] = push(session, { word, list[i], session.subscriptions })
      end
    end
    return table.concat(parts)
  end }
end

local function unsubscribing(kind, word)
  return { arity = -1, subscribed = true, many = function(session, list)
    if #list == 0 then
      for name in pairs(session[kind] or {}) do list[#list + 1] = name end
    end
    local parts = {}
    for i = 1, math.max(#list, 1) do
      if list[i] then leave(session, kind, list[i]) end
      parts[i] = push(session, { word, list[i] or false, session.subscriptions })
    end
    return table.concat(parts)
  end }
end

commands.SUBSCRIBE, commands.PSUBSCRIBE = subscribing("channels", "subscribe"), subscribing("patterns", "psubscribe")
commands.UNSUBSCRIBE = unsubscribing("channels", "unsubscribe")
commands.PUNSUBSCRIBE = unsubscribing("patterns", "punsubscribe")

local function size(set)
  local count = 0
  for _ in pairs(set or {}) do count = count + 1 end
  return count
end

commands.PUBSUB = { arity = -2, many = function(session, list)
  local what, channels = list[1]:upper(), session.store.channels
  local found = {}
  if what == "CHANNELS" and #list <= 2 then
    if #(list[2] or "") > keyspace.longestGlob then return replies.longGlob end
    for name in pairs(channels) do
      if not list[2] or matches(list[2], name) then found[#found + 1] = name end
    end
    return replies.array(session, found)
  elseif what == "NUMSUB" then
    for i = 2, #list do
      found[#found + 1] = list[i]
      found[#found + 1] = size(channels[list[i]])
    end
    return resp.array(found)
  elseif what == "NUMPAT" and #list == 1 then
    return integer(size(session.store.patterns))
  end
  return replies.subcommand("PUBSUB", list)
end }

pubsub.commands = commands

return pubsub
