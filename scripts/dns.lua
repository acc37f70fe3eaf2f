-- SPDX-License-Identifier: MIT
-- Name server for a machine or a network: answers from a hosts file, and asks others for the rest, once for all.
--   moonport dns.lua [port [address [upstreams [hosts]]]]      5300 of 127.0.0.1, those of resolv.conf, /etc/hosts
-- Upstreams are addresses with or without ports, separated by commas: 192.0.2.1,192.0.2.2:5353,[2001:db8::1]:53.
-- unix:/path may take the place of both port and address, and be an upstream; it is a stream, as DNS over TCP. Try it
-- with
--   dig @127.0.0.1 -p 5300 example.org
-- SIGHUP reads the hosts file again, and keeps what was learned. Answers may be larger than questions, and the senders
-- of datagrams can't be trusted: keep it on an address that only your machines reach.
local moonport = require "moonport"
local message = require "dns_message"
local where = require "where"
local log, types, errors = moonport.log, message.types, message.errors

local place, more = where.from(arg, 5300)

local most = 20000      -- answers that are kept
local longest = 86400   -- seconds
local patience = 1500   -- milliseconds for an upstream's answer
local rounds = 2        -- through all upstreams
local clientPatience = 10000
local hostsTtl = 60

-- Upstreams ----------------------------------------------------------------------------------------------------------

-- "192.0.2.1:53" -> { address, port }; "unix:/path" -> { "unix:/path" }
local function upstream(text)
  if where.isPath(text) then return { text } end
  local host, number = text:match "^%[([%x:.%%%w]+)%]:(%d+)$"
  if not host then host, number = text:match "^([%d.]+):(%d+)$" end
  host = host or text
  number = math.tointeger(tonumber(number or 53))
  if not moonport.HostAddress(host) or number < 1 or number > 65535 then error("not an upstream: " .. text, 0) end
  return { host, number }
end

