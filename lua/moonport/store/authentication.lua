-- Which clients of a store have given its password, and what one may send that hasn't.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"

local authentication = {}

-- HELLO 3 AUTH USER PASSWORD SETNAME NAME is the longest command of a client that isn't known yet.
local strangers = { maxCount = 10, maxArgument = 16 << 10, maxSize = 64 << 10, maxLine = 16 << 10 }

local function set(session, known)
  session.authenticated = known
  session.reader:setBounds(not known and strangers or nil)
end

-- Compares all of it, however early they differ.
local function isSame(a, b)
  local difference = #a ~ #b
  for i = 1, #a do difference = difference | (a:byte(i) ~ (b:byte((i - 1) % math.max(#b, 1) + 1) or 0)) end
  return difference == 0
end

--- For a client that has said nothing yet, or that begins anew.
function authentication.begin(session)
  set(session, session.store.password == nil)
end

--- -> nil | reply
function authentication.try(session, user, password)
  local expected = session.store.password
  if expected and not (user == "default" and isSame(password, expected)) or not expected and user ~= "default" then
    return resp.error "WRONGPASS invalid username-password pair or user is disabled."
  end
  set(session, true)
end

return authentication
