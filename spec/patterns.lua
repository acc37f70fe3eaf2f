-- SPDX-License-Identifier: MIT
-- Lua's patterns with their steps counted, and texts that make a pattern take as many as it can: for the spec that no
-- pattern begins anew at each byte of what a peer sends. The matcher is that of Lua's lstrlib.c.

local patterns = {}

-- Whether a byte is in a class or set that begins at p of the pattern, and ends before `stop`.
local function single(pattern, p, stop, byte)
  return byte ~= "" and byte:find("^" .. pattern:sub(p, stop - 1)) ~= nil
end

-- Where the class or set that begins at p ends. -> position behind it | nil: malformed
local function classEnd(pattern, p)
  local c = pattern:sub(p, p)
  if c == "%" then return p < #pattern and p + 2 or nil end
  if c ~= "[" then return p + 1 end
  p = p + 1
  if pattern:sub(p, p) == "^" then p = p + 1 end
  repeat
    if p > #pattern then return nil end
    p = p + (pattern:sub(p, p) == "%" and 2 or 1)
  until pattern:sub(p, p) == "]"
  return p + 1
end

-- The pattern in pieces: { class =, how = "" | "*" | "+" | "-" | "?" }, { mark = "(" | ")" | "$" } | nil: it is none,
-- or one with %b, %f or a back reference, which this doesn't know
local function parsed(pattern)
  local list, p = { anchored = pattern:sub(1, 1) == "^" }, 1
  if list.anchored then p = 2 end
  while p <= #pattern do
    local c = pattern:sub(p, p)
    if c == "(" or c == ")" or c == "$" and p == #pattern then
      list[#list + 1], p = { mark = c }, p + 1
    elseif c == "%" and pattern:find("^[bf%d]", p + 1) then
      return nil
    else
      local stop = classEnd(pattern, p)
      if not stop then return nil end
      local how = pattern:match("^[*+?-]", stop) or ""
      list[#list + 1] = { class = pattern:sub(p, stop - 1), how = how }
      p = stop + #how
    end
  end
  return list
end

local steps, most

local function count()
  steps = steps + 1
  if steps > most then error("too many steps", 0) end
end

-- -> where the match of the pieces from i on ends that begins at s | nil
local function match(list, i, text, s)
  local piece = list[i]
  count()
  if not piece then return s end
  if piece.mark == "$" then return s == #text + 1 and s or nil end
  if piece.mark then return match(list, i + 1, text, s) end
  local fits = piece.fits
  local how = piece.how
  if how == "" then
    if fits[text:byte(s)] then return match(list, i + 1, text, s + 1) end
  elseif how == "?" then
    return fits[text:byte(s)] and match(list, i + 1, text, s + 1) or match(list, i + 1, text, s)
  elseif how == "-" then
    while true do
      local stop = match(list, i + 1, text, s)
      if stop or not fits[text:byte(s)] then return stop end
      s = s + 1
    end
  else
    local n = 0
    while fits[text:byte(s + n)] do
      n = n + 1
      count()
    end
    for k = n, how == "+" and 1 or 0, -1 do
      local stop = match(list, i + 1, text, s + k)
      if stop then return stop end
    end
  end
end

--- The steps of string.gsub, or `limit` if there are more.
function patterns.steps(list, text, limit)
  steps, most = 0, limit
  local ok, problem = pcall(function()
    local s = 1
    while s <= #text + 1 do
      local stop = match(list, 1, text, s)
      if list.anchored then return end
      s = stop and stop > s and stop or s + 1
    end
  end)
  assert(ok or problem == "too many steps", problem)
  return steps
end

local sampled = " a1.:/,<>\"=-_[](@\r\n\t;&%A\0{*?~"

-- -> bytes that fit a class, a few of different kinds
local function samples(piece)
  local list = {}
  for c in sampled:gmatch "." do
    if piece.fits[c:byte()] and #list < 4 then list[#list + 1] = c end
  end
  for byte = 1, 255 do
    if not list[1] and piece.fits[byte] then list[1] = string.char(byte) end
  end
  return list
end

--- The pattern, ready for steps | nil: it is none
function patterns.compile(pattern)
  local list = parsed(pattern)
  if not list then return nil end
  for _, piece in ipairs(list) do
    if piece.class then
      piece.fits = {}
      for byte = 0, 255 do
        local ok, fits = pcall(single, piece.class, 1, #piece.class + 1, string.char(byte))
        if not ok then return nil end
        piece.fits[byte] = fits or nil
      end
      piece.samples = samples(piece)
    end
  end
  return list
end

--- Makes texts for a pattern: what is before one of its repetitions, a long row of what that repeats, and an end that
--- doesn't fit. -> function(n): a list of texts with rows of n bytes
function patterns.texts(list)
  local rows, prefix, longer = {}, "", "" -- what must be before, and what may be
  for _, piece in ipairs(list) do
    if piece.class then
      local repeats = piece.how == "*" or piece.how == "+" or piece.how == "-"
      for _, c in ipairs(piece.samples) do
        if repeats then rows[prefix .. "\0" .. c] = { prefix, c } end
        if repeats then rows[longer .. "\0" .. c] = { longer, c } end
        if repeats then rows["\0" .. c] = { "", c } end
        if repeats and prefix ~= "" then rows["\0" .. prefix .. c] = { "", prefix:sub(-1) .. c } end
      end
      if piece.how == "" or piece.how == "+" then prefix = prefix .. (piece.samples[1] or "") end
      longer = longer .. (piece.samples[piece.class == "." and 2 or 1] or "")
    end
  end
  return function(n)
    local texts = {}
    for _, row in pairs(rows) do
      local before, c = row[1], row[2]
      for _, tail in ipairs { "", "\1", "x", " x" } do
        texts[#texts + 1] = before .. c:rep(n // #c) .. tail
      end
    end
    table.sort(texts)
    return texts
  end
end

return patterns
