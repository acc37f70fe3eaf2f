-- SPDX-License-Identifier: MIT
-- Pages of two machines in one Chromium, which runs beside them (spec/scripts/machines.sh); prints "heard" if all went
-- well.                                                    moonport spec/browser/two_machines.lua FOLDER PID PID

local moonport = require "moonport"
local json = require "cjson"
local chromium = require "spec.browser.chromium"

local folder, masters = arg[1], { arg[2], arg[3] }

local environment = moonport.Process.systemEnvironment()
environment.LD_PRELOAD = nil
local command = chromium.command(folder)
local process <close> = moonport.Process()
process:setProcessEnvironment(environment)
assert(process:start(table.remove(command, 1), command))

local function shows(text)
  return ("[...log.children].some((line) => line.textContent === %s)"):format(json.encode(text))
end

local function enter(browser, address, name)
  local page = browser:open("http://" .. address .. ":7001/")
  page:wait "state.textContent === 'connected'"
  page:type("/nick " .. name)
  page:wait("name.textContent === '" .. name .. "'")
  page:type "/join kitchen"
  page:wait "room.textContent === 'kitchen'"
  page:value "window.first = socket, 1"
  return page
end

local browser = chromium.connect(folder)
local ann, bob = enter(browser, "10.77.2.2", "Ann"), enter(browser, "10.77.3.2", "Bob")
ann:wait(shows "* Bob joined kitchen")
ann:type "hello over there"
bob:wait(shows "Ann: hello over there")
bob:type "/who"
bob:wait(shows "* Ann, Bob")

-- Both machines reload, and nobody is disconnected.
for _, pid in ipairs(masters) do assert(os.execute("kill -HUP " .. pid)) end
for i = 1, 5 do
  bob:type("still here " .. i)
  ann:wait(shows("Bob: still here " .. i))
end
assert(ann:value "socket === first" and bob:value "socket === first")

-- One of them says goodbye, and the other hears it.
bob:type "/quit"
ann:wait(shows "* Bob left")
browser:quit()
process:waitForFinished()
print "heard"
moonport.quit()
