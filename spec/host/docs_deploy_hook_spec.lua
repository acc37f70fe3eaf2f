-- The deploy hook of docs/guide/tls.md, run as certbot would, beside a service.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local lfs = require "lfs"
local moonport = require "moonport"
local pages = require "spec.pages"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

-- The hook, as it stands on the page.
local function hook()
  for _, block in ipairs(pages.blocks "docs/guide/tls.md") do
    if block[1] == "#!/bin/sh" then return table.concat(block, "\n") .. "\n" end
  end
  error "the page has no hook"
end

describe("The deploy hook of the guide", function()
  local authority, folder

  setup(function() authority = tls.authority() end)
  teardown(function() authority:close() end)

  before_each(function() folder = helper.folder() end)
  after_each(function()
    sockets.close()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  -- An executable file, which stands for one of the system's.
  local function executable(name, text)
    helper.rewrite(folder .. "/" .. name, text)
    assert(os.execute(("chmod 755 '%s/%s'"):format(folder, name)))
    return folder .. "/" .. name
  end

  -- What certbot has renewed, and then runs. -> status, standard error
  local function renewed(certificate, text)
    for name, path in pairs { ["fullchain.pem"] = certificate.certificate, ["privkey.pem"] = certificate.key } do
      assert(os.execute(("mkdir -p '%s/live' && cp '%s' '%s/live/%s'"):format(folder, path, folder, name)))
    end
    local status, _, err = helper.run { "env", "RENEWED_LINEAGE=" .. folder .. "/live",
      "PATH=" .. folder .. "/bin:" .. os.getenv "PATH", executable("hook", text) }
    return status, err
  end

  local function shown(port)
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration { caCertificates = authority.caCertificates })
    assert(socket:connectToHostEncrypted("localhost", tonumber(port)))
    assert(socket:waitForEncrypted(helper.timeout))
    return socket:peerCertificate():subjectAlternativeNames().DnsEntry[2]
  end

  it("puts the files in their place, first without a service, and has one renew its certificate by SIGHUP", function()
    -- Only the folder is another one, for there is no group moonport-tls here, and no systemd.
    local place = folder .. "/etc/moonport/web"
    local text = hook():gsub("/etc/moonport/web", place)
    assert.truthy(text:find("systemctl reload moonport@web\n", 1, true))
    assert(lfs.mkdir(folder .. "/bin"))
    executable("bin/install", [[#!/bin/sh
[ "$1 $2 $3 $4 $5" = "-D -g moonport-tls -m 640" ] && shift 3 && exec /usr/bin/install -D "$@"]])
    executable("bin/systemctl", "#!/bin/sh\necho 'Job for moonport@web.service invalid.' >&2\nexit 1\n")
    local names = { "first.example", "second.example" }
    local certificates = {}
    for i, name in ipairs(names) do certificates[i] = authority:certificate { names = { "localhost", name } } end
    local status, err = renewed(certificates[1], text)
    assert.same({ 1, "Job for moonport@web.service invalid.\n" }, { status, err })
    for _, name in ipairs { "fullchain.pem", "privkey.pem" } do
      assert.equal("rw-r-----", lfs.attributes(place .. "/" .. name, "permissions"))
    end
    local program = helper.program { args = { place }, source = [[
      local moonport = require "moonport"
      local server = moonport.SslServer()
      assert(server:setSslConfiguration {
        certificate = arg[1] .. "/fullchain.pem", key = arg[1] .. "/privkey.pem",
      })
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen("127.0.0.1", 0))
      moonport.log.info("listening on %d", server:serverPort())
    ]] }
    local port = program:waitForLine "listening on (%d+)$"
    assert.equal("first.example", shown(port))
    executable("bin/systemctl", ('#!/bin/sh\n[ "$*" = "reload moonport@web" ] && kill -HUP %d\n'):format(program.pid))
    assert.same({ 0, "" }, { renewed(certificates[2], text) })
    program:waitForLine "TLS: localhost, second%.example: new certificate"
    assert.equal("second.example", shown(port))
    assert.is_nil(lfs.attributes(place .. "/fullchain.pem.new"))
  end)
end)
