-- The store of a connect() that names none. The program's option --store sets MOONPORT_STORE.
-- SPDX-License-Identifier: MIT

--- -> URL | nil, message, code
return function()
  local given = os.getenv "MOONPORT_STORE"
  if given and given ~= "" then return given end
  return nil, "connect: no store: give a URL, or the program --store URL, or set MOONPORT_STORE", "OperationError"
end
