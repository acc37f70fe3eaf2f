-- Compares docs/qt-parity.md with the specs and the classes: each row has its spec, each spec its row, and
-- the classes have each member that the page promises.
--
-- SPDX-License-Identifier: MIT
-- #nogc: it compares texts

require "spec.helper"
local moonport = require "moonport"
local ssl = require "spec.ssl"

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

-- The numbers that begin the names of specs, each with the file of one of them. A list may hold parts of
-- names, so every string that begins with a number counts. The names of TLS have several numbers.
local function specs()
  local found = {}
  local files <close> = assert(io.popen "find spec/qt -name '*_spec.lua'")
  for name in files:lines() do
    for line in io.lines(name) do
      for id in line:gmatch '"([KNPSTUXYZW]%d+) %w' do found[id] = name end
      for text in line:gmatch '"([LV]%d+[ ,][^"]*)' do
        for id in text:gmatch "%f[%w][LV]%d+%f[%W]" do found[id] = name end
      end
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

describe("The page on parity with Qt", function()
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

  it("skips no number of Qt's tests, of the further cases, or of Qt's mistakes", function()
    local known, missing = numbered(), {}
    for letter, count in pairs { S = 24, T = 64, K = 13, L = 69, V = 8, N = 43, U = 31, P = 45, X = 30, Y = 11, Z = 12,
      W = 15 } do
      for i = 1, count do
        if not known[letter .. i] then missing[#missing + 1] = letter .. i end
      end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)

  it("gives a reason in each row that doesn't say 'same'", function()
    for _, row in ipairs(rows()) do
      if row.verdict ~= "same" then
        assert.is_truthy(row.note and row.note ~= "", ("line %d gives no reason"):format(row.line))
      end
    end
  end)

  it("names only specs that there are", function()
    local missing, seen = {}, 0
    for _, row in ipairs(rows()) do
      for name in row.note:gmatch "`(spec/[%w_/]+%.lua)`" do
        seen = seen + 1
        local file <close> = io.open(name)
        if not file then missing[#missing + 1] = name end
      end
    end
    assert.same({}, missing)
    assert.is_true(seen > 20)
  end)

  it("names only members that the classes have", function()
    local server <close> = moonport.TcpServer()
    local socket <close> = moonport.TcpSocket()
    local datagrams <close> = moonport.UdpSocket()
    local process <close> = moonport.Process()
    local encrypting <close> = moonport.SslServer()
    local encrypted <close> = moonport.SslSocket()
    local listener <close> = moonport.LocalServer()
    local here <close> = moonport.LocalSocket()
    local owners = {
      ["QTcpServer"] = server,
      ["QHostAddress"] = moonport.HostAddress "127.0.0.1",
      ["QAbstractSocket and QTcpSocket"] = socket,
      ["QIODevice"] = socket,
      ["QUdpSocket"] = datagrams,
      ["QProcess"] = process,
      ["QSslCertificate"] = assert(moonport.SslCertificate(ssl.certificate)),
      ["QSslKey"] = assert(moonport.SslKey(ssl.key)),
      ["QSslSocket"] = encrypted,
      ["QSslServer"] = encrypting,
      ["QLocalServer"] = listener,
      ["QLocalSocket"] = here,
      ["QSslConfiguration"] = assert(moonport.SslConfiguration {}),
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
