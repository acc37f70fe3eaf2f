-- The pages of the documentation as their specs see them: README.md and docs/**/*.md, with each fenced block.
-- What the tests must know about a block is in an HTML comment before it, which readers don't see: marks
-- "name" or "name: value", separated by ";". Code is "<!-- before code -->", or "<!-- before", its lines, "-->".
-- docs_examples_spec.lua and docs_sessions_spec.lua explain the marks.
-- SPDX-License-Identifier: MIT

local pages = {}

function pages.read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

function pages.list()
  local list = { "README.md" }
  local found <close> = assert(io.popen "find docs -name '*.md' | sort")
  for path in found:lines() do list[#list + 1] = path end
  return list
end

local function marked(text, marks)
  for part in (text .. ";"):gmatch "%s*(.-)%s*;" do
    local name, value = part:match "^([%l -]+):%s*(.*)$"
    if part ~= "" then marks[name or part] = value or true end
  end
  return marks
end

--- The blocks of a page. Each is its list of lines with kind ("lua", "console", …; "" without one), path,
--- line (of its first line), name ("path:line") and marks.
function pages.blocks(path)
  local list, number = {}, 0
  local block, comment, marks = nil, nil, {}
  for line in io.lines(path) do
    number = number + 1
    if block then
      if line == "```" then
        list[#list + 1] = block
        block, marks = nil, {}
      else
        block[#block + 1] = line
      end
    elseif comment then
      if line == "-->" then
        marks[comment.name], comment = table.concat(comment, "\n") .. "\n", nil
      else
        comment[#comment + 1] = line
      end
    elseif line:find "^```" then
      block = { kind = line:sub(4), path = path, line = number + 1, marks = marks }
      block.name = ("%s:%d"):format(path, number)
    elseif line:find "^<!%-%- before .* %-%->$" or line:find "^<!%-%- after .* %-%->$" then
      local name, text = line:match "^<!%-%- (%l+) (.*) %-%->$"
      marks[name] = text .. "\n"
    elseif line:find "^<!%-%- .* %-%->$" then
      marked(line:match "^<!%-%- (.*) %-%->$", marks)
    elseif line:find "^<!%-%- %l+$" then
      comment = { name = line:match "%l+" }
    elseif line ~= "" then
      marks = {}
    end
  end
  assert(not block and not comment, path .. ": a block or a comment without an end")
  return list
end

--- All blocks of all pages.
function pages.all()
  local list = {}
  for _, path in ipairs(pages.list()) do
    for _, block in ipairs(pages.blocks(path)) do list[#list + 1] = block end
  end
  return list
end

return pages
