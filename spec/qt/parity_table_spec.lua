-- docs/qt-parity.md against the specs and against the classes: no row without its spec, no spec without its row, and no
-- member that the page promises and the class hasn't.
--
-- SPDX-License-Identifier: MIT

require "spec.helper"
local moonport = require "moonport"

-- The rows of the page: { section =, first = first cell, verdict =, line = }
local function rows()
  local list, section = {}, nil
  local number = 0
  for line in io.lines "docs/qt-parity.md" do
    number = number + 1
    section = line:match "^## (.*)" or section
    local cells = {}
    for cell in line:gmatch "|%s*([^|]-)%s*%f[|]" do cells[#cells + 1] = cell end
    for i, cell in ipairs(cells) do
      local verdict = i > 1 and cell or ""
      if verdict == "same" or verdict == "different" or verdict == "left out" then
        list[#list + 1] = { section = section, first = cells[1], verdict = verdict, note = cells[i + 1], line = number }
        break
      end
    end
  end
  return list
end

-- The numbers that the names of specs begin with, each with the file of one of them. A name may be put together from a
-- list, so every string that begins with a number counts.
local function specs()
  local found = {}
  local files <close> = assert(io.popen "find spec/qt -name '*_spec.lua'")
  for name in files:lines() do
    for line in io.lines(name) do
      for id in line:gmatch '"([STXW]%d+) %w' do found[id] = name end
    end
  end
  return found
end

local function numbered()
  local found = {}
  for _, row in ipairs(rows()) do
    local id = row.first:match "^%u%d+$"
    if id then
      assert.is_nil(found[id], ("%s stands twice, again in line %d"):format(id, row.line))
      found[id] = row
    end
  end
  return found
end

describe("the page on parity with Qt", function()
  it("has a spec for each numbered row that isn't left out", function()
    local covered, missing = specs(), {}
    for id, row in pairs(numbered()) do
      if row.verdict ~= "left out" and not covered[id] then missing[#missing + 1] = id end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)

  it("has a row for each numbered spec", function()
    local known, missing = numbered(), {}
    for id, file in pairs(specs()) do
      if not known[id] or known[id].verdict == "left out" then missing[#missing + 1] = id .. " of " .. file end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)

  it("leaves out no number of Qt's tests, of the further cases, and of Qt's mistakes", function()
    local known, missing = numbered(), {}
    for letter, count in pairs { S = 24, T = 64, X = 30, W = 15 } do
      for i = 1, count do
        if not known[letter .. i] then missing[#missing + 1] = letter .. i end
      end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)

  it("gives a reason wherever it doesn't say 'same'", function()
    for _, row in ipairs(rows()) do
      if row.verdict ~= "same" then
        assert.is_truthy(row.note and row.note ~= "", ("line %d gives no reason"):format(row.line))
      end
    end
  end)

  it("names only members that the classes have", function()
    local server <close> = moonport.TcpServer()
    local socket <close> = moonport.TcpSocket()
    local owners = {
      ["QTcpServer"] = server,
      ["QHostAddress"] = moonport.HostAddress "127.0.0.1",
      ["QAbstractSocket and QTcpSocket"] = socket,
      ["QIODevice"] = socket,
    }
    local missing, seen = {}, 0
    for _, row in ipairs(rows()) do
      local owner = owners[row.section]
      if owner and row.verdict ~= "left out" then
        for name in row.first:gmatch "`(%l%w*)%(" do
          seen = seen + 1
          if type(owner[name]) ~= "function" then missing[#missing + 1] = row.section .. "." .. name end
        end
      end
    end
    assert.same({}, missing)
    assert.is_true(seen > 40)
  end)
end)
