-- SPDX-License-Identifier: MIT
-- Chromium without a window, driven over its DevTools protocol by moonport.websocket. Each wait is bounded.
--
--   start a process with chromium.command(folder)
--   local browser <close> = chromium.connect(folder)
--   local page = browser:open "http://127.0.0.1:7001/"
--   page:wait "document.title == 'lobby'"
--   page:type "hello"
local moonport = require "moonport"
local json = require "cjson"
local websocket = require "moonport.websocket"

local chromium = {}

local patience = tonumber(os.getenv "MOONPORT_SPEC_TIMEOUT") or 15000 -- milliseconds

--- The command that starts it with its data in a folder, which is empty. FOLDER/log has its output.
function chromium.command(folder)
  return {
    "sh", "-c", 'exec chromium "$@" >"$0/log" 2>&1', folder, "--headless", "--no-sandbox", "--disable-gpu",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--remote-debugging-port=0", "--user-data-dir=" .. folder,
  }
end

local Browser = {}
Browser.__index = Browser

local Page = {}
Page.__index = Page

--- Connects to the one that was started with this folder. -> browser
function chromium.connect(folder)
  local deadline, port, path = moonport.now() + patience, nil, nil
  repeat
    local file <close> = io.open(folder .. "/DevToolsActivePort") -- luacheck: ignore
    if file then port, path = file:read("a"):match "^(%d+)\n(/%S+)" end
    if not port then
      if moonport.now() > deadline then error("Chromium did not start; see " .. folder .. "/log", 2) end
      moonport.sleep(20)
    end
  until port
  local ws = assert(websocket.connect(("ws://127.0.0.1:%s%s"):format(port, path), { limit = 64 << 20 }))
  local browser = setmetatable({ ws = ws, calls = 0, complaints = {} }, Browser)
  browser.context = browser:call("Target.createBrowserContext", { disposeOnDetach = true }).browserContextId
  return browser
end

-- What a page's console gets, as text.
local complaint = {
  ["Runtime.consoleAPICalled"] = function(event) return event.type .. ": " .. json.encode(event.args) end,
  ["Runtime.exceptionThrown"] = function(event)
    local details = event.exceptionDetails
    return (details.exception or {}).description or details.text
  end,
  ["Log.entryAdded"] = function(event) return event.entry.text end,
}

