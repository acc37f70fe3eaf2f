-- Checks every block of README.md and docs/**/*.md; no kind of block is left out. A ```lua block is a whole
-- script that ends by itself and prints nothing to stderr. Its comments "--> …" hold what it prints. An HTML
-- comment before the block (see spec/pages.lua) can change that:
--   serves: hello => HELLO   it serves without end; a client that sends this line gets that one
--   certificates: a.example  files "a.example.pem", with its chain, and "a.example.key" are there, and "ca.pem", which
--                            has signed them; likewise several names. "client" is a client's certificate
--   logs errors              it logs errors or warnings
--   redis                    a redis-server is there, and MOONPORT_STORE names it
--   file: chat.lua           it is a file of the page's session, see docs_sessions_spec.lua
--   other: luv               it is Lua for another system, and only has to compile
--   fragment: why            it only compiles, for this reason
-- <!-- before … --> and <!-- after … --> hold lines that run around the block and that a reader doesn't need.
-- "in a server" means the first two lines and the last line of a server on port 7000, here a free port.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local pages = require "spec.pages"
local connect = require("moonport.test").connect
local redis = require "spec.redis"
local tls = require "spec.tls"

-- Runs before an example that serves: prints the port of its first server.
local tellPort = [[
local moonport = require "moonport"
local first
for _, class in ipairs { "TcpServer", "SslServer" } do
  local make = moonport[class]
  moonport[class] = function()
    local server = make()
    first = first or server
    return server
  end
end
local timer = moonport.Timer()
function timer:timeout()
  if not first or not first:isListening() then return end
  print("port " .. first:serverPort())
  self:stop()
end
timer:start(1)
]]

local inServer = {
  before = 'local moonport = require "moonport" local server = moonport.TcpServer()\n',
  after = 'assert(server:listen("127.0.0.1", 7000))\n',
}

-- Blocks that no spec runs: they only show something.
local shown = { text = "output, and forms of commands", cpp = "Qt, for comparison", js = "node, for comparison",
  json = "a line of the log; log_json_spec.lua makes it" }

local authority -- of the running spec, which ends it

-- The paths in the text of the files that its mark asks for.
local function withCertificates(names, text)
  authority = tls.authority()
  local paths = { ["ca.pem"] = authority.caCertificates }
  for name in names:gmatch "%S+" do
    local options = name == "client" and { client = true } or { names = { name, "127.0.0.1" } }
    local made = authority:certificate(options)
    paths[name .. ".pem"], paths[name .. ".key"] = made.certificate, made.key
  end
  return (text:gsub('"([^"\n]+%.%a+)"', function(name) return paths[name] and ("%q"):format(paths[name]) end))
end

local function source(block, compiled)
  local marks = block.marks
  local around = marks["in a server"] and inServer or marks
  local text = (around.before or "") .. table.concat(block, "\n") .. "\n" .. (around.after or "")
  if marks.certificates and not compiled then text = withCertificates(marks.certificates, text) end
  return (text:gsub("%f[%w]7000%f[%W]", "0"))
end

local function output(block)
  local lines = {}
  for _, line in ipairs(block) do lines[#lines + 1] = line:match "%-%->%s(.*)$" end
  return table.concat(lines, "\n") .. (lines[1] and "\n" or "")
end

local function quiet(block, text)
  if block.marks["logs errors"] then
    assert.truthy(text:find " error " or text:find " warning ", text)
  else
    for _, trouble in ipairs { "[^\n]* error [^\n]*", "[^\n]* warning [^\n]*", "moonport: [^\n]*" } do
      assert.is_nil(text:match(trouble))
    end
  end
end

local function environment(block)
  if not block.marks.redis then return nil end
  return { MOONPORT_STORE = "redis://127.0.0.1:" .. select(2, redis.start()) }
end

local function serve(block)
  local sent, answer = block.marks.serves:match "^(.-) => (.*)$"
  local program = helper.program { options = { "-e", tellPort }, source = source(block),
    environment = environment(block) }
  local client = connect { port = tonumber(program:waitForLine "^port (%d+)$"), timeout = helper.timeout,
    host = block.marks.certificates and "localhost", tls = block.marks.certificates and authority }
  client:send(sent .. "\n")
  client:expectLine(answer, helper.timeout)
  client:close()
  program:signal "TERM"
  assert.equal(0, program:wait())
  quiet(block, program:stderr())
end

local function run(block)
  local program = helper.program { source = source(block), environment = environment(block) }
  local status = program:wait(4 * helper.timeout)
  quiet(block, program:stderr())
  assert.equal(0, status)
  assert.equal(output(block), program:stdout())
end

local function compile(block)
  assert(load(source(block, true), "=" .. block.name))
end

-- How a block is tested: a word for the count, the rest of its spec's name, and the spec.
local function treatment(block)
  local marks = block.marks
  if shown[block.kind] then return block.kind end
  if block.kind == "console" or block.kind == "sh" then return "commands" end -- docs_sessions_spec.lua
  if marks.file then return "file", "is a file of its page's session", block.kind == "lua" and compile end
  if marks["drop-in"] then return "drop-in" end -- docs_deployment_spec.lua
  if block.kind ~= "lua" then error(block.name .. ": nothing knows what to do with a block of " .. block.kind) end
  if marks.other then return "other", "compiles: Lua for " .. marks.other, compile end
  if marks.serves then return "served", "serves", serve end
  if marks.fragment then
    assert(marks.fragment ~= true and #marks.fragment > 10, block.name .. ": a fragment without a reason")
    return "fragment", "only compiles: " .. marks.fragment, compile
  end
  return "run", "does what it says", run
end

-- The anchors that GitHub makes of headings.
local function anchors(path)
  local set = {}
  for line in io.lines(path) do
    local heading = line:match "^#+ (.*)"
    if heading then set[heading:lower():gsub("[^%w%- ]", ""):gsub(" ", "-")] = true end
  end
  return set
end

local function isFile(path)
  local file <close> = io.open(path)
  return file ~= nil
end

describe("The documentation's examples:", function()
  local counts, all = {}, 0
  for _, block in ipairs(pages.all()) do
    local kind, title, test = treatment(block)
    counts[kind] = (counts[kind] or 0) + 1
    all = all + 1
    if test then it(block.name .. " " .. title, function() test(block) end) end
  end

  local words = {}
  for kind, count in pairs(counts) do words[#words + 1] = ("%s %d"):format(kind, count) end
  table.sort(words)
  it(("%d blocks: %s; none is left out"):format(all, table.concat(words, ", ")), function()
    local fences = 0
    for _, path in ipairs(pages.list()) do
      for _ in ("\n" .. pages.read(path)):gmatch "\n%s*```" do fences = fences + 1 end
    end
    assert.equal(fences, 2 * all)
  end)

  for _, page in ipairs { "tcp_server", "tcp_socket", "timer", "host_address", "task", "moonport", "ssl_server",
    "ssl_socket", "ssl_configuration", "ssl_certificate", "ssl_key" } do
    it("the reference page " .. page .. " has an example that runs", function()
      local found = false
      for _, block in ipairs(pages.blocks("docs/reference/" .. page .. ".md")) do
        local kind = treatment(block)
        found = found or kind == "run" or kind == "served"
      end
      assert.is_true(found)
    end)
  end

  it("the man page's example serves", function()
    local block = { marks = { serves = "hello => hello" }, name = "docs/moonport.1" }
    local text = pages.read "docs/moonport.1":match "%.SH EXAMPLE\n%.EX\n(.-)%.EE"
    for line in text:gmatch "([^\n]*)\n" do block[#block + 1] = line end
    serve(block)
  end)

  it("docs/manual.md, the index, has a link to every page", function()
    local linked = {}
    for link in pages.read "docs/manual.md":gmatch "%]%(([^)#]+)" do linked["docs/" .. link] = true end
    for _, path in ipairs(pages.list()) do
      if path:find "^docs/" and path ~= "docs/manual.md" then assert.truthy(linked[path], path) end
    end
  end)

  for _, path in ipairs(pages.list()) do
    it(path .. " has no broken link", function()
      local folder = path:match "^(.*/)" or ""
      for link in pages.read(path):gsub("```.-```", ""):gsub("!%b[]%b()", ""):gmatch "%]%(([^)]+)%)" do
        if not link:find "^%a+:" then
          local target, anchor = link:match "^([^#]*)#?(.*)$"
          target = target == "" and path or folder .. target
          assert.is_true(isFile(target), link)
          if anchor ~= "" then assert.is_true(anchors(target)[anchor], link) end
        end
      end
    end)
  end
end)
