-- The store of a connect() that names none: the one of MOONPORT_STORE, which the program's option --store sets, or else
-- the program's own.
-- SPDX-License-Identifier: MIT

local lasting = require "moonport.lasting"

local function escaped(c) return ("%%%02X"):format(c:byte()) end

--- -> URL | nil, message, code
return function()
  local given = os.getenv "MOONPORT_STORE"
  if given and given ~= "" then return given end
  local path, why = lasting.store()
  if path then return "unix:" .. path:gsub("[^%w/._-]", escaped) end
  return nil, ("connect: no store: %s"):format(why), "OperationError"
end
