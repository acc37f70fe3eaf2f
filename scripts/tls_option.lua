-- SPDX-License-Identifier: MIT
-- What http.lua, kv.lua and mail.lua share: the options that encrypt.
--
--   local words, server, encrypts = require "tls_option" (arg)
--
-- Takes --tls CERTIFICATE KEY and --clients AUTHORITY out of the arguments, wherever they stand. The three are PEM
-- files: the certificate with the intermediate ones, its key, and the authority that has to have signed the
-- certificates of clients. -> the other arguments, an SslServer and true, or without --tls a TcpServer and false
local moonport = require "moonport"

return function(arguments, protocols)
  local words, options, i = {}, nil, 1
  local clients
  while arguments[i] do
    if arguments[i] == "--tls" then
      options = { certificate = arguments[i + 1], key = arguments[i + 2], allowedNextProtocols = protocols }
      if not options.key then error("--tls needs two files: CERTIFICATE KEY", 0) end
      i = i + 3
    elseif arguments[i] == "--clients" then
      clients = arguments[i + 1] or error("--clients needs a file: AUTHORITY", 0)
      i = i + 2
    else
      words[#words + 1], i = arguments[i], i + 1
    end
  end
  if not options then
    if clients then error("--clients needs --tls", 0) end
    return words, moonport.TcpServer(), false
  end
  if clients then options.peerVerifyMode, options.caCertificates = "VerifyPeer", clients end
  local server = moonport.SslServer()
  local taken, message = server:setSslConfiguration(options)
  if not taken then error(message, 0) end
  return words, server, true
end
