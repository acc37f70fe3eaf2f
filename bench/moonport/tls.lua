-- SPDX-License-Identifier: MIT
--
-- The echo service in its shortest form, over TLS: moonport tls.lua CERTIFICATE KEY PORT

local moonport = require "moonport"

local server = moonport.SslServer()

assert(server:setSslConfiguration { certificate = arg[1], key = arg[2] })

function server.connection:readyRead() self:write(self:readAll()) end

assert(server:listen("127.0.0.1", tonumber(arg[3])))