local function note(browser, event)
  local list, text = browser.complaints[event.sessionId], complaint[event.method]
  if list and text then list[#list + 1] = text(event.params) end
end

--- Calls a method of the protocol, and waits for its result; an error raises.
function Browser:call(method, parameters, session)
  self.calls = self.calls + 1
  local id, deadline = self.calls, moonport.now() + 2 * patience
  assert(self.ws:send(json.encode { id = id, method = method, params = parameters or {}, sessionId = session }))
  while true do
    local text, message = self.ws:receive(math.max(deadline - moonport.now(), 0))
    if not text then error(("%s: %s"):format(method, message), 2) end
    local answer = json.decode(text)
    if not answer.id then note(self, answer) end
    if answer.id == id then
      if answer.error then error(("%s: %s"):format(method, answer.error.message), 2) end
      return answer.result
    end
  end
end

--- Opens a page in a window of its own. -> page
function Browser:open(url)
  local target = self:call("Target.createTarget", {
    url = "about:blank", browserContextId = self.context, newWindow = true,
  }).targetId
  local session = self:call("Target.attachToTarget", { targetId = target, flatten = true }).sessionId
  local page = setmetatable({ browser = self, session = session }, Page)
  self.complaints[session] = {}
  page:call "Runtime.enable"
  page:call "Log.enable"
  page:call("Emulation.setFocusEmulationEnabled", { enabled = true })
  local problem = page:call("Page.navigate", { url = url }).errorText
  if problem then error(("%s: %s"):format(url, problem), 2) end
  page:settle(("location.href === %q"):format(url))
  return page
end

--- Ends the connection, and closes its pages.
function Browser:close()
  self.ws:abort()
end

Browser.__close = Browser.close

--- Ends Chromium itself.
function Browser:quit()
  pcall(self.call, self, "Browser.close")
  self:close()
end

--- Browser:call for this page.
function Page:call(method, parameters) return self.browser:call(method, parameters, self.session) end

--- The value of an expression in JavaScript; of a promise, what that comes to.
function Page:value(expression)
  local answer = self:call("Runtime.evaluate", { expression = expression, awaitPromise = true, returnByValue = true })
  if answer.exceptionDetails then
    local exception = answer.exceptionDetails.exception or {}
    error(("%s: %s"):format(expression, exception.description or answer.exceptionDetails.text), 2)
  end
  return answer.result.value
end

-- Waits until the document is complete and fits the condition: before, there may be another one.
function Page:settle(condition)
  local deadline = moonport.now() + patience
  while not self:value(condition .. " && document.readyState === 'complete'") do
    if moonport.now() > deadline then error("no document in time", 2) end
    moonport.sleep(10)
  end
end

--- Loads it anew.
function Page:reload()
  self:value "window.isOld = true"
  self:call "Page.reload"
  self:settle "!window.isOld"
end

local waiting = [[new Promise((done, failed) => {
  const end = Date.now() + %d;
  (function look() {
    let value;
    try { value = %s } catch {}
    if (value) done(value);
    else if (Date.now() > end) failed(new Error("not in time; the page has:\n" + document.body.innerText));
    else setTimeout(look, 10);
  })();
})]]

--- Waits until an expression is true. -> its value
function Page:wait(expression)
  return self:value(waiting:format(patience, expression))
end

--- Types a text where the focus is, and then Enter.
function Page:type(text)
  self:call("Input.insertText", { text = text })
  for _, kind in ipairs { "keyDown", "keyUp" } do
    self:call("Input.dispatchKeyEvent", {
      type = kind, key = "Enter", code = "Enter", windowsVirtualKeyCode = 13, text = kind == "keyDown" and "\r" or nil,
    })
  end
end

--- Shows it with this width and height in pixels; scheme: "light" or "dark".
function Page:show(width, height, scheme)
  self:call("Emulation.setDeviceMetricsOverride",
    { width = width, height = height, deviceScaleFactor = 1, mobile = false })
  self:call("Emulation.setEmulatedMedia", { features = { { name = "prefers-color-scheme", value = scheme } } })
end

--- What its console has got so far: a list of texts.
function Page:complaints()
  self:value "1" -- what came before is there by then
  return self.browser.complaints[self.session]
end

-- As WCAG 2 defines it. Texts of the same kind at the same place count once, with the least contrast.
local contrast = [[(() => {
  const parts = (of) => of.match(/[\d.]+/g).map(Number);
  const light = (of) => {
    const [r, g, b] = parts(of).map((n) => n / 255).map((n) => n <= .04045 ? n / 12.92 : ((n + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b + .05;
  };
  const isClear = (of) => parts(of)[3] === 0;
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = walker.nextNode());) {
    const of = text.parentElement;
    if (!text.data.trim() || !of.checkVisibility() || of.closest("script, style")) continue;
    let ground = of;
    while (ground.parentElement && isClear(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    const ink = light(getComputedStyle(of).color), paper = light(getComputedStyle(ground).backgroundColor);
    const name = [of.closest("[id]")?.id, of.localName, of.className].filter(Boolean).join(" ");
    found[name] = Math.min(found[name] ?? Infinity, Math.max(ink, paper) / Math.min(ink, paper));
  }
  return found;
})()]]

--- The contrast of its texts to what is behind them: where a text is -> ratio.
function Page:contrast() return self:value(contrast) end

--- -> a picture of it, PNG in Base64
function Page:picture() return self:call("Page.captureScreenshot", { format = "png" }).data end

return chromium
