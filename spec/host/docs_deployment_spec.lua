-- systemd accepts the units of share/systemd, and the drop-ins that docs/guide/deployment.md shows. The
-- page's table says what is in a unit.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local pages = require "spec.pages"

local page = "docs/guide/deployment.md"
local units = { "moonport@.service", "moonport@.socket" }

-- systemd-analyze verify of an instance with drop-ins, in a folder with our units. -> status, output
local function verify(instance, dropIn)
  local _, folder = helper.run { "mktemp", "-d" }
  folder = folder:match "%S+"
  for _, name in ipairs(units) do
    local text = pages.read("share/systemd/" .. name):gsub("%f[^\n=]moonport ", "/bin/true ")
    helper.rewrite(folder .. "/" .. name, text)
  end
  if dropIn then
    helper.run { "mkdir", ("%s/%s.d"):format(folder, instance) }
    helper.rewrite(("%s/%s.d/override.conf"):format(folder, instance), (dropIn:gsub("%f[^\n=]moonport ", "/bin/true ")))
  end
  local status, out, err = helper.run { "systemd-analyze", "verify", "--man=no", folder .. "/" .. instance }
  helper.run { "rm", "-rf", folder }
  return status, out .. err
end

describe("Deployment:", function()
  for _, instance in ipairs { "moonport@chat.service", "moonport@chat.socket" } do
    it(instance .. " is a valid unit", function()
      assert.same({ 0, "" }, { verify(instance) })
    end)
  end

  for _, block in ipairs(pages.blocks(page)) do
    local instance = block.marks["drop-in"]
    if instance then
      it(block.name .. " is a valid drop-in for " .. instance, function()
        assert.same({ 0, "" }, { verify(instance, table.concat(block, "\n") .. "\n") })
      end)
    end
  end

  it("verify reports a fault", function()
    assert.truthy(select(2, verify("moonport@chat.service", "[Service]\nRestrat=always\n")):find "Restrat")
  end)

  -- What setpriv needs to run a command as the unit does: a user that nobody else has, and no privilege.
  local function as(user, ...)
    return { "setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--bounding-set=-all", "--no-new-privs",
      ... }
  end

  it("root can ask a service with a user of its own, by its RuntimeDirectory, and nobody else can", function()
    local program = os.getenv "MOONPORT" or "build/asan/moonport"
    local unit = pages.read "share/systemd/moonport@.service"
    assert.truthy(unit:find("\nRuntimeDirectory=moonport/%i\nRuntimeDirectoryMode=0700\n", 1, true))
    if helper.run(as("61234", program, "--version")) ~= 0 then
      return pending "only root can try it, with a program that everybody may run"
    end
    local folder = helper.folder()
    helper.run { "chmod", "755", folder }
    helper.run { "install", "-d", "-m", "700", "-o", "61234", "-g", "61234", folder .. "/chat" }
    local service = helper.spawn(as("61234", program, "-e", [[
      local moonport = require "moonport"
      moonport.spawn(moonport.sleep, -1)
      moonport.log.info "runs"]]), { RUNTIME_DIRECTORY = folder .. "/chat:/nowhere" })
    service:waitForLine "runs"
    local socket = folder .. "/chat/control"
    local function ask(...) return helper.run { program, "ctl", socket, ... } end
    local status, out = ask "status"
    assert.equal(0, status)
    assert.matches("process " .. service.pid, out)
    status, out = helper.run({ program, "ctl", socket, "console" }, "moonport.sleep(1) return 6 * 7\n")
    assert.same({ 0, "42\n" }, { status, out })

    local function refused()
      local code, _, err = helper.run(as("61235", program, "ctl", socket, "status"))
      return code == 1 and err:match ": ([^:]*)\n$"
    end
    assert.equal("it belongs to another user", refused())
    helper.run { "chmod", "711", folder .. "/chat" } -- opened by mistake: the credentials count
    helper.run { "chmod", "666", socket }
    assert.equal("another user listens there", refused())

    assert.equal(0, (ask "drain"))
    assert.equal(0, service:wait())
    assert.is_nil(io.open(socket))
    helper.run { "rm", "-rf", folder }
  end)

  it("a service has its socket in /run/moonport also when root runs another by hand", function()
    local program = os.getenv "MOONPORT" or "build/asan/moonport"
    if helper.run { "unshare", "-m", "mount", "-t", "tmpfs", "none", "/run" } ~= 0 or
      helper.run(as("61234", program, "--version")) ~= 0 then
      return pending "only root can try it, with mounts of its own"
    end
    local status, out, err = helper.run { "unshare", "-m", "bash", "-ec", [[
      mount -t tmpfs none /run
      umask 077
      trap 'kill $first_PID $pid 2>/dev/null || true' EXIT
      code='local moonport = require "moonport" moonport.spawn(moonport.sleep, -1) print "runs" io.stdout:flush()'
      coproc first { exec "$1" -e "$code" 2>&1; }
      read -r line <&"${first[0]}" && echo "$line"
      install -d -m 700 -o 61234 -g 61234 /run/moonport/chat
      coproc second { RUNTIME_DIRECTORY=/run/moonport/chat exec setpriv --reuid 61234 --regid 61234 --clear-groups \
        "$1" -e "$code" 2>&1; }
      pid=$second_PID
      read -r line <&"${second[0]}" && echo "$line"
      "$1" ctl chat status | grep -o "process $pid,"
      "$1" ctl | cut -f 1 | grep -cx "$first_PID"
      "$1" ctl chat stop
      "$1" ctl "$first_PID" stop
      wait
    ]], "bash", program }
    assert.same({ 0, "" }, { status, (err:gsub("[^\n]*execute_coproc[^\n]*\n", "")) })
    assert.matches("^runs\nruns\nprocess %d+,\n1\n$", out)
  end)

  it("the page's table says what is in the unit", function()
    local unit, found = pages.read "share/systemd/moonport@.service", 0
    for row in pages.read(page):match("\n| setting | why |\n(.-)\n\n"):gmatch "\n| (`[^|]+) |" do
      for setting in row:gmatch "`([^`]+)`" do
        assert.truthy(unit:find("\n" .. setting .. "\n", 1, true), setting)
        found = found + 1
      end
    end
    assert.is_true(found >= 8)
  end)

  it("the page's log lines are the program's", function()
    local _, sources = helper.run { "sh", "-c", "find host bindings program -name \"*.[ch]\" -exec cat {} +" }
    sources = sources:gsub('"\n%s*"', "")
    local found = 0
    for line in pages.read(page):match("\n| the journal says | .-\n\n"):gmatch "\n| (`[^|]+`) |" do
      for part in line:gsub("…", "\0"):gsub("[%w_.:]*[.:]%w+", "\0"):gsub("%d+", "\0"):gmatch "[^%z`]+" do
        part = part:match "^[%s:;,]*(.-)[%s:;,]*$"
        if #part > 8 and not part:find "handler of TcpSocket" then
          assert.truthy(sources:find(part, 1, true), part)
          found = found + 1
        end
      end
    end
    assert.is_true(found >= 6)
  end)

  it("systemd waits longer than the program's grace time", function()
    local help = helper.help()
    local grace = tonumber(help:match "%-%-grace MS .-%((%d+)%)")
    assert.is_true(tonumber(pages.read("share/systemd/moonport@.service"):match "TimeoutStopSec=(%d+)") * 1000 > grace)
  end)
end)
