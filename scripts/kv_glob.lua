-- SPDX-License-Identifier: MIT
-- Redis' globs as Lua patterns, for kv.lua.
return function(pattern)
  local parts = { "^" }
  local pos = 1
  while pos <= #pattern do
    local c = pattern:sub(pos, pos)
    local set, after = pattern:match("^%[(%^?[^%]]*)%]()", pos)
    if c == "\\" and pos < #pattern then
      pos = pos + 1
      parts[#parts + 1] = pattern:sub(pos, pos):gsub("%W", "%%%0")
    elseif c == "*" then
      if parts[#parts] ~= ".*" then parts[#parts + 1] = ".*" end
    elseif c == "?" then
      parts[#parts + 1] = "."
    elseif set and set ~= "" and set ~= "^" then
      set = set:gsub("(\\?)(.)", function(escape, char)
        return (escape ~= "" or char == "%") and char:gsub("%W", "%%%0") or char
      end)
      parts[#parts + 1] = "[" .. set .. "]"
      pos = after - 1
    else
      parts[#parts + 1] = c:gsub("[^%w]", "%%%0")
    end
    pos = pos + 1
  end
  return table.concat(parts) .. "$"
end
