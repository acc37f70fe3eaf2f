---@meta moonport.compat.ssl
-- SPDX-License-Identifier: MIT
-- Types of moonport.compat.ssl for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---LuaSec's interface on moonport's waits.
---@class moonport.compat.ssl
---@field _VERSION string
---@field config table
local ssl = {}

---From now on require "ssl" and require "ssl.https" return this module and moonport.compat.https, and require "socket"
---returns moonport.compat.socket.
---@return moonport.compat.ssl
function ssl.install() end

---Checks the parameters.
---@param parameters table
---@return moonport.compat.ssl.context|nil, string|nil
function ssl.newcontext(parameters) end

---Takes a connected tcp object, which is then closed for others.
---@param tcp moonport.compat.tcp
---@param parameters table|moonport.compat.ssl.context
---@return moonport.compat.ssl.connection|nil, string|nil
function ssl.wrap(tcp, parameters) end

---A certificate of a PEM text.
---@param pem string
---@return moonport.compat.ssl.certificate|nil
function ssl.loadcertificate(pem) end

---Parameters that have been checked.
---@class moonport.compat.ssl.context

---An encrypted connection. What isn't here is as in moonport.compat.tcp.
---@class moonport.compat.ssl.connection: moonport.compat.tcp
local connection = {}

---After false and "wantread" it goes on: call it again.
---@return boolean, string|nil
function connection:dohandshake() end

---A client: the name to ask for, and to verify. A server: contexts by name; strict: others are refused.
---@param name string|table<string, moonport.compat.ssl.context>
---@param strict? boolean
function connection:sni(name, strict) end

---The name that was asked for.
---@return string|nil
function connection:getsniname() end

---As of a tcp object; a time-out is "wantread".
---@param ... any
---@return string|nil, string|nil, string|nil
function connection:receive(...) end

---As of a tcp object; a time-out is "wantwrite".
---@param ... any
---@return integer|nil, string|nil, integer|nil
function connection:send(...) end

---What the last call had to wait for.
---@return "nothing"|"read"|"write"
function connection:want() end

---The peer's certificate, or one further up its chain.
---@param steps? integer # default 1
---@return moonport.compat.ssl.certificate|nil, string|nil
function connection:getpeercertificate(steps) end

---All certificates of the peer.
---@return moonport.compat.ssl.certificate[]
function connection:getpeerchain() end

---Whether the peer's certificate is good, or what is wrong.
---@return boolean, string|table|nil
function connection:getpeerverification() end

---The protocol that was agreed.
---@return string|nil
function connection:getalpn() end

---RFC 5705.
---@param label string
---@param size integer
---@param context? string
---@return string|nil
function connection:exportkeyingmaterial(label, size, context) end

---Facts about the connection, or one of them.
---@param field? string
---@return any
function connection:info(field) end

---@class moonport.compat.ssl.certificate
local certificate = {}

---Tables of name, oid and value.
---@return table[]
function certificate:subject() end

---Tables of name, oid and value.
---@return table[]
function certificate:issuer() end

---In hexadecimal.
---@return string
function certificate:serial() end

---In hexadecimal.
---@param algorithm? string # default "sha1"
---@return string|nil, string|nil
function certificate:digest(algorithm) end

---@return string|nil
function certificate:notbefore() end

---@return string|nil
function certificate:notafter() end

---Whether it is valid at that time, in seconds since 1970.
---@param time number
---@return boolean
function certificate:validat(time) end

---The certificate.
---@return string
function certificate:pem() end

---PEM, algorithm, bits.
---@return string|nil, string|nil, integer|nil
function certificate:pubkey() end

---The names for which it was made, by the extension's number.
---@return table
function certificate:extensions() end

---Texts are in "utf8".
---@param encoding string
---@return boolean
function certificate:setencode(encoding) end
