-- SPDX-License-Identifier: MIT
-- The page of scripts/rooms.lua in Chromium, beside people with nc.

local control = require "spec.host.control"
local helper = require "spec.helper"
local json = require "cjson"
local machines = require "spec.scripts.machines"
local process = require "spec.process"
local redis = require "spec.redis"
local start_chromium = require "spec.browser.running"

local posix = helper.posix

-- The condition that the page shows a line.
local function shows(text)
  return ("[...log.children].some((line) => line.textContent === %s)"):format(json.encode(text))
end

-- The condition that it is connected, by this name and in this room.
local function isIn(name, room)
  return ("state.textContent === 'connected' && name.textContent === %q && room.textContent === %q"):format(name, room)
end

describe("The page of scripts/rooms.lua", function()
  local running, browser

  setup(function() running = start_chromium() end)
  teardown(function() running:stop() end)

  before_each(function() browser = running:connect() end)
  after_each(function()
    browser:close()
    browser = nil
    control.close()
  end)

  -- -> the program, the port for nc, the page's URL
  local function start(options, script, port)
    local program = helper.program { script = script or "scripts/rooms.lua", args = { port or 0 }, options = options,
      environment = { MOONPORT_STORE = false } }
    local callers, visitors = program:waitForLine "listening on 127%.0%.0%.1 port (%d+), for browsers on port (%d+)"
    return program, tonumber(callers), ("http://127.0.0.1:%s/"):format(visitors)
  end

  local function call(port) return helper.spawn { "nc", "127.0.0.1", port } end

  -- Opens the page of somebody, and waits until it is in.
  local function enter(url, name, room)
    local page = browser:open(url)
    page:wait "state.textContent === 'connected'"
    page:type("/nick " .. name)
    page:wait("name.textContent === '" .. name .. "'")
    if room then
      page:type("/join " .. room)
      page:wait(isIn(name, room))
    end
    return page
  end

  it("is in the rooms of people with nc, and shows what anybody says as text", function()
    local _, port, url = start()
    local ann, bob, cid = enter(url, "Ann"), enter(url, "Bob"), call(port)
    cid:waitForLine "^%* Welcome, guest3"
    cid:write "hello, pages\n"
    ann:wait(shows "guest3: hello, pages")
    bob:wait(shows "guest3: hello, pages")
    local html = "<img src=x onerror=\"document.title='hit'\"><b>bold</b> &amp; <script>document.title='hit'</script>"
    ann:type(html)
    cid:waitForLine("^Ann: " .. html:gsub("%p", "%%%0") .. "$")
    for _, page in ipairs { ann, bob } do
      page:wait(shows("Ann: " .. html))
      assert.equal(0, page:value "log.querySelectorAll('img, script').length")
      assert.equal("lobby", page:value "document.title")
    end
    cid:write "caf\xe9, caf\xc3\xa9\n"
    bob:wait(shows "guest3: caf\u{FFFD}, café")
    bob:type "/join kitchen"
    bob:wait(isIn("Bob", "kitchen"))
    cid:waitForLine "^%* Bob went to kitchen$"
    cid:write "/who\n"
    cid:waitForLine "^%* Ann, guest3$"
    ann:type "/quit"
    ann:wait "state.textContent.startsWith('You have left')"
    cid:waitForLine "^%* Ann left$"
    assert.is_true(ann:value "send.disabled && !isWaiting")
  end)

  it("keeps its connection over a reload, and is served by the new code", function()
    local copy = helper.folder()
    finally(function() helper.run { "rm", "-rf", copy } end)
    helper.run { "cp", "scripts/rooms.lua", "scripts/rooms_page.lua", "scripts/where.lua", copy }
    local program, port, url = start(nil, copy .. "/rooms.lua")
    local ann, cid = enter(url, "Ann"), call(port)
    cid:waitForLine "^%* guest2 joined lobby$"
    ann:value "window.before = socket, 1"
    local text = process.content(copy .. "/rooms.lua")
    local new, count = text:gsub('"%%s: %%s"', '"%%s: new code, %%s"')
    assert.equal(1, count)
    helper.rewrite(copy .. "/rooms.lua", new)
    program:signal "HUP"
    program:waitForLine "reloaded rooms%.lua"
    ann:type "hello"
    ann:wait(shows "Ann: new code, hello")
    cid:waitForLine "^Ann: new code, hello$"
    assert.is_true(ann:value "socket === before")
  end)

  -- -> the process that has somebody, of a program with a control socket at this path and two workers
  local function workerOf(path, name)
    return helper.eventually(function()
      for number = 1, 2 do
        local found, client = pcall(control.connect, path)
        if found then
          client:get("worker " .. number)
          local worker = tonumber(client:eval(([[
            for someone in pairs(require "moonport".persist("people", {})) do
              if someone.name == %q then print((io.open "/proc/self/stat":read "n")) end
            end]]):format(name)))
          if worker then return worker end
        end
      end
    end, "a worker that has " .. name)
  end

  it("comes back by itself when its worker was killed, by its name and into its room, and loses no words", function()
    local path = running.folder .. "/control"
    local _, _, url = start { "--workers", 2, "--control", path }
    local ann, bob = enter(url, "Ann", "kitchen"), enter(url, "Bob", "kitchen")
    ann:wait(shows "* Bob joined kitchen")
    local worker = workerOf(path, "Ann")
    posix.kill(worker, posix.SIGSTOP)
    ann:type "half said" -- nobody hears it
    posix.kill(worker, posix.SIGKILL)
    ann:wait(shows "* The connection is lost.")
    ann:wait(shows "* Connected again. What was said meanwhile is missing.")
    ann:wait(isIn("Ann", "kitchen"))
    assert.not_equal(worker, workerOf(path, "Ann"))
    bob:wait(isIn("Bob", "kitchen")) -- whose worker may be the same
    bob:type "hello"
    ann:wait(shows "Bob: hello")
    ann:type ", and said again"
    bob:wait(shows "Ann: half said, and said again")
    ann:type "/who"
    ann:wait(shows "* Ann, Bob")
  end)

  it("waits longer each time while nobody listens, keeps what is typed, and comes back with the network", function()
    local found, program, port, url
    for _ = 1, 20 do -- until a port and the next one are free; they are below those that the system chooses from
      found, program, port, url = pcall(start, nil, nil, math.random(10000, 30000))
      if found then break end
    end
    assert(found, program)
    local ann = enter(url, "Ann", "kitchen")
    ann:value [[new MutationObserver(() => { if (isWaiting) pauses.push(pause) }).observe(state, { childList: true }),
      window.pauses = [], 1]]
    program:signal "TERM"
    assert.equal(0, program:wait())
    ann:type "not lost"
    ann:wait "pauses.length >= 3"
    assert.same({ 1000, 2000, 4000 }, { table.unpack(ann:value "pauses", 1, 3) })
    assert.equal("not lost", ann:value "line.value")
    start(nil, nil, port)
    ann:value "dispatchEvent(new Event('online'))"
    ann:wait(isIn("Ann", "kitchen"))
    ann:type "!"
    ann:wait(shows "Ann: not lost!")
  end)

  it("is somebody once: a tab that comes back takes over, and the other one stays away", function()
    local _, port, url = start()
    local cid = call(port)
    cid:waitForLine "^%* guest1 joined lobby$"
    local ann, other = enter(url, "Ann"), browser:open(url)
    cid:waitForLine "^%* guest2 is now Ann$"
    other:wait "state.textContent === 'connected'"
    other:value(("sessionStorage.setItem('me', %s)"):format(json.encode(ann:value "JSON.stringify(me)")))
    other:reload()
    other:wait(isIn("Ann", "lobby"))
    ann:wait "state.textContent.startsWith('You are in another')"
    assert.is_true(ann:value "send.disabled && !isWaiting")
    other:type "here"
    cid:waitForLine "^Ann: here$"
    assert.is_nil(cid:stdout():find "Ann left")
    cid:write "/who\n"
    cid:waitForLine "^%* Ann, guest1$"
    other:reload()
    other:wait(isIn("Ann", "lobby"))
  end)

  it("is in one chat with a page of another machine, over reloads of both", function()
    local own = helper.folder()
    finally(function() helper.run { "rm", "-rf", own } end)
    local program = machines.run(os.getenv "MOONPORT" or "build/asan/moonport", "spec/browser/two_machines.lua", own)
    if not program then return pending "needs root" end
    assert.equal(0, program:wait(12 * helper.timeout), program:stderr())
    assert.equal("heard\n", program:stdout())
    assert.is_true(select(2, program:stderr():gsub("reloaded rooms.lua", "")) >= 2)
  end)

  it("is in one chat with pages of another service at the same store", function()
    local store = { "--store", "redis://127.0.0.1:" .. select(2, redis.start()) }
    local _, _, here = start(store)
    local _, _, there = start(store)
    local ann, bob = enter(here, "Ann", "kitchen"), enter(there, "Bob", "kitchen")
    ann:type "hello"
    bob:wait(shows "Ann: hello")
    bob:type "/nick ann"
    bob:wait(shows "* ann is taken")
    bob:type "/who"
    bob:wait(shows "* Ann, Bob")
  end)

  it("fits narrow and wide windows, light and dark, and is legible", function()
    local _, _, url = start()
    local ann = enter(url, "Ann")
    ann:type(("long"):rep(100))
    ann:type(("many words "):rep(20))
    ann:wait(shows("Ann: " .. ("many words "):rep(20)))
    local papers = {}
    for _, scheme in ipairs { "light", "dark" } do
      for _, width in ipairs { 320, 1280 } do
        ann:show(width, 600, scheme)
        ann:wait("innerWidth === " .. width)
        assert.is_true(ann:value [[[document.documentElement, document.body, log, form].every((one) =>
          one.scrollWidth <= one.clientWidth && one.getBoundingClientRect().right <= innerWidth)]])
        assert.is_true(ann:value "form.getBoundingClientRect().bottom <= innerHeight")
        for what, ratio in pairs(ann:contrast()) do
          assert.is_true(ratio >= 4.5, ("%s, %s: %.2f"):format(scheme, what, ratio))
        end
        papers[scheme] = ann:value "getComputedStyle(document.documentElement).backgroundColor"
      end
    end
    assert.not_equal(papers.light, papers.dark)
  end)
end)
