-- SPDX-License-Identifier: MIT
-- Two machines on this one: spec/scripts/machines.sh in namespaces of its own.

local helper = require "spec.helper"

local machines = {}

local unshare = { "unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child" }

local function inside(arguments)
  local all = table.move(unshare, 1, #unshare, 1, {})
  return table.move(arguments, 1, #arguments, #all + 1, all)
end

--- Runs a command beside the machines. -> the program, as helper.spawn has it | nil: that needs root
function machines.run(...)
  if not pcall(helper.run, inside { "true" }) or helper.run(inside { "true" }) ~= 0 then return nil end
  return helper.spawn(inside { "sh", "spec/scripts/machines.sh", ... },
    { MOONPORT = os.getenv "MOONPORT" or "build/asan/moonport" })
end

return machines
