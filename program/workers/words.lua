-- Words of the lines between the master and its workers; see channel.h.
-- SPDX-License-Identifier: MIT

local words = {}

--- A text as one word.
function words.from(text)
  if text == "" then return "%" end
  return (text:gsub("[%c %%\127]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- The text of a word.
function words.to(word)
  if word == "%" then return "" end
  return (word:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- A line -> its words, and whether a descriptor comes with it
function words.split(line)
  local list, brings = {}, line:sub(1, 1) == "+"
  for word in line:sub(brings and 2 or 1):gmatch "%S+" do list[#list + 1] = word end
  return list, brings
end

return words
