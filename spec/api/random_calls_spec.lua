-- SPDX-License-Identifier: MIT
-- Random calls of everything in docs/types, with arguments of all types, on objects in all states, and with
-- random fields: nothing crashes, hangs or leaks, and what raises says in words what was wrong. The spec's
-- name has the seed. MOONPORT_SPEC_SEED sets another one, MOONPORT_SPEC_CALLS the number of calls.
-- #thorough: it computes for long

local helper = require "spec.helper"
local moonport = require "moonport"
local ssl = require "spec.ssl"

local calls = tonumber(os.getenv "MOONPORT_SPEC_CALLS") or os.getenv "MOONPORT_SPEC_GC" and 200 or 2000
local seeds = { tonumber(os.getenv "MOONPORT_SPEC_SEED") or 1 }
if not os.getenv "MOONPORT_SPEC_SEED" then seeds[2], seeds[3] = 2, 3 end

-- What would end the spec itself, hold its arguments for good, or raise them.
local left = { quit = true, run = true, reload = true, persist = true, fail = true }

-- Name, owner and expression of each call; `o` is the object, `a` the arguments.
local function functions()
  local list, class = {}, nil
  for line in io.lines "docs/types/moonport.lua" do
    class = line == "" and "" or line:match "^%-%-%-@class moonport%.(%w+)" or class
    local owner, name = line:match "^function (%w+)[.:](%w+)%("
    local callee = line:find(":", 1, true) and "o:%s(" or "m.%s("
    if not owner then
      name = line:match "^%-%-%-@field (%w+) fun%(.-%): moonport"
      owner = name and class:match "^(.*)Class$"
      callee = owner and "m." .. owner .. ".%s("
    end
    if owner and not left[name] then
      callee = callee:format(name)
      local chunk = ("local m, o, a = ... local r = table.pack(%stable.unpack(a, 1, a.n))) return r"):format(callee)
      list[#list + 1] = { owner = owner, name = name, call = assert(load(chunk, "=call")) }
    end
  end
  assert(#list > 150)
  return list
end

-- New for each spec, since tables of it become prototypes that objects are put into.
local function anything()
  local broken = setmetatable({}, { __tostring = function() error {} end, __index = function() error {} end,
    __len = function() return -1 end, __name = 5 })
  return {
    true, false, 0, 1, -1, 2, 7, 0.5, -0.5, -2, 255, 256, 65535, 65536, 1e308, math.huge, -math.huge, 0 / 0,
    math.maxinteger, math.mininteger, 2 ^ 31, 2 ^ 53, "", "x", "\n", "a\0b", "5", "-1", "0x10", "1e2", ("y"):rep(70000),
    "line", "all", "localhost", "127.0.0.1", "::1", "any", "nobody.invalid", "10.0.0.0/8", "::/0", "ReadOnly",
    "ReadWrite|Text", "ReadOnly|", "|", "ConnectedState", "UnconnectedState", "IPv4Protocol", "AnyIPProtocol",
    "KeepAliveOption", "LingerOption", "ShareAddress", "TolerantConversion", "readyRead", "newConnection", "timeout",
    "stateChanged", "connection", {}, { 1, 2 }, { singleShot = true }, { singleShot = 1 }, broken, function() end,
    function(...) return ... end, coroutine.create(print), io.stdout, moonport.HostAddress "127.0.0.1",
    moonport.HostAddress(), ssl.certificate, ssl.key, { certificate = ssl.certificate, key = ssl.key },
    { peerVerifyMode = "VerifyNone" }, { "SelfSignedCertificate" },
  }
end

-- Of Unix-domain sockets, with abstract names: a connection that passes descriptors, and those that nobody uses.
local function localWorld(keep)
  local server, socket = keep(moonport.LocalServer()), keep(moonport.LocalSocket())
  local name = "unix:@" .. helper.uniqueName()
  server:setReceiveDescriptors(2)
  assert(server:listen(name) and socket:connectToServer(name) and socket:waitForConnected(helper.timeout))
  local accepted = keep(helper.eventually(function() return server:nextPendingConnection() end))
  socket:sendDescriptor(server, "x")
  return { servers = { server, keep(moonport.LocalServer()) },
    sockets = { socket, accepted, keep(moonport.LocalSocket()) } }
end

-- Datagrams: one bound that has some, one connected to it, and one that nobody uses.
local function datagramWorld(keep)
  local bound, connected = keep(moonport.UdpSocket()), keep(moonport.UdpSocket())
  assert(bound:bind "127.0.0.1")
  connected:connectToHost("127.0.0.1", bound:localPort())
  assert(connected:waitForConnected(helper.timeout))
  for i = 1, 3 do connected:write("datagram " .. i) end
  return { bound, connected, keep(moonport.UdpSocket()) }
end

-- Programs: one that runs, one that ended, one that couldn't start, one that nobody uses. None writes to files.
local function processWorld(keep)
  local running, ended, failed = keep(moonport.Process()), keep(moonport.Process()), keep(moonport.Process())
  running:start "cat"
  running:write "some bytes\n"
  ended:start("sh", { "-c", "echo out; echo err >&2" })
  ended:waitForFinished(helper.timeout)
  failed:start "/nonexistent"
  return { running, ended, failed, keep(moonport.Process()) }
end

-- Of TLS: an encrypted connection, one whose server shows no certificate, and those that nobody uses.
local function encryptedWorld(keep)
  local server, clear = keep(moonport.SslServer()), keep(moonport.SslServer())
  local options = { certificate = ssl.certificate, key = ssl.key }
  assert(server:setSslConfiguration(options) and server:listen "127.0.0.1")
  server:setHandshakeTimeout(helper.timeout)
  clear:setImplicitEncryption(false)
  assert(clear:listen "127.0.0.1")
  local socket, refused = keep(moonport.SslSocket()), keep(moonport.SslSocket())
  assert(socket:setSslConfiguration { caCertificates = ssl.certificate })
  socket:connectToHostEncrypted("127.0.0.1", server:serverPort())
  refused:connectToHostEncrypted("127.0.0.1", server:serverPort())
  assert(socket:waitForEncrypted(helper.timeout) and not refused:waitForEncrypted(helper.timeout))
  local accepted = keep(helper.eventually(function() return server:nextPendingConnection() end))
  local plain = keep(moonport.SslSocket())
  plain:connectToHost("127.0.0.1", clear:serverPort())
  local taken = keep(helper.eventually(function() return clear:nextPendingConnection() end))
  assert(taken:setSslConfiguration(options))
  return { servers = { server, clear, keep(moonport.SslServer()) },
    sockets = { socket, accepted, plain, taken, refused, keep(moonport.SslSocket()) } }
end

-- Objects in all states. `finish` ends what this makes.
local function world()
  local made = {}
  local function keep(object)
    made[#made + 1] = object
    return object
  end
  local server, lonely = keep(moonport.TcpServer()), keep(moonport.TcpServer())
  assert(server:listen "127.0.0.1")
  local connected, closing, refused = keep(moonport.TcpSocket()), keep(moonport.TcpSocket()), keep(moonport.TcpSocket())
  connected:connectToHost("127.0.0.1", server:serverPort())
  closing:connectToHost("127.0.0.1", server:serverPort())
  refused:connectToHost("127.0.0.1", helper.unusedPort())
  assert(connected:waitForConnected(helper.timeout) and closing:waitForConnected(helper.timeout))
  refused:waitForConnected(helper.timeout)
  closing:write(("z"):rep(1 << 20))
  closing:disconnectFromHost()
  local accepted = keep(helper.eventually(function() return server:nextPendingConnection() end))
  local connecting = keep(moonport.TcpSocket())
  connecting:connectToHost("nobody.invalid", 80)
  local ended = moonport.spawn(function() return 1, nil, 3 end)
  ended:join()
  local running = keep(moonport.spawn(moonport.sleep, -1))
  local timer = keep(moonport.Timer())
  timer:start(1)
  local encrypted, locals = encryptedWorld(keep), localWorld(keep)
  local semaphore, full, closed = moonport.Semaphore(1), keep(moonport.Channel(1)), keep(moonport.Channel())
  local token, released = keep(semaphore:acquire()), keep(moonport.Semaphore(2):acquire())
  released:release()
  full:send(false)
  closed:close()
  return made, {
    TcpServer = { server, lonely },
    TcpSocket = { connected, accepted, closing, refused, connecting, keep(moonport.TcpSocket()) },
    Timer = { timer, keep(moonport.Timer()) },
    Task = { ended, running },
    Semaphore = { semaphore, moonport.Semaphore(math.maxinteger) },
    SemaphoreToken = { token, released },
    Condition = { keep(moonport.Condition()), keep(moonport.Condition()) },
    Channel = { full, closed, keep(moonport.Channel()), keep(moonport.Channel(math.huge)) },
    HostAddress = { moonport.HostAddress "::ffff:10.1.2.3", moonport.HostAddress(), moonport.HostAddress.Any },
    SslCertificate = { moonport.SslCertificate(ssl.certificate) },
    SslKey = { moonport.SslKey(ssl.key), moonport.SslCertificate(ssl.certificate):publicKey() },
    SslConfiguration = { moonport.SslConfiguration { certificate = ssl.certificate, key = ssl.key },
      moonport.SslConfiguration { caCertificates = ssl.certificate } },
    SslServer = encrypted.servers,
    SslSocket = encrypted.sockets,
    LocalServer = locals.servers,
    LocalSocket = locals.sockets,
    UdpSocket = datagramWorld(keep),
    Process = processWorld(keep),
  }
end

-- What ends an object, and each wait on it of a handler: nobody can cancel those.
local enders = { TcpServer = "close", TcpSocket = "abort", Timer = "stop", Task = "cancel", SslServer = "close",
  SslSocket = "abort", LocalServer = "close", LocalSocket = "abort", UdpSocket = "abort",
  Channel = "close", Condition = "notifyAll", SemaphoreToken = "release",
  Process = "close" }

local function finish(made)
  for _, object in ipairs(made) do
    local name = type(object) == "userdata" and enders[getmetatable(object)]
    if name and object.blockSignals then object:blockSignals(false) end
    if name then pcall(object[name], object) end
  end
end

-- True if this is a text for people: it says what was called or stored, and why that failed.
local function inWords(message)
  return type(message) == "string" and not message:find "0x%x%x%x" and not message:find("(nil)", 1, true)
    and not message:find "__" and not message:find "newindex" and not message:find "attempt to"
    and not message:find "'%?'" and not message:find "userdata value" and not message:find "[%z\1-\8]"
    and #message < 300
end

local signals = {}
for line in io.lines "docs/types/moonport.lua" do
  signals[#signals + 1] = line:match "^%-%-%-@field (%w+)%? fun%(self"
end

-- One run: its objects, and the arguments and calls that it chooses.
local Run = {}
Run.__index = Run

local function newRun(seed)
  math.randomseed(seed)
  local self = setmetatable({ list = functions(), values = anything(), bad = {}, depth = 0 }, Run)
  self.made, self.objects = world()
  self.all = {}
  for _, of in pairs(self.objects) do table.move(of, 1, #of, #self.all + 1, self.all) end
  return self
end

function Run:any()
  if math.random(6) == 1 then return nil end
  if math.random(6) == 1 then return self.all[math.random(#self.all)] end
  return self.values[math.random(#self.values)]
end

function Run:arguments(one)
  local given = { n = math.random(0, 4) }
  for i = 1, given.n do given[i] = self:any() end
  -- no descriptor of this process, and no foreign host
  if one.name == "setSocketDescriptor" and tonumber(given[1]) then given[1] = tonumber(given[1]) + 100000 end
  if one.name == "sleep" then given[1] = math.random(0, 5) end -- a handler's sleep can't be ended
  if one.name:find "^setStandard%u%l+File" and given[1] ~= nil then given[1] = "/dev/null" end
  if one.name:find "^connectToHost" and type(given[1]) == "number" then given[1] = "127.0.0.1" end
  return given
end

function Run:object(one)
  local of = self.objects[math.random(8) == 1 and "TcpSocket" or one.owner] or { moonport }
  return of[math.random(#of)]
end

function Run:check(what, ok, message)
  if not ok and not inWords(message) then self.bad[#self.bad + 1] = what .. ": " .. tostring(message) end
end

-- A function and an object to call it on, or nil.
function Run:choose()
  local one = self.list[math.random(#self.list)]
  local target = self:object(one)
  if target == moonport or type(target[one.name]) == "function" then return one, target end
end

function Run:call(one, target, given)
  local ok, results = pcall(one.call, moonport, target, given)
  self:check(one.owner .. "." .. one.name, ok, results)
  for i = 1, ok and results.n or 0 do
    if type(results[i]) == "userdata" then self.made[#self.made + 1] = results[i] end
  end
end

function Run:setField()
  local objects = self.objects
  local kinds = { objects.TcpServer, objects.TcpSocket, objects.Timer, { objects.TcpServer[1].connection },
    objects.SslServer, objects.SslSocket, { objects.SslServer[1].connection },
    objects.LocalServer, objects.LocalSocket, { objects.LocalServer[1].connection }, objects.UdpSocket,
    objects.Process }
  local of = kinds[math.random(#kinds)]
  local fields, key, value = of[math.random(#of)], self:any(), self:any()
  -- A prototype may have its fields overwritten by anything, so these get only what can be called.
  if type(fields) == "table" and type(key) == "string" then value = function() end end
  self:check("a field", pcall(function() fields[key] = value end))
end

function Run:make()
  for i = 1, calls do
    if math.random(10) == 1 then
      self:setField()
    else
      local one, target = self:choose()
      local given = one and self:arguments(one)
      if one then self.made[#self.made + 1] = moonport.spawn(function() self:call(one, target, given) end) end
    end
    if i % 20 == 0 then moonport.sleep(0) end
  end
end

-- Makes the functions among the values make calls, and sets them as handlers. More connections have them run.
function Run:act()
  local objects, made = self.objects, self.made
  local function act()
    if self.depth > 3 then return end
    self.depth = self.depth + 1
    local one, target = self:choose()
    if one then self:call(one, target, self:arguments(one)) end
    if math.random(4) == 1 then moonport.sleep(math.random(0, 2)) end
    if math.random(6) == 1 then collectgarbage() end
    self.depth = self.depth - 1
  end
  for i, value in ipairs(self.values) do
    if type(value) == "function" then self.values[i] = act end
  end
  for _ = 1, 5 do self.values[#self.values + 1] = act end
  for _, object in ipairs(self.all) do
    for _, signal in ipairs(signals) do pcall(function() object[signal] = act end) end
  end
  local listening = objects.TcpServer[1]
  function listening.newConnection(server)
    local socket = server:nextPendingConnection()
    if not socket then return end
    made[#made + 1], objects.TcpSocket[#objects.TcpSocket + 1] = socket, socket
    socket.readyRead, socket.disconnected = act, act
    act()
  end
  for _ = 1, 5 do
    local socket = moonport.TcpSocket()
    made[#made + 1], objects.TcpSocket[#objects.TcpSocket + 1] = socket, socket
    function socket:connected()
      self:write(("x"):rep(math.random(1, 100000)))
      act()
    end
    socket:connectToHost("127.0.0.1", listening:serverPort())
  end
end

function Run:finish()
  helper.settle(5)
  moonport.onError(nil)
  moonport.onReload(nil)
  moonport.onQuit(nil)
  self.depth = math.huge -- the handlers do nothing any more
  for _ = 1, 5 do
    finish(self.made)
    helper.settle(1)
  end
end

describe("Random calls", function()
  for _, seed in ipairs(seeds) do
    it(("of everything with anything, seed %d: no crash, nothing left, and errors in words"):format(seed), function()
      local errors = moonport.stats().handlerErrors
      local run = newRun(seed)
      run:make()
      run:finish()
      assert.same({}, run.bad)
      assert.equal(errors, moonport.stats().handlerErrors)
    end)

    it(("from handlers, too, seed %d"):format(seed), function()
      local run = newRun(seed)
      run:act()
      run:make()
      run:finish()
      assert.same({}, run.bad)
    end)
  end
end)
