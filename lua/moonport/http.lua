-- HTTP/1.1: servers, routes, files, requests. Compression, HTTP/2 and 3 are a front server's.
-- SPDX-License-Identifier: MIT

local message = require "moonport.http.message"

return {
  server = require "moonport.http.server",
  router = require "moonport.http.router",
  files = require "moonport.http.files",
  request = require "moonport.http.client",
  date = message.date,
  time = message.time,
  decode = message.decode,
  parameters = message.parameters,
}
