-- SPDX-License-Identifier: MIT
-- Takes docs/rooms.png: the page of scripts/rooms.lua in Chromium, while people talk and the workers are killed.
-- ./dev picture rooms runs it: build/moonport docs/picture/rooms.lua PICTURE
local moonport = require "moonport"
local chromium = require "spec.browser.chromium"

local patience = 15000

local function start(...)
  local process = moonport.Process()
  process:setProcessChannelMode "MergedChannels"
  process:start((...), { select(2, ...) })
  assert(process:waitForStarted(patience))
  return process
end

-- Kills a program's workers, but not its store.
local function killWorkers(pid)
  local file <close> = assert(io.open(("/proc/%d/task/%d/children"):format(pid, pid)))
  for child in file:read("a"):gmatch "%d+" do
    local line <close> = assert(io.open(("/proc/%s/cmdline"):format(child)))
    if not line:read("a"):find("--as-store", 1, true) then os.execute("kill -9 " .. child) end
  end
end

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))
local engine = start(table.unpack(chromium.command(folder)))
local rooms = start("build/moonport", "--workers", "2", "scripts/rooms.lua", "0")
local port, web
repeat port, web = assert(rooms:receive("line", patience)):match "port (%d+), for browsers on port (%d+)" until port

local browser = chromium.connect(folder)
local function open(name)
  local page = browser:open(("http://127.0.0.1:%s/"):format(web))
  page:show(640, 440, "light")
  page:wait "isIn"
  page:type("/nick " .. name)
  page:wait(("name.textContent === %q"):format(name))
  return page
end

local function told(page, text)
  page:wait(("log.lastElementChild.textContent === %q"):format(text))
end

local ann = open "ann"
local caller = start("nc", "127.0.0.1", port)
told(ann, "* guest2 joined lobby")
caller:write "/nick bob\nhello from a terminal\n"
told(ann, "bob: hello from a terminal")
ann:type "and from a browser: <b>in the same room</b>"
told(ann, "ann: and from a browser: <b>in the same room</b>")
caller:kill()
killWorkers(rooms:processId())
ann:wait "wasIn"
ann:wait "isIn"
told(ann, "* ann joined lobby")
ann:type "the worker was killed, and I am back"
told(ann, "ann: the worker was killed, and I am back")
local encoder = assert(io.popen(("base64 -d >'%s'"):format(arg[1]), "w"))
encoder:write(ann:picture())
assert(encoder:close())

browser:quit()
rooms:terminate()
assert(engine:waitForFinished(patience) and rooms:waitForFinished(patience))
os.execute("rm -rf " .. folder)
