-- What is made once a process and used again by later tests: lists of entries by a key. What a test has taken, nobody
-- else gets until the test gives it back, so that two certificates of one test never have the same key.
-- SPDX-License-Identifier: MIT

local reuse = {}

--- A text that is the same for tables with the same content.
function reuse.described(value)
  if type(value) ~= "table" then return ("%s %q"):format(type(value), tostring(value)) end
  local list = {}
  for key, one in pairs(value) do list[#list + 1] = ("[%s]=%s"):format(reuse.described(key), reuse.described(one)) end
  table.sort(list)
  return "{" .. table.concat(list, ",") .. "}"
end

--- Takes an entry that is free, or an empty one, and notes it in `taken`. -> the entry
function reuse.take(kept, key, taken)
  local list = kept[key] or {}
  kept[key] = list
  for i = 1, #list + 1 do
    local entry = list[i] or {}
    if not entry.taken then
      list[i], entry.taken = entry, true
      taken[#taken + 1] = entry
      return entry
    end
  end
end

function reuse.giveBack(taken)
  for _, entry in ipairs(taken) do entry.taken = nil end
end

return reuse
