-- SPDX-License-Identifier: MIT
-- The page of --metrics in Chromium: what it shows by itself, in which windows, and what foreign bytes become on it.

local helper = require "spec.helper"
local json = require "cjson"
local metrics = require "spec.host.metrics"
local start_chromium = require "spec.browser.running"
local workers = require "spec.host.workers"

-- Answers of workers.start's service.
local body = [[
  local function compute()
    local sum, stop = 0, moonport.now() + 200
    while moonport.now() < stop do sum = sum + 1 end
    return sum
  end
  local timer = moonport.Timer()
  function timer:timeout()
    local sum = compute()
    return sum
  end
  function answer(line)
    if line == "fail\n" then error("it fails: " .. ("long"):rep(100)) end
    if line == "compute\n" then timer:start(1) end -- until a reload
    return line
  end
]]

describe("The page of --metrics", function()
  local running, browser, service

  setup(function() running = start_chromium() end)
  teardown(function() running:stop() end)

  before_each(function() browser = running:connect() end)
  after_each(function()
    browser:close()
    if service then service:remove() end
    browser, service = nil, nil
  end)

  -- Starts a service, and opens its page. -> page
  local function open(source, options)
    options = options or {}
    options.options = { "--metrics", "0" }
    service = workers.start(source, options)
    if (options.count or 2) > 0 then service:settled() end
    local page = browser:open(("http://127.0.0.1:%d/"):format(metrics.port(service.program)))
    page:wait "samples.length > 0" -- it has asked twice
    return page
  end

  -- Waits until a part of the page has this text.
  local function shows(page, id, text)
    return page:wait(("document.getElementById(%q).textContent.includes(%s)"):format(id, json.encode(text)))
  end

  -- Waits for a mark on the time axis of each chart.
  local function marked(page, text)
    return page:wait(([=[[...document.querySelectorAll("#charts svg")].every((chart) =>
      [...chart.querySelectorAll("title")].some((one) => one.textContent.includes(%s)))]=]):format(json.encode(text)))
  end

  local function fail(client)
    client:send "fail\n"
    client:waitForEnd()
  end

  it("shows a reload, an error, a slow handler and a killed worker by itself", function()
    local page = open(body)
    page:value "window.isSame = true"
    assert.is_true(page:value "PERIOD" <= 1000)
    shows(page, "workers", "serving")
    local first, second = service:of(1), service:of(2)
    local _, _, _, pid = service:who(second)

    fail(first)
    shows(page, "errors", "it fails")
    marked(page, "an error")
    assert.is_true(page:value "errors.querySelector('pre').textContent.includes('main.lua')")

    service.ask(second, "compute")
    marked(page, "a turn took")
    shows(page, "flame", "compute") -- it takes a profile by itself

    service:reload(body .. "-- new")
    service:reloaded()
    marked(page, "reloaded: generation 2")
    shows(page, "facts", "generation 2")

    service.kill(pid)
    marked(page, "worker 2 ended")
    page:wait "workers.rows[2].lastChild.textContent === '1' && workers.rows[2].textContent.includes('serving')"

    shows(page, "handlers", "readyRead")
    assert.is_true(page:value "isSame")
    assert.same({}, page:complaints())
  end)

  it("says what it knows last when the program has ended, and that nobody answers", function()
    local page = open(body)
    service.program:signal "TERM"
    service.program:wait()
    shows(page, "state", "no answer")
    shows(page, "workers", "serving")
  end)

  it("shows the flame graph of a profile that somebody wants", function()
    local page = open([[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      local function inner() for i = 1, 300000 do local _ = i end end
      local function outer()
        inner()
        return 1
      end
      function timer:timeout()
        outer()
        return 2
      end
      timer:start(0)
    ]], { plain = true, count = 0 })
    page:value "take.click()"
    page:wait "take.disabled"
    page:wait [[!take.disabled && $("flame").children.length > 0]]
    shows(page, "lines", "main.lua:3 inner")
    -- Callers stand above, and are at least as wide.
    assert.is_true(page:value [[(() => {
      const bars = [...$("flame").children];
      const [timeout, outer, inner] = ["timeout", "outer", "inner"].map((name) =>
        bars.find((bar) => bar.textContent.endsWith(name)).getBoundingClientRect());
      const within = (one, other) => one.top < other.top && one.left <= other.left + 1 && one.right >= other.right - 1;
      return within(timeout, outer) && within(outer, inner) && inner.width > $("flame").clientWidth / 2;
    })()]])
  end)

  it("shows what others have written as text", function()
    local html = "<img src=x onerror=document.title='hit'><script>document.title='hit'</script>"
    local page = open(([==[
      local moonport = require "moonport"
      local html = %q
      local counter = require("moonport.metrics").counter("names_total", html, { "name" })
      counter:inc { name = html }
      local calls = {}
      calls["<img src=x>"] = function()
        for i = 1, 3000000 do local _ = i end
      end
      local timer, server = moonport.Timer(), moonport.LocalServer()
      function timer:timeout()
        calls["<img src=x>"]()
        return 1
      end
      timer:start(1)
      function server.connection:readyRead() error(self:readAll()) end
      assert(server:listen(debug.getinfo(1, "S").source:match "@(.*)/" .. "/<b>s&amp;"))
    ]==]):format(html), { plain = true, count = 0 })
    local client = helper.spawn { "nc", "-U", "-N", service.folder .. "/<b>s&amp;" }
    client:write(html .. "\xff\0\27[2J\u{202e}")
    client:closeInput()
    shows(page, "errors", html)
    shows(page, "handlers", "/<b>s&amp;")
    page:value "profile(1)"
    shows(page, "flame", "<img src=x>")
    assert.equal(1, page:value "document.querySelectorAll('img, b, script').length")
    assert.is_nil(page:value "document.title":find "^hit")
    assert.same({}, page:complaints())
  end)

  it("fits narrow and wide windows, light and dark, and is legible", function()
    local page = open(body)
    fail(service:connect())
    service.ask(service:connect(), "compute")
    shows(page, "flame", "compute")
    shows(page, "errors", "it fails")
    page:value "document.querySelector('details').open = true"
    local papers = {}
    for _, scheme in ipairs { "light", "dark" } do
      for _, width in ipairs { 420, 1200 } do
        page:show(width, 800, scheme)
        page:wait("innerWidth === " .. width)
        assert.is_true(page:value "document.documentElement.scrollWidth <= innerWidth", width)
        assert.same({}, page:value [[[...document.querySelectorAll("body *")]
          .filter((one) => !one.closest(".wide, svg") && one.getBoundingClientRect().right > innerWidth + 1)
          .map((one) => one.outerHTML)]])
        for what, ratio in pairs(page:contrast()) do
          assert.is_true(ratio >= 4.5, ("%s, %s: %.2f"):format(scheme, what, ratio))
        end
        papers[scheme] = page:value "getComputedStyle(document.body).backgroundColor"
      end
    end
    assert.not_equal(papers.light, papers.dark)
    assert.same({}, page:complaints())
  end)
end)
