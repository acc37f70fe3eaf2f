-- SPDX-License-Identifier: MIT
-- A build without OpenSSL: it serves, and says that it has no TLS wherever somebody wants it.

local helper = require "spec.helper"
local installed = require "spec.install.installed"

describe("A build with -D MOONPORT_TLS=OFF", function()
  local program

  setup(function()
    local folder = installed.folder()
    installed.run { "cmake", "-G", "Ninja", "-S", ".", "-B", folder, "-D", "MOONPORT_TLS=OFF",
      "-D", "MOONPORT_WERROR=ON", "-D", "CMAKE_BUILD_TYPE=None" }
    installed.run { "cmake", "--build", folder, "--parallel", "2", "--target", "moonport" }
    program = folder .. "/moonport"
  end)

  teardown(installed.remove)

  it("needs no OpenSSL, and --version says what isn't there", function()
    assert.is_nil(installed.run { "ldd", program }:find "libssl")
    assert.matches("^moonport .+ %(Lua .+, without TLS%)\n$", installed.run { program, "--version" })
  end)

  it("serves", function()
    local service = helper.spawn { program, "-e", [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen("127.0.0.1"))
      moonport.log.info("listening on %d", server:serverPort())
    ]] }
    local client = helper.connect((service:waitForLine "listening on (%d+)"))
    client:send "hello\n"
    assert.equal("hello\n", client:receiveLine())
    service:signal "TERM"
    assert.equal(0, service:wait())
  end)

  for what, code in pairs {
    ["an SslServer"] = "moonport.SslServer()",
    ["an SslSocket"] = "moonport.SslSocket()",
    ["an SslConfiguration"] = "moonport.SslConfiguration {}",
    ["an SslKey"] = "moonport.SslKey 'key.pem'",
    ["an SslCertificate"] = "moonport.SslCertificate 'certificate.pem'",
    ["a list of certificates"] = "moonport.SslCertificate.fromPath 'certificate.pem'",
    ["moonport.compat.ssl"] = "require('moonport.compat.ssl').newcontext { mode = 'client', protocol = 'any' }",
  } do
    it("says so to who makes " .. what, function()
      local status, _, err = helper.run { program, "-e", "local moonport = require 'moonport' " .. code }
      assert.equal(1, status)
      assert.truthy(err:find("this moonport was built without TLS (-D MOONPORT_TLS=OFF)", 1, true), err)
    end)
  end

  it("says so to --tls of a service, and to --keylog", function()
    local status, _, err = helper.run { program, "scripts/http.lua", "0", "--tls", "certificate.pem", "key.pem" }
    assert.equal(1, status)
    assert.truthy(err:find("built without TLS", 1, true), err)
    status, _, err = helper.run { program, "--keylog", "/dev/null", "-e", "print 'runs'" }
    assert.equal(1, status)
    assert.truthy(err:find("--keylog: this moonport was built without TLS", 1, true), err)
  end)
end)
