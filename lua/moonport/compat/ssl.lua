-- LuaSec's interface on top of moonport's waits, beside moonport.compat.socket: a call suspends its handler or task,
-- never the loop.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Certificate = require "moonport.compat.ssl.certificate"
local Context = require "moonport.compat.ssl.context"
local socket = require "moonport.compat.socket"
local wrap = require "moonport.compat.ssl.wrap"

local ssl = {
  _VERSION = "1.2.0 (moonport " .. moonport.version .. ")",
  config = {
    algorithms = { ec = true }, capabilities = { alpn = true, curves_list = true },
    protocols = { tlsv1_2 = true, tlsv1_3 = true },
  },
}

--- A context of LuaSec's parameters, or nil and why there is none.
function ssl.newcontext(parameters) return Context.new(parameters) end

--- Turns a connected tcp object into a connection whose handshake comes next. -> the connection, or nil and why not
ssl.wrap = wrap

--- A certificate of a PEM text, or nil.
function ssl.loadcertificate(pem) return Certificate.load(pem) end

--- From now on `require "ssl"` and `require "ssl.https"` return this module and moonport.compat.https, to the script
--- and to installed libraries alike, and `require "socket"` moonport.compat.socket.
function ssl.install()
  local globals = debug.getregistry()[2] -- LUA_RIDX_GLOBALS: those of the installed modules
  local shared = globals.require "moonport.compat.ssl"
  socket.install()
  globals.package.loaded.ssl, package.loaded.ssl = shared, shared
  local function https() return globals.require "moonport.compat.https" end
  globals.package.preload["ssl.https"], package.preload["ssl.https"] = https, https
  return shared
end

return ssl
