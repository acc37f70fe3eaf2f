-- SPDX-License-Identifier: MIT
-- Other libraries in a service, as docs/guide/libraries.md says: that they work, and which calls block the
-- loop.

local helper = require "spec.helper"

-- Starts a service that answers lines by `answer`, a function's body with `line`; `head` makes what the body
-- needs.
local function service(head, answer)
  local program = helper.program { source = ([[
    local moonport = require "moonport"
    %s
    local server = moonport.TcpServer()
    function server:newConnection()
      local socket = self:nextPendingConnection()
      for line in socket:lines() do
        socket:write((function() %s end)() .. "\n")
      end
    end
    assert(server:listen "127.0.0.1")
    moonport.log.info("listening on port %%d", server:serverPort())
  ]]):format(head, answer) }
  local client = helper.connect(tonumber((program:waitForLine "listening on port (%d+)")))
  local function ask(line)
    client:send(line .. "\n")
    return (client:receiveLine():gsub("\n$", ""))
  end
  return ask, program
end

local function stop(program)
  program:signal "TERM"
  assert.equal(0, program:wait())
  assert.is_nil(program:stderr():find(" error ", 1, true))
end

describe("a service with", function()
  it("lua-cjson encodes and decodes JSON, also large, deep and invalid JSON", function()
    local ask, program = service('local cjson = require "cjson.safe"', [[
      local value, problem = cjson.decode(line)
      return cjson.encode(value == nil and { problem = problem } or { got = value })
    ]])
    assert.equal('{"got":"té"}', ask '"té"')
    assert.matches('"problem":"Expected value but found', ask "nonsense")
    local list = {}
    for i = 1, 20000 do list[i] = ('{"n":%d,"s":"%s"}'):format(i, ("x"):rep(20)) end
    local text = "[" .. table.concat(list, ",") .. "]"
    local answer = ask(text)
    assert.is_true(#answer > #text)
    assert.matches('"n":20000', answer)
    assert.matches('"problem":".*nested', ask(("["):rep(2000)))
    stop(program)
  end)

  it("lpeg parses input; a match function can't wait, and raises if it tries", function()
    local ask, program = service([[
      local lpeg = require "lpeg"
      local number = lpeg.R "09" ^ 1 / tonumber
      local sum = lpeg.Ct(number * (lpeg.P "+" * number) ^ 0) * -1
      local waits = lpeg.Cmt(lpeg.P(true), function(_, i) moonport.sleep(1) return i end)
    ]], [[
      if line == "wait" then
        local ok, problem = pcall(waits.match, waits, "x")
        return tostring(ok) .. " " .. problem:match "cannot wait here"
      end
      local total = 0
      for _, n in ipairs(sum:match(line) or {}) do total = total + n end
      return tostring(total)
    ]])
    assert.equal("42", ask "12+20+10")
    assert.equal("0", ask "12+")
    assert.equal("false cannot wait here", ask "wait")
    assert.equal("5000", ask(("1+"):rep(4999) .. "1"))
    stop(program)
  end)

  it("luafilesystem reads folders", function()
    local path = helper.file("twelve bytes")
    local ask, program = service('local lfs = require "lfs"', [[
      local is, problem = lfs.attributes(line)
      if not is then return problem end
      if is.mode ~= "directory" then return is.mode .. " " .. is.size end
      local count = 0
      for name in lfs.dir(line) do count = count + 1 end
      return "directory " .. count
    ]])
    assert.equal("file 12", ask(path))
    assert.matches("^directory %d+$", ask "spec")
    assert.matches("No such file", ask "/nowhere")
    stop(program)
  end)

  local sqlite = [[
    local database = assert(require "luasql.sqlite3".sqlite3():connect(%q))
    local function execute(statement)
      while true do
        local result, problem = database:execute(statement)
        if result or not problem:find "locked" then return result, problem end
        moonport.sleep(2)
      end
    end
  ]]
  local statements = [[
    if line == "ping" then return "pong" end
    local result, problem = execute(line)
    if not result then return problem end
    if type(result) ~= "userdata" then return ("%d"):format(result) end
    local row = result:fetch({}, "n")
    result:close()
    return row and table.concat(row, "|") or "none"
  ]]

  it("lua-sql-sqlite3 keeps its data in a file from one run to the next", function()
    local path = helper.file("", "data.db")
    local ask, program = service(sqlite:format(path), statements)
    assert.equal("0", ask "CREATE TABLE words (word TEXT PRIMARY KEY, count INTEGER)")
    assert.equal("2", ask "INSERT INTO words VALUES ('tea', 1), ('milk', 2)")
    assert.equal("tea|1", ask "SELECT * FROM words WHERE word = 'tea'")
    assert.equal("none", ask "SELECT * FROM words WHERE word = 'none'")
    assert.matches("syntax error", ask "SELCT")
    assert.matches("UNIQUE constraint failed", ask "INSERT INTO words VALUES ('tea', 1)")
    stop(program)
    ask, program = service(sqlite:format(path), statements)
    assert.equal("2", ask "SELECT count(*) FROM words")
    stop(program)
  end)

  it("lua-sql-sqlite3 waits for another process's lock in its handler alone, if that repeats the attempt", function()
    local path = helper.file("", "locked.db")
    local ask, program = service(sqlite:format(path), statements)
    ask "CREATE TABLE words (word TEXT)"
    local other = helper.program { source = ([[
      local database = assert(require "luasql.sqlite3".sqlite3():connect(%q))
      assert(database:execute "BEGIN EXCLUSIVE")
      print "locked"
      io.read()
      assert(database:execute "COMMIT")
    ]]):format(path) }
    other:waitForLine "locked"
    local port = tonumber(program:stderr():match "port (%d+)")
    local waiting, quick = helper.connect(port), helper.connect(port)
    waiting:send "INSERT INTO words VALUES ('tea')\n"
    for _ = 1, 20 do
      quick:send "ping\n"
      assert.equal("pong\n", quick:receiveLine())
      helper.settle(2)
    end
    assert.is_false(waiting:fill())
    other:write("\n", true)
    assert.equal(0, other:wait())
    assert.equal("1\n", waiting:receiveLine())
    stop(program)
  end)

  it("a call that blocks stops all clients, as the guide warns", function()
    local ask, program = service("", [[
      if line == "block" then
        io.popen "read x":read "a" -- until the service's standard input ends
      end
      return line
    ]])
    assert.equal("x", ask "x")
    local port = tonumber(program:stderr():match "port (%d+)")
    local blocker, quick = helper.connect(port), helper.connect(port)
    blocker:send "block\n"
    helper.settle(50)
    quick:send "ping\n"
    helper.settle(50)
    assert.is_false(quick:fill())
    program:closeInput() -- ends the command
    assert.equal("ping\n", quick:receiveLine())
    assert.equal("block\n", blocker:receiveLine())
    stop(program)
  end)
end)
