-- SPDX-License-Identifier: MIT
-- Redis' globs, for kv.lua. A glob of many stars is matched in steps of at most its length times that of the text: as a
-- Lua pattern it could take a time that each star multiplies.

-- -> the places of the glob: "*", "?", a Lua pattern of a set, or what the byte must be
local function places(glob)
  local list, pos = {}, 1
  while pos <= #glob do
    local c = glob:sub(pos, pos)
    local set, after = glob:match("^%[(%^?[^%]]*)%]()", pos)
    if c == "\\" and pos < #glob then
      pos = pos + 1
      list[#list + 1] = { byte = glob:byte(pos) }
    elseif c == "*" then
      if not (list[#list] and list[#list].star) then list[#list + 1] = { star = true } end
    elseif c == "?" then
      list[#list + 1] = {}
    elseif set and set ~= "" and set ~= "^" then
      set = set:gsub("(\\?)(.)", function(escape, char)
        return (escape ~= "" or char == "%") and char:gsub("%W", "%%%0") or char
      end)
      list[#list + 1] = { set = "[" .. set .. "]" }
      pos = after - 1
    else
      list[#list + 1] = { byte = c:byte() }
    end
    pos = pos + 1
  end
  return list
end

local function fits(place, text, at)
  if place.byte then return place.byte == text:byte(at) end
  return not place.set or text:find(place.set, at) == at
end

--- -> a function that says whether a text matches the whole glob; it raises where a set of the glob is none
return function(glob)
  local list = places(glob)
  return function(text)
    local at, here = 1, 1
    local star, taken -- the last star, and where the text behind what it has taken begins
    while at <= #text do
      local place = list[here]
      if place and place.star then
        star, taken, here = here, at, here + 1
      elseif place and fits(place, text, at) then
        at, here = at + 1, here + 1
      elseif star then
        taken = taken + 1
        at, here = taken, star + 1
      else
        return false
      end
    end
    while list[here] and list[here].star do here = here + 1 end
    return here > #list
  end
end
