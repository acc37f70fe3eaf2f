-- SPDX-License-Identifier: MIT
-- scripts/syslog.lua with logger(1), and with messages as devices send them.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("syslog.lua", function()
  local folder, program, port

  local function start(environment, ...)
    program = helper.program { script = "scripts/syslog.lua", args = { folder, 0, ... }, environment = environment }
    port = tonumber((program:waitForLine "syslog: listening on 127.0.0.1 port (%d+)"))
  end

  before_each(function() folder = helper.folder() end)

  after_each(function()
    program:signal "TERM"
    assert.equal(0, (program:wait()))
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  local function read(name)
    local file <close> = io.open(folder .. "/" .. (name or "messages.log"))
    return file and file:read "a" or ""
  end

  -- The lines of the file, as soon as there are so many.
  local function lines(n)
    local list
    helper.eventually(function()
      list = {}
      for line in read():gmatch "([^\n]*)\n" do list[#list + 1] = line end
      return #list >= n
    end, n .. " lines")
    assert.equal(n, #list)
    return list
  end

  local function logger(...)
    local status, _, complaint = helper.run { "logger", "--server", "127.0.0.1", "--port", tostring(port), ... }
    assert.equal(0, status, complaint)
  end

  local function send(...)
    local socket = moonport.UdpSocket()
    for _, text in ipairs { ... } do socket:writeDatagram(text, "127.0.0.1", port) end
    socket:close()
  end

  it("takes what logger sends, in both formats, by UDP and TCP", function()
    start()
    logger("--udp", "--rfc3164", "--tag", "backup", "--priority", "local3.warning", "old by UDP")
    logger("--tcp", "--rfc3164", "--tag", "backup", "--priority", "local3.warning", "old by TCP")
    logger("--udp", "--rfc5424", "--tag", "backup", "--id=77", "--priority", "mail.err", "new by UDP")
    logger("--tcp", "--octet-count", "--rfc5424", "--tag", "backup", "--priority", "mail.err", "new by TCP")
    local list = lines(4)
    table.sort(list, function(x, y) return x:match ": (.*)" < y:match ": (.*)" end)
    local found = table.concat(list, "\n")
    assert.truthy(found:find "T%d%d:%d%d:%d%d %S+ local3%.warning backup: old by UDP", found)
    assert.truthy(found:find "local3%.warning backup: old by TCP", found)
    assert.truthy(found:find "mail%.err backup%[77%]: %[timeQuality [^\n]*%] new by UDP", found)
    assert.truthy(found:find "mail%.err backup: %[timeQuality [^\n]*%] new by TCP", found)
  end)

  it("takes what logger sends to a Unix-domain socket", function()
    start(nil, "127.0.0.1", "unix:" .. folder .. "/log")
    for i = 1, 2 do
      local status, _, complaint = helper.run { "logger", "--socket", folder .. "/log", "--tag", "cron",
        "--priority", "cron.info", "job " .. i }
      assert.equal(0, status, complaint)
    end
    for i, line in ipairs(lines(2)) do
      assert.truthy(line:find(" localhost cron%.info cron: job " .. i .. "$"), line)
    end
  end)

  it("reads what devices send, and no message can forge another", function()
    start()
    send("<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
      "<165>1 2003-10-11T22:14:15.003Z host.example evntslog - ID47 [a@1 x=\"]\\\"\"][b y=\"2\"] \xEF\xBB\xBFAn event",
      "<13>bare text", "no priority at all", "<999>too large", "<13>", "<0>a\nforged line\0\n",
      "<191>1 - - - - - -", "<14>" .. ("y"):rep(20000))
    local list = lines(9)
    assert.equal(os.date "%Y" .. "-10-11T22:14:15 mymachine auth.crit su: 'su root' failed", list[1])
    assert.equal('2003-10-11T22:14:15.003Z host.example local4.notice evntslog: [a@1 x="]\\""][b y="2"] An event',
      list[2])
    assert.truthy(list[3]:find "127%.0%.0%.1 user%.notice %-: bare text$", list[3])
    assert.truthy(list[4]:find "user%.notice %-: no priority at all$", list[4])
    assert.truthy(list[5]:find "user%.notice %-: <999>too large$", list[5])
    assert.truthy(list[7]:find "kern%.emerg %-: a\\x0aforged line$", list[7])
    assert.truthy(list[8]:find "local7%.debug %-: $", list[8])
    assert.is_true(#list[9] < 8400)
  end)

  it("takes frames and lines of one connection in any pieces", function()
    start()
    local client = helper.connect(port)
    for piece in ("9 <13>frame<13>line\n16 <13>another\nfram<13>last"):gmatch "..?.?" do client:send(piece) end
    client:close()
    local list = lines(4)
    for i, text in ipairs { "frame", "line", "another\\x0afram", "last" } do
      assert.equal(text, list[i]:match ": (.*)$")
    end
  end)

  it("ends a message of a stream at a NUL too, as syslog(3) sends it over a Unix-domain socket", function()
    local path = folder .. "/log.sock"
    start(nil, "127.0.0.1", "unix:" .. path)
    local socket = moonport.LocalSocket()
    socket:connectToServer(path)
    assert(socket:waitForConnected(helper.timeout))
    socket:write "<11>program: first\0<11>program: second\0" -- and the connection stays open
    local list = lines(2)
    assert.truthy(list[1]:find "user%.err program: first$", list[1])
    assert.truthy(list[2]:find "user%.err program: second$", list[2])
    for _, piece in ipairs { "<11>pro", "gram: thi", "rd\0\0", "19 <11>program: a\0b\ncd", "<11>x: last" } do
      socket:write(piece)
      socket:flush()
      moonport.sleep(1)
    end
    socket:disconnectFromHost()
    list = lines(5)
    assert.truthy(list[3]:find "program: third$", list[3])
    assert.truthy(list[4]:find "program: a\\x00b\\x0acd$" or list[4]:find "program: a", list[4])
    assert.truthy(list[5]:find "x: last$", list[5])
  end)

  it("rotates, and keeps every message", function()
    start { SYSLOG_FILE_SIZE = "20000" }
    local socket = moonport.UdpSocket()
    local names = { "messages.log" }
    for i = 1, 5 do names[i + 1] = "messages.log." .. i end
    local function count()
      local all = 0
      for _, name in ipairs(names) do
        local _, n = read(name):gsub("message %d+\n", "")
        all = all + n
      end
      return all
    end
    for i = 1, 600 do
      socket:writeDatagram(("<13>Nov 30 12:00:00 host program[1]: %s message %d"):format(("z"):rep(60), i), "127.0.0.1",
        port)
      if i % 150 == 0 then helper.eventually(function() return count() == i end, i .. " messages") end
    end
    socket:close()
    assert.not_equal("", read "messages.log.2")
    assert.equal(600, count())
  end)

  it("loses nothing over a reload and at the end", function()
    start()
    send "<13>one: 1"
    program:signal "HUP"
    program:waitForLine "reloaded"
    send "<13>two: 2"
    helper.eventually(function() return read():find "one: 1\n" and read():find "two: 2\n" end)
    send "<13>three: 3"
    moonport.sleep(20)
    program:signal "TERM"
    assert.equal(0, (program:wait()))
    assert.truthy(program:stderr():find "syslog: 3 messages")
    assert.truthy(read():find "three: 3\n")
  end)

  it("says once that it can't write, and goes on when it can", function()
    start()
    os.execute(("chmod 000 '%s' && mv '%s' '%s.away'"):format(folder, folder, folder))
    send "<13>waits: for the folder"
    program:waitForLine "error syslog: .*messages.log"
    os.execute(("mv '%s.away' '%s' && chmod 700 '%s'"):format(folder, folder, folder))
    helper.eventually(function() return read():find "waits: for the folder\n" end)
  end)
end)
