-- SPDX-License-Identifier: MIT
-- profile, trace and top: what the control socket answers, and what ctl shows of it.

local control = require "spec.host.control"
local helper = require "spec.helper"
local workers = require "spec.host.workers"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

local function ctl(path, ...) return helper.run { moonport, "ctl", path, ... } end

-- Samples by stack, and of all stacks in which the pattern is.
local function profile(client, msec)
  local stacks, all = {}, 0
  for _, one in ipairs(client:get("profile " .. msec)) do
    stacks[one.stack] = one.count
    all = all + one.count
  end
  return function(pattern)
    local sum = 0
    for stack, count in pairs(stacks) do sum = sum + (stack:find(pattern) and count or 0) end
    return sum
  end, all
end

describe("profile", function()
  after_each(control.close)

  it("finds the line that computes, with its callers", function()
    local _, client = control.start [[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      local function compute()
        local sum = 0
        for i = 1, 300000 do sum = sum + i end
        return sum
      end
      function timer:timeout()
        local sum = compute()
        return sum + 1
      end
      timer:start(0)
    ]]
    local count, all = profile(client, 500)
    assert.is_true(all > 10)
    assert.is_true(count "^[^;]*script%.lua:9 timeout;[^;]*script%.lua:5 compute$" > all / 2)
  end)

  it("counts time in a function in C for the line that calls it, also at the end of a handler", function()
    local _, client = control.start [[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      local text = ("a"):rep(3000)
      function timer:timeout() return text:find(".-b") end
      timer:start(0)
    ]]
    local count, all = profile(client, 500)
    assert.is_true(count "^[^;]*script%.lua:4 timeout;%[C%] find$" + count "^%[C%] find$" > all / 2)
  end)

  it("sees into coroutines of the script's own", function()
    local _, client = control.start [[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      local step = coroutine.wrap(function()
        while true do
          local sum = 0
          for i = 1, 300000 do sum = sum + i end
          coroutine.yield()
        end
      end)
      function timer:timeout() step() end
      timer:start(0)
    ]]
    local count, all = profile(client, 500)
    assert.is_true(count "^[^;]*script%.lua:6$" > all / 2)
  end)

  it("sees a call that blocks, though it needs no processor", function()
    local program, client, _, port = control.start [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:readAll()
        os.execute "sleep 0.5"
        self:write "x"
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    assert(client.socket:write "profile 1500\n")
    client.socket:flush()
    local person = helper.connect(port)
    for _ = 1, 2 do -- the first may begin before the profile
      person:send "x"
      person:receive(1)
    end
    local found = 0
    repeat
      local line = client.socket:receive("line", helper.timeout)
      if line:find 'script.lua:5 readyRead;%[C%] execute"' then found = tonumber(line:match '"count":(%d+)') end
    until line:find '"done"'
    assert.is_true(found > 10)
    assert.is_true(program:running())
  end)

  it("is idle where nothing happens, and leaves the service as it was", function()
    local program, client, _, port = control.start(control.echo)
    local count, all = profile(client, 300)
    assert.is_true(count "^%(idle%)$" > all / 2)
    local person = helper.connect(port)
    person:send "hello"
    assert.equal("hello", person:receive(5))
    assert.is_true(program:running())
  end)

  it("is one at a time, ends with its visitor, and refuses a wrong time", function()
    local _, client, path = control.start(control.echo)
    local other = control.connect(path)
    assert(client.socket:write "profile 600000\n")
    client.socket:flush()
    helper.eventually(function() return (other:ask("profile 10")[1].error or ""):find "somebody" end)
    client.socket:abort()
    helper.eventually(function() return not other:ask("profile 10")[1].error end)
    for _, wrong in ipairs { "0", "x", "-1", "600001", "nan" } do
      assert.matches("needs a time", other:ask("profile " .. wrong)[1].error)
    end
  end)

  it("goes together with --handler-timeout and hooks of the script", function()
    local program, client, _, port = control.start([[
      local moonport = require "moonport"
      debug.sethook(function() end, "", 1000)
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        if self:readAll() == "loop" then while true do end end
        self:write "x"
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]], { options = { "--handler-timeout", "100" } })
    assert(client.socket:write "profile 1000\n")
    client.socket:flush()
    local person = helper.connect(port)
    person:send "loop"
    program:waitForLine "the handler has not returned within 100 ms"
    local next = helper.connect(port)
    next:send "x"
    assert.equal("x", next:receive(1))
    repeat local line = client.socket:receive("line", helper.timeout) until line:find '"done"'
  end)

  it("goes on over reloads, with the lines of each generation", function()
    local service = workers.start([[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      local function old() for i = 1, 100000 do local _ = i end end
      local step = coroutine.wrap(function() while true do old() coroutine.yield() end end)
      function timer:timeout() step() end
      timer:start(0)
    ]], { plain = true, count = 0 })
    local client = helper.eventually(function()
      local made, found = pcall(control.connect, service.path)
      return made and found
    end)
    assert(client.socket:write "profile 2000\n")
    client.socket:flush()
    for _ = 1, 2 do
      service:write("main.lua", (io.open(service.folder .. "/main.lua"):read("a"):gsub("old", "new")))
      service:reload()
      service:reloaded()
    end
    local seen = {}
    repeat
      local line = assert(client.socket:receive("line", helper.timeout))
      for name in line:gmatch "main%.lua:3 (%a+)" do seen[name] = true end
    until line:find '"done"'
    assert.is_true(seen.new)
    service:remove()
  end)

  it("is shown by ctl with shares, and written for flame graphs", function()
    local _, _, path = control.start [[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      function timer:timeout() for i = 1, 300000 do local _ = i end end
      timer:start(0)
    ]]
    local file = helper.file ""
    local status, out, err = ctl(path, "profile", "0.3", "--folded", file)
    assert.same({ 0, "" }, { status, err })
    assert.matches("%d+%.%d %%\t%d+%.%d %%\t[^\t]*script%.lua:3 timeout\n", out)
    assert.matches("script%.lua:3 timeout %d+\n", io.open(file):read "a")
    assert.equal(2, (ctl(path, "profile", "x")))
    assert.equal(2, (ctl(path, "status", "--folded", file)))
  end)
end)

describe("trace", function()
  after_each(control.close)

  local function pieces(client, wanted)
    local text = {}
    repeat
      local line = assert(client.socket:receive("line", helper.timeout))
      if line:find '"done"' then text[#text + 1] = "end" break end
      local way = line:match '"way":"(%l+)"'
      text[#text + 1] = way and way .. " " .. (line:match '"text":"(.-)"}' or line:match '"hex":"(.-)"}') or line
    until #text == wanted
    return text
  end

  local function begin(path)
    local client, other = control.connect(path), control.connect(path)
    local one
    helper.eventually(function()
      one = other:get "connections"[1]
      return one
    end)
    client.socket:write(("trace %d\n"):format(one.id))
    assert.equal(('{"tracing":%d}'):format(one.id), client.socket:receive("line", helper.timeout))
    assert.matches("somebody traces it already", other:ask(("trace %d"):format(one.id))[1].error)
    return client
  end

  it("shows what comes and goes, and ends with the connection", function()
    local _, _, path, port = control.start(control.echo)
    local person = helper.connect(port)
    local client = begin(path)
    person:send "hello\n"
    assert.equal("hello\n", person:receiveLine())
    assert.same({ "received hello\\n", "sent hello\\n" }, pieces(client, 2))
    person:send "\xff\0"
    assert.same({ "received ff00", "sent ff00" }, pieces(client, 2))
    person:close()
    assert.same({ "end" }, pieces(client, 1))
  end)

  it("leaves the connection as it was when its visitor goes", function()
    local _, _, path, port = control.start(control.echo)
    local person = helper.connect(port)
    local client = begin(path)
    client.socket:abort()
    for _ = 1, 3 do
      person:send "hello\n"
      assert.equal("hello\n", person:receiveLine())
    end
    begin(path)
  end)

  it("never waits for a visitor that doesn't read, and counts what it leaves out", function()
    local _, _, path, port = control.start(control.echo)
    local person = helper.connect(port)
    local client = begin(path)
    client.socket:setReadBufferSize(1024)
    local text = ("x"):rep(1 << 16)
    for _ = 1, 64 do
      person:send(text)
      person:receive(#text)
    end
    client.socket:setReadBufferSize(0)
    person:send "end"
    person:receive(3)
    local lost = 0
    repeat
      local line = assert(client.socket:receive("line", helper.timeout))
      lost = lost + (tonumber(line:match '"lost":(%d+)') or 0)
    until lost > 0
  end)

  it("goes on over a reload", function()
    local program, _, path, port = control.start(control.echo)
    local person = helper.connect(port)
    local client = begin(path)
    program:signal "HUP"
    program:waitForLine "reloaded .-script%.lua"
    person:send "hello\n"
    assert.equal("hello\n", person:receiveLine())
    assert.same({ "received hello\\n", "sent hello\\n" }, pieces(client, 2))
  end)

  it("refuses what isn't a connection", function()
    local _, client, path = control.start(control.echo)
    for _, id in ipairs { "0", "x", "99" } do assert.truthy(client:ask("trace " .. id)[1].error) end
    assert.equal(2, (ctl(path, "trace")))
    assert.equal(1, (ctl(path, "trace", "99")))
  end)

  it("shows what was decrypted", function()
    local tls = require "spec.tls"
    local authority = tls.authority()
    local certificate = authority:certificate()
    local _, _, path, port = control.start(([[
      local moonport = require "moonport"
      server = moonport.SslServer()
      assert(server:setSslConfiguration { certificate = %q, key = %q })
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %%d", server:serverPort())
    ]]):format(certificate.certificate, certificate.key))
    local peer = tls.client(port, authority, "-quiet")
    local client = begin(path)
    peer:write "hello\n"
    assert.same({ "received hello\\n", "sent hello\\n" }, pieces(client, 2))
    authority:close()
  end)
end)

describe("top", function()
  after_each(control.close)

  it("shows what happens, and ends after --count", function()
    local _, _, path, port = control.start(control.echo)
    local person = helper.connect(port)
    person:send "x"
    person:receive(1)
    local status, out, err = ctl(path, "top", "--count", "1")
    assert.same({ 0, "" }, { status, err })
    assert.matches("connections  1 open", out)
    assert.matches("\n0%.0\t1\t0\treadyRead\t127%.0%.0%.1:" .. port .. "\t[^\t]*script%.lua:3\n", out)
    assert.equal(2, (ctl(path, "top", "--json")))
  end)

  it("adds workers up", function()
    local service = workers.start ""
    service:settled()
    for number = 1, 2 do service.ask(service:of(number), "x") end
    local status, out = ctl(service.path, "top", "--count", "1")
    assert.equal(0, status)
    assert.matches("worker 1     serving.*worker 2     serving", out)
    local calls = tonumber(out:match "\n[%d.]+\t(%d+)\t0\treadyRead")
    assert.is_true(calls >= 4)
    service:remove()
  end)
end)
