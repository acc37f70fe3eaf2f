-- A program's own network: loopback, a name server on it with answers that the spec chooses, and addresses
-- that lose every packet. It ends with the program, however the spec ends. Needs root.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local namespace = {
  lost = "192.0.2.1", lost6 = "2001:db8::1", -- somewhere behind the interface "hole"
}

local unshare = { "unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child" }

-- A pair of interfaces. Nothing uses the second one, so packets for others arrive there and are lost.
local network = [[
set -e
ip link set lo up
ip link add hole type veth peer name void
ip link set hole arp off
ip addr add 192.0.2.254/24 dev hole
ip -6 addr add 2001:db8::fe/64 dev hole nodad
ip link set hole up
ip link set void up
]]

local function command(script, ...)
  local arguments = table.move(unshare, 1, #unshare, 1, {})
  for _, argument in ipairs { "sh", "-c", network .. script, "sh", ... } do
    arguments[#arguments + 1] = argument
  end
  return arguments
end

local reason

--- Says why a network can't be made here, or nil.
function namespace.missing()
  if reason == nil then
    local ok, status, _, complaint = pcall(helper.run, command ":")
    reason = not (ok and status == 0)
      and "no network namespace (needs root): " .. tostring(ok and complaint or status) or false
  end
  return reason or nil
end

--- Runs Lua text in the program, with a name server that has these records (see name_server.py).
-- options.hosts, the text of a hosts file; options.order, the order of sources for names; options.timeout.
-- -> lines that the text printed, questions that the server got, in order
function namespace.run(records, source, options)
  options = options or {}
  local arguments = command([[
    mount --bind "$1" /etc/resolv.conf
    mount --bind "$2" /etc/nsswitch.conf
    shift 2
    exec python3 "$@"
  ]], helper.file("nameserver 127.0.0.1\n", "resolv.conf"),
    helper.file(("hosts: %s\n"):format(options.order or "files dns"), "nsswitch.conf"), "spec/qt/name_server.py")
  for _, record in ipairs(records) do arguments[#arguments + 1] = record end
  for _, argument in ipairs {
    "--", os.getenv "MOONPORT" or "build/asan/moonport", helper.file(source, "script.lua"),
  } do
    arguments[#arguments + 1] = argument
  end
  local program = helper.spawn(arguments, { CARES_HOSTS = helper.file(options.hosts or "", "hosts") })
  program:closeInput()
  assert(program:wait(options.timeout or 20000) == 0, program:stderr())
  local lines, questions = {}, {}
  for line in program:stdout():gmatch "[^\n]+" do
    local question = line:match "^asked (.*)"
    if question then
      questions[#questions + 1] = question
    else
      lines[#lines + 1] = line
    end
  end
  return lines, questions
end

return namespace
