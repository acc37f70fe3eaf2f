-- LuaSec's context: its table of parameters as an SslConfiguration.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local Context = { __name = "SSL context" }
Context.__index = Context

local versions = { any = {}, sslv23 = {}, tls = {}, tlsv1_2 = { "TlsV1_2" }, tlsv1_3 = { "TlsV1_3" } }
local verifications = { none = true, peer = true, fail_if_no_peer_cert = true, client_once = true }

-- What has no effect: it is so here, or there is nothing of it.
local options = { all = true, no_tlsv1_2 = true, no_tlsv1_3 = true }
for name in ("no_sslv2 no_sslv3 no_tlsv1 no_tlsv1_1 no_compression no_renegotiation no_ticket single_dh_use single_ecdh_use \z
  cipher_server_preference dont_insert_empty_fragments no_session_resumption_on_renegotiation"):gmatch "%S+" do
  options[name] = true
end

-- One value or a list of them, as a set of names that are known. -> the set, or nil and the wrong one
local function set(value, known)
  local found = {}
  for _, name in ipairs(type(value) == "table" and value or { value }) do
    if not known[name] then return nil, name end
    found[name] = true
  end
  return found
end

-- How a peer is verified: nothing said is "none".
local function verification(self, given, made)
  local how, wrong = set(given.verify or "none", verifications)
  if not how then return nil, ("invalid verify option (%s)"):format(wrong) end
  local lax = set(given.verifyext, { lsec_continue = true, lsec_ignore_purpose = true, crl_check = true })
  if how.none or not next(how) then
    made.peerVerifyMode = "VerifyNone"
  else
    self.goesOn = lax and lax.lsec_continue
    made.peerVerifyMode = self.goesOn and "QueryPeer" or "VerifyPeer"
    self.mayBeMissing = self.mode == "server" and not how.fail_if_no_peer_cert
  end
  return true
end

local function protocols(given, made)
  local range = versions[given.protocol]
  if not range then return nil, ("invalid protocol (%s)"):format(given.protocol) end
  local off, wrong = set(given.options, options)
  if not off then return nil, ("invalid option (%s)"):format(wrong) end
  made.minimumProtocol = range[1] or off.no_tlsv1_2 and "TlsV1_3" or nil
  made.maximumProtocol = range[1] or off.no_tlsv1_3 and "TlsV1_2" or nil
  made.sessionTickets = not off.no_ticket
  return true
end

local function alpn(given, made)
  if type(given.alpn) == "function" then return nil, "alpn can't be a function here" end
  made.allowedNextProtocols = type(given.alpn) == "string" and { given.alpn } or given.alpn
  return true
end

--- Makes one of LuaSec's parameters. -> the context, or nil and why not
function Context.new(given)
  local self = setmetatable({ mode = given.mode, given = given }, Context)
  if given.mode ~= "client" and given.mode ~= "server" then return nil, ("invalid mode (%s)"):format(given.mode) end
  if given.capath then return nil, "capath isn't known here: put the certificates into one cafile" end
  local one = given.certificates and given.certificates[1] or given
  local made = {
    certificate = one.certificate, key = one.key, passphrase = one.password, caCertificates = given.cafile,
    peerVerifyDepth = given.depth, ciphers = given.ciphers, cipherSuites = given.ciphersuites,
    ellipticCurves = given.curveslist or given.curve,
  }
  for _, check in ipairs { protocols, alpn } do
    local fine, why = check(given, made)
    if not fine then return nil, why end
  end
  local fine, why = verification(self, given, made)
  if not fine then return nil, why end
  self.options = made
  self.configuration, why = moonport.SslConfiguration(made)
  if not self.configuration then return nil, (why:gsub("^SslConfiguration: ", "")) end
  return self
end

--- The same with other contexts for the names of a table. -> a configuration, or nil and why not
function Context:withNames(contexts, strict)
  local made, names = {}, {}
  for name, value in pairs(self.options) do made[name] = value end
  for name, context in pairs(contexts) do names[name] = context.configuration end
  made.serverNames, made.requireServerName = names, strict and true or false
  return moonport.SslConfiguration(made)
end

return Context
