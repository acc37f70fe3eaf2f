-- The examples of the manual and of README.md run, and do what they say. A ```lua block is a whole script that ends
-- by itself; what it prints is in its comments "--> …". The HTML comment before a block may say otherwise:
--   <!-- serves: hello => HELLO -->   it goes on serving; a client that sends this line gets that one
--   <!-- logs errors -->              it logs errors or warnings
--   <!-- fragment -->                 it only compiles, as it needs what another block has
-- Port 7000 stands for a free one. Links between the pages lead somewhere; pictures are left out, as ./dev bench makes
-- them.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

-- Runs before an example that serves: tells the port of its first server.
local tellPort = [[
local moonport = require "moonport"
local make, first = moonport.TcpServer, nil
function moonport.TcpServer()
  local server = make()
  first = first or server
  return server
end
moonport.singleShot(0, function() print("port " .. first:serverPort()) end)
]]

local function pages()
  local list = { "README.md" }
  local found <close> = assert(io.popen "find docs -name '*.md' | sort")
  for path in found:lines() do list[#list + 1] = path end
  return list
end

local function blocks(path)
  local list, mark, block, number = {}, nil, nil, 0
  for line in io.lines(path) do
    number = number + 1
    if block and line == "```" then
      list[#list + 1] = block
      block, mark = nil, nil
    elseif block then
      block[#block + 1] = line
    elseif line == "```lua" then
      block = { mark = mark, name = ("%s:%d"):format(path, number) }
    else
      mark = line:match "^<!%-%- (.-) %-%->$" or (line == "" and mark or nil)
    end
  end
  assert(not block, path .. ": a block without an end")
  return list
end

local function source(block)
  return (table.concat(block, "\n"):gsub("7000", "0")) .. "\n"
end

local function output(block)
  local lines = {}
  for _, line in ipairs(block) do lines[#lines + 1] = line:match "%-%->%s(.*)$" end
  return table.concat(lines, "\n") .. (lines[1] and "\n" or "")
end

local function quiet(block, text)
  if block.mark == "logs errors" then
    assert.truthy(text:find " error ")
  else
    for _, trouble in ipairs { "[^\n]* error [^\n]*", "[^\n]* warning [^\n]*", "moonport: [^\n]*" } do
      assert.is_nil(text:match(trouble))
    end
  end
end

local function serve(block, sent, answer)
  local program = helper.program { options = { "-e", tellPort }, source = source(block) }
  local client = helper.connect(tonumber(program:waitForLine "^port (%d+)$"))
  client:send(sent .. "\n")
  assert.equal(answer .. "\n", client:receiveLine())
  client:close()
  program:signal "TERM"
  assert.equal(0, program:wait())
  quiet(block, program:stderr())
end

local function run(block)
  local program = helper.program { source = source(block) }
  local status = program:wait()
  quiet(block, program:stderr())
  assert.equal(0, status)
  assert.equal(output(block), program:stdout())
end

-- As GitHub makes them of headings.
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

describe("the manual's examples:", function()
  local count = 0
  for _, path in ipairs(pages()) do
    for _, block in ipairs(blocks(path)) do
      count = count + 1
      local sent, answer = (block.mark or ""):match "^serves: (.-) => (.*)$"
      if sent then
        it(block.name .. " serves", function() serve(block, sent, answer) end)
      elseif block.mark == "fragment" then
        it(block.name .. " compiles", function() assert(load(source(block), "=" .. block.name)) end)
      else
        it(block.name .. " does what it says", function() run(block) end)
      end
    end
  end

  it("are found", function() assert.is_true(count >= 15) end)

  for _, path in ipairs(pages()) do
    it(path .. " has no link that leads nowhere", function()
      local folder = path:match "^(.*/)" or ""
      for link in io.open(path):read("a"):gsub("```.-```", ""):gsub("!%b[]%b()", ""):gmatch "%]%(([^)]+)%)" do
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