local function upstreams(text)
  local list = {}
  if not text or text == "" then
    for line in io.lines "/etc/resolv.conf" do
      local server = line:match "^%s*nameserver%s+(%S+)"
      if server then list[#list + 1] = upstream(server:find ":" and ("[%s]:53"):format(server) or server) end
    end
  end
  for one in (text or ""):gmatch "[^,%s]+" do list[#list + 1] = upstream(one) end
  if not list[1] then error("there is no upstream", 0) end
  return list
end

local servers = upstreams(more[1])

local random = assert(io.open("/dev/urandom", "rb"))

-- A number that nobody can guess, so that nobody can answer for an upstream.
local function unguessable() return (string.unpack(">I2", assert(random:read(2)))) end

-- Hosts --------------------------------------------------------------------------------------------------------------

-- "192.0.2.1" -> type, data, the name for the reverse look-up | nil
local function addressRecord(text)
  local host = moonport.HostAddress(text)
  if not host then return nil end
  if host:protocol() == "IPv4Protocol" then
    local a, b, c, d = text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
    if not a then return nil end
    return types.A, string.char(a, b, c, d), ("%d.%d.%d.%d.in-addr.arpa"):format(d, c, b, a)
  end
  local data = host:toIPv6Address()
  local nibbles = data:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end):reverse():gsub(".", "%0.")
  return types.AAAA, data, nibbles .. "ip6.arpa"
end

-- The names of a hosts file: name -> records; also for reverse look-ups.
local function readHosts(path)
  local names = {}
  local function add(name, kind, data)
    names[name] = names[name] or {}
    table.insert(names[name], { type = kind, ttl = hostsTtl, data = data })
  end
  local file, why = io.open(path)
  if not file then
    log.warning("dns: there are no hosts: %s", why)
    return names
  end
  for line in file:lines() do
    local words = {}
    for word in line:gsub("#.*", ""):gmatch "%S+" do words[#words + 1] = word:lower() end
    local kind, data, reverse = addressRecord(words[1] or "")
    for i = 2, kind and #words or 0 do add(words[i], kind, data) end
    if kind and words[2] and not names[reverse] then add(reverse, types.PTR, message.name(words[2])) end
  end
  file:close()
  return names
end

local hosts = readHosts(more[2] or "/etc/hosts")

-- A name of the file has no other addresses than those there.
local function fromHosts(query)
  local known = query.class == 1 and hosts[query.name]
  if not known then return nil end
  local found = {}
  for _, record in ipairs(known) do
    if record.type == query.type then found[#found + 1] = record end
  end
  return message.answer(query, 0, found)
end

-- What is kept -------------------------------------------------------------------------------------------------------

local kept = moonport.persist("dns", { answers = {}, order = {}, first = 1, next = 1,
  counts = { asked = 0, hosts = 0, kept = 0, failed = 0 } })
local counts = kept.counts

-- Two questions have the same answer if they have the same key.
local function keyOf(query)
  local secure = query.edns and query.edns.ttl & 0x8000 ~= 0
  return string.pack(">zI2I2BB", query.name, query.type, query.class, query.flags >> 4 & 1, secure and 1 or 0)
end

local function keep(key, text, answer)
  local lifetime = message.lifetime(answer)
  if not lifetime or lifetime == 0 then return end
  local now = moonport.now()
  if not kept.answers[key] then
    kept.order[kept.next] = key
    kept.next = kept.next + 1
    if kept.next - kept.first > most then
      kept.answers[kept.order[kept.first]] = nil
      kept.order[kept.first] = nil
      kept.first = kept.first + 1
    end
  end
  kept.answers[key] = { text = text, answer = answer, since = now, until_ = now + 1000 * math.min(lifetime, longest) }
end

local function fromKept(key, query)
  local found = kept.answers[key]
  local now = moonport.now()
  if not found or now >= found.until_ then return nil end
  return message.again(found.text, found.answer, query, (now - found.since) // 1000)
end

-- Asking -------------------------------------------------------------------------------------------------------------

-- True if it answers this question. Anybody may send us something.
local function fits(answer, question, id)
  return answer and answer.response and answer.id == id and answer.name == question.name
    and answer.type == question.type and answer.class == question.class
end

-- One question to one upstream by UDP, from a port of its own. -> text, answer | nil
local function askByUdp(server, text, question)
  local socket <close> = moonport.UdpSocket()
  if not socket:connectToHost(server[1], server[2]) then return nil end
  local id = unguessable()
  local deadline = moonport.now() + patience
  if not socket:write(string.pack(">I2", id) .. text:sub(3)) then return nil end
  repeat
    local received = socket:receive(deadline - moonport.now())
    local answer = received and message.read(received)
    if fits(answer, question, id) then return received, answer end
  until not received or moonport.now() >= deadline
end

-- The same by a stream, for answers that are too long.
local function askByStream(server, text, question)
  local socket <close> = moonport.TcpSocket()
  socket:connectToHost(server[1], server[2])
  if not socket:waitForConnected(patience) then return nil end
  local id = unguessable()
  socket:write(string.pack(">s2", string.pack(">I2", id) .. text:sub(3)))
  local head = socket:receive(2, patience)
  local received = head and socket:receive(string.unpack(">I2", head), patience)
  local answer = received and message.read(received)
  if fits(answer, question, id) then return received, answer end
end

local pending = {} -- key -> those that wait for the same answer

-- The best answer that the upstreams have. -> text, answer | nil
local function ask(text, question, byTcp)
  local received, answer
  for _ = 1, rounds do
    for _, server in ipairs(servers) do
      local way = (byTcp or not server[2]) and askByStream or askByUdp
      received, answer = way(server, text, question)
      if answer and answer.code ~= errors.server and answer.code ~= errors.refused then return received, answer end
    end
  end
  return received, answer
end

-- Many ask the same at once, when something popular has expired: one question goes out.
local function askOnce(key, text, question, byTcp)
  key = byTcp and key .. "tcp" or key
  local asking = pending[key]
  if not asking then
    asking = moonport.spawn(function()
      local received, answer = ask(text, question, byTcp)
      if answer then keep(key:gsub("tcp$", ""), received, answer) end
      return received, answer
    end)
    pending[key] = asking
    local received, answer = asking:join()
    pending[key] = nil
    return received, answer
  end
  return asking:join()
end

-- Answering ----------------------------------------------------------------------------------------------------------

-- -> the answer to a client's message, the query | nil: none is due
local function respond(text, byTcp)
  local query, broken = message.read(text)
  if not query then return broken and not broken.response and message.answer(broken, errors.format) or nil, broken end
  if query.response then return nil end
  counts.asked = counts.asked + 1
  if query.operation ~= 0 then return message.answer(query, errors.unimplemented), query end
  if query.type >= 251 and query.type <= 254 then return message.answer(query, errors.refused), query end
  local answer = fromHosts(query)
  if answer then
    counts.hosts = counts.hosts + 1
    return answer, query
  end
  local key = keyOf(query)
  answer = fromKept(key, query)
  if answer then
    counts.kept = counts.kept + 1
    return answer, query
  end
  local received, parsed = askOnce(key, text, query, byTcp)
  if not parsed then
    counts.failed = counts.failed + 1
    return message.answer(query, errors.server), query
  end
  return message.again(received, parsed, query, 0), query
end

local socket, server = moonport.UdpSocket(), moonport.TcpServer()

function socket:datagramReceived(data, from, fromPort)
  local answer, query = respond(data)
  if not answer then return end
  local room = query.edns and math.max(query.edns.class, 512) or 512
  if #answer > math.min(room, 4096) then answer = message.cut(answer, query) end
  self:writeDatagram(answer, from, fromPort)
end

server.connection.setUp = function(self) self:setIdleTimeout(clientPatience) end

function server:newConnection()
  local client = self:nextPendingConnection()
  client:setUp()
  while true do
    local head = client:receive(2, clientPatience)
    local text = head and client:receive(string.unpack(">I2", head), clientPatience)
    local answer = text and respond(text, true)
    if not answer then break end
    client:write(string.pack(">s2", answer))
  end
  client:disconnectFromHost()
end

server:setMaxConnections(200)
assert(server:listen(table.unpack(place)))
if not where.isPath(place[1]) then assert(socket:bind(place[1], server:serverPort())) end

moonport.onQuit(function()
  log.info("dns: %d questions: %d from hosts, %d from what was kept, %d without an answer", counts.asked, counts.hosts,
    counts.kept, counts.failed)
end)

log.info("dns: listening on %s, asking %s", where.of(server), servers[1][1])
