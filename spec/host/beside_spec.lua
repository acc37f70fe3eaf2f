-- SPDX-License-Identifier: MIT
-- moonport.pipe, socket:sendFile and moonport.work in the program: over a reload, and at its end.

local helper = require "spec.helper"

-- A program with this source, which says "port N" when it serves.
local function start(source, options)
  local script = helper.file(source, "script.lua")
  local program = helper.program { script = script, options = options }
  return program, program:waitForLine "port (%d+)", script
end

local function reload(program, script, source)
  helper.rewrite(script, source)
  program:signal "HUP"
  program:waitForLine "reloaded .*: generation %d+"
end

local function stop(program)
  program:signal "TERM"
  assert.equal(0, program:wait(), program:stderr())
end

-- Pipes each connection to a port, in a handler or in a task.
local function proxy(port, how)
  return ([[
    local moonport = require "moonport"
    local server = moonport.TcpServer()
    function server:newConnection()
      local client, upstream = self:nextPendingConnection(), moonport.TcpSocket()
      upstream:connectToHost("127.0.0.1", %d)
      upstream:waitForConnected()
      %s
    end
    assert(server:listen("127.0.0.1", moonport.persist("port", 0)))
    print("port " .. server:serverPort())
  ]]):format(port, how)
end

describe("Over a reload", function()
  it("a pipe in a handler goes on, and the handler with it", function()
    local listener = helper.listen()
    local source = proxy(listener:port(), [[print("piped", moonport.pipe(client, upstream))]])
    local program, port, script = start(source)
    local left = helper.connect(port)
    local right = listener:accept()
    left:send "before"
    assert.equal("before", right:receive(6))
    reload(program, script, source)
    left:send "after"
    assert.equal("after", right:receive(5))
    right:send "answer"
    right:shutdown()
    assert.equal("answer", left:receiveAll())
    left:close()
    program:waitForLine "piped\t11\t6"
    stop(program)
  end)

  it("a pipe in a task of the run's own goes on without the task, and its failure resets the other side", function()
    local listener = helper.listen()
    local source = proxy(listener:port(), [[pair = { client, upstream }]]) .. [[
      moonport.spawn(function()
        while not pair do moonport.sleep(1) end
        print("piped", moonport.pipe(pair[1], pair[2]))
      end)
    ]]
    local program, port, script = start(source)
    local left = helper.connect(port)
    local right = listener:accept()
    left:send "before"
    assert.equal("before", right:receive(6))
    reload(program, script, source:gsub("moonport.spawn", "print"))
    left:send "after"
    assert.equal("after", right:receive(5))
    left:reset()
    assert.equal("reset", right:waitForEnd())
    assert.is_nil(program:stdout():find "piped")
    stop(program)
  end)

  it("a file is sent to its end", function()
    local path = helper.file(("x"):rep(4 << 20))
    local source = ([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:readAll()
        print("sent", self:sendFile %q)
        self:disconnectFromHost()
      end
      assert(server:listen("127.0.0.1"))
      print("port " .. server:serverPort())
    ]]):format(path)
    local program, port, script = start(source)
    local client = helper.connect(port, nil, { receiveBuffer = 4096 })
    client:send "GET"
    client:receive(1)
    reload(program, script, source)
    assert.equal((4 << 20) - 1, #client:receiveAll(60000))
    program:waitForLine "sent\t4194304"
    stop(program)
  end)

  it("a function in a thread goes on, and new code gets its modules anew", function()
    local folder = helper.folder()
    helper.rewrite(folder .. "/answer.lua", "return 'old'")
    local file = folder .. "/go"
    local script = folder .. "/script.lua"
    local source = ([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:readAll()
        self:write((moonport.work(function(go)
          local answer = require "answer"
          io.open(go .. answer, "w"):close()
          while answer == "old" and not io.open(go) do end
          return answer .. "\n"
        end, %q)))
      end
      assert(server:listen("127.0.0.1"))
      print("port " .. server:serverPort())
    ]]):format(file)
    helper.rewrite(script, source)
    local program = helper.program { script = script }
    local port = program:waitForLine "port (%d+)"
    local first = helper.connect(port)
    first:send "x"
    helper.eventually(function()
      local begun = io.open(file .. "old")
      return begun and begun:close()
    end, nil, 20000)
    helper.rewrite(folder .. "/answer.lua", "return 'new'")
    reload(program, script, source .. "\n")
    local second = helper.connect(port)
    second:send "x"
    assert.equal("new\n", second:receiveLine(20000))
    helper.rewrite(file, "")
    assert.equal("old\n", first:receiveLine(20000))
    stop(program)
    for _, name in ipairs { "answer.lua", "go", "goold", "gonew", "script.lua" } do os.remove(folder .. "/" .. name) end
    os.remove(folder)
  end)
end)

describe("moonport.work at the end of the program", function()
  local looping = [[
    local moonport = require "moonport"
    moonport.spawn(moonport.work, %s)
    local server = moonport.TcpServer()
    server:listen("127.0.0.1")
    moonport.singleShot(50, function() print("port " .. server:serverPort()) end)
  ]]

  it("isn't waited for", function()
    for _, fn in ipairs { "function() while true do end end", [[function() os.execute "sleep 2" end]] } do
      local program = start(looping:format(fn), { "--grace", "100" })
      stop(program)
    end
  end)

  it("ends with os.exit, also while functions run", function()
    local program = start(looping:format "function() while true do end end" ..
      "moonport.singleShot(60, function() os.exit(7, true) end)")
    assert.equal(7, program:wait())
  end)

  it("is waited for by a program that waits for nothing else", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      moonport.spawn(function() print(moonport.work(function()
        local n = 0
        for i = 1, 1000000 do n = n + i end
        return n
      end)) end)
    ]] }
    assert.equal(0, program:wait(20000))
    assert.equal("500000500000\n", program:stdout())
  end)
end)

describe("The options of moonport.work", function()
  it("say how many threads there are, and how much memory each may use", function()
    local program = helper.program { options = { "--work-threads", "1", "--work-memory", "8" }, source = [[
      local moonport = require "moonport"
      local stop = moonport.spawn(moonport.work, function() while true do end end)
      moonport.sleep(20)
      local second = moonport.spawn(moonport.work, function() return "second" end)
      print(second:join(20))
      stop:cancel()
      print(second:join())
      print(moonport.work(function() return #("x"):rep(2 << 20) end))
      print((select(2, pcall(moonport.work, function() return #("x"):rep(9 << 20) end)):match "[^\n]*"))
    ]] }
    assert.equal(0, program:wait(20000), program:stderr())
    assert.equal("nil\tjoin: Network operation timed out\tSocketTimeoutError\nsecond\n2097152\n" ..
      "not enough memory (--work-memory)\n", program:stdout())
  end)

  it("are refused if they make no sense", function()
    for option, values in pairs { ["--work-threads"] = { "0", "65", "1.5" },
      ["--work-memory"] = { "0", "x" } } do
      for _, value in ipairs(values) do
        local program = helper.program { options = { option, value }, source = "" }
        assert.equal(2, program:wait(20000))
        assert.matches("^moonport: " .. option:gsub("%-", "%%-") .. ": needs a number of", program:stderr())
      end
    end
  end)
end)
