-- SPDX-License-Identifier: MIT
-- What a client written for LuaSec may do. It must print the same with LuaSec and with moonport.compat.ssl:
--   lua5.4 ssl_cases.lua socket ssl PORT CA CERTIFICATE | moonport ssl_cases.lua moonport.compat.socket
--   moonport.compat.ssl PORT CA CERTIFICATE
-- On the port a server answers each line with the line turned round.

local socket, ssl = require(arg[1]), require(arg[2])
local port, ca = tonumber(arg[3]), arg[4]

local function show(...)
  local list = table.pack(...)
  for i = 1, list.n do
    local value = list[i]
    if type(value) == "number" then value = math.tointeger(value) or value end
    list[i] = tostring(value):gsub("0x%x+", "…")
  end
  print(table.concat(list, " ", 1, list.n))
end

for _, given in ipairs {
  { protocol = "y" }, { verify = "z" }, { options = "z" }, { options = { "all", "no_sslv2" } },
} do
  given.mode, given.protocol = "client", given.protocol or "any"
  show(ssl.newcontext(given))
end

local function connect(given, to)
  local plain = assert(socket.connect("127.0.0.1", to or port))
  plain:settimeout(5)
  given.mode, given.protocol = "client", given.protocol or "any"
  local secret = assert(ssl.wrap(plain, given))
  show(plain:getfd(), secret, secret:want())
  secret:settimeout(5)
  return secret
end

for _, protocol in ipairs { "any", "tlsv1_2", "tlsv1_3" } do
  local client = connect { verify = "peer", cafile = ca, protocol = protocol }
  show(client:receive())
  client:sni "localhost"
  show(client:dohandshake())
  show(client:dohandshake())
  show(client:send "hello\n", client:receive())
  show(client:send("one\ntwo\n", 1, 4), client:receive "*l")
  show(client:send "abc\n", client:receive(4))
  client:settimeout(0.05)
  show(client:receive())
  show(client:want())
  show(client:receive(10))
  show(client:getpeerverification())
  show(client:info "protocol", client:info "cipher", client:info "bits", client:info "export")
  show(client:getsniname(), client:getalpn(), #client:getpeerchain(), client:dirty())
  local certificate = client:getpeercertificate()
  show(certificate, certificate:digest(), certificate:digest "sha256", certificate:serial())
  show(certificate:notbefore(), certificate:notafter(), certificate:validat(os.time()), certificate:validat(0))
  show(certificate:pubkey())
  show(certificate:pem())
  show(certificate:subject()[1].name, certificate:subject()[1].oid, certificate:issuer()[1].value)
  show(table.concat(certificate:extensions()["2.5.29.17"].dNSName, ","))
  show(#client:exportkeyingmaterial("label", 20))
  client:close()
  show(client:getfd())
  show(client:receive())
end

local client = connect { verify = "peer" , cafile = arg[5] } -- not the authority
show(client:dohandshake())
client:close()

local nobody = assert(socket.bind("127.0.0.1", 0)) -- connects, and says nothing
local _, silent = nobody:getsockname()
client = connect({ verify = "none" }, silent)
client:settimeout(0)
show(client:dohandshake())
client:close()
nobody:close()

client = connect { verify = "none" }
client:settimeout(0)
local done, why
repeat
  done, why = client:dohandshake()
  if not done then socket.select({ client }, nil, 5) end
until done or why ~= "wantread"
show(done, why)
client:settimeout(5)
show(client:dohandshake())
show(client:getpeercertificate():subject()[1].value)
client:close()
