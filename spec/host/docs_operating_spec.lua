-- The guide docs/guide/operating.md, whose commands docs_sessions_spec.lua runs; and that the pages which describe
-- moonport ctl and the control socket have its commands, options and members, and no others.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local pages = require "spec.pages"

local guide = pages.read "docs/guide/operating.md"
local reference = pages.read("docs/reference/program.md"):match "\n## The control socket\n(.-)\n## "
local man = pages.read("docs/moonport-ctl.1"):gsub("\\%-", "-")

local function help() return helper.help "ctl" end

local function names(text, pattern)
  local list = {}
  for name in text:gmatch(pattern) do list[#list + 1] = name end
  table.sort(list)
  for i = #list, 2, -1 do
    if list[i] == list[i - 1] then table.remove(list, i) end
  end
  assert.is_true(#list > 0)
  return list
end

local commands = function() return names(help(), "\n  (%l+) ") end

describe("At three in the morning:", function()
  it("each symptom has its section, with a script or a service that has the fault, and what ctl answers", function()
    local found, sections = 0, {}
    for title, from in guide:gmatch "\n## ([^\n]+)\n()" do
      local anchor = title:lower():gsub("[^%w%- ]", ""):gsub(" ", "-")
      sections[anchor] = guide:sub(from, (guide:find("\n## ", from, true)))
    end
    for row in guide:match("\n| what you hear .-\n\n"):gmatch "\n(| [^|-][^\n]+)" do
      local asked, section = row:match "| [^|]+ | ([^|]+) | %[[^]]+%]%(#([%w-]+)%)"
      if section then
        local text = assert(sections[section], section)
        for command in asked:gmatch "`(%l+)" do
          assert.truthy(text:find("%f[%w]" .. command), section .. " has nothing of " .. command)
        end
        assert.truthy(text:find "```console\n[^`]*%$ [^\n]*moonport ctl %./", section)
        found = found + 1
      end
    end
    assert.equal(9, found)
  end)

  it("every command of ctl is run, but for stop", function()
    for _, command in ipairs(commands()) do
      assert.truthy(command == "stop" or guide:find("moonport ctl %./%w+ " .. command), command)
    end
  end)
end)

describe("moonport ctl:", function()
  it("the man page has every command and no others, and so has the reference", function()
    assert.same(commands(), names(man:match "\n%.SH COMMANDS(.-)\n%.SH", "\n%.TP\n%.BR?I? (%l+)"))
    local listed = {}
    for row in reference:match("\n| command | .*"):gmatch "\n| (`[^|]+) |" do
      for command in row:gmatch "`(%l+)" do listed[command] = true end
    end
    local served = names(pages.read "program/operate/commands.c", "program_(%l+)_command")
    for _, command in ipairs(served) do
      assert.is_true(listed[command], command)
      listed[command] = nil
    end
    assert.is_nil(next(listed))
  end)

  it("the man page has every option and no others", function()
    assert.same(names(help(), "(%-%-%l+)"), names(man:match "\n%.SH OPTIONS(.-)\n%.SH", "\n%.TP\n%.BI? (%-%-%l+)"))
  end)

  it("the reference has every member of the answers and no others", function()
    local _, sources = helper.run { "sh", "-c", "cat program/operate/*.c" }
    local written, all = {}, {}
    for call in sources:gmatch "program_json_%l+(%b())" do
      local name = call:match '"(%l%w*)"'
      if name then written[name] = true end
      for text in call:gmatch '"(%l%w*)"' do all[text] = true end
    end
    for name in sources:gmatch 'add_text%([%w_>, -]+"(%l%w*)"' do written[name], all[name] = true, true end
    local documented = {}
    for cell in reference:match("\n| command | .*"):gmatch "\n| `[^|]+ | ([^|\n]+) |" do
      for name in cell:gmatch "`(%l%w*)`" do documented[name] = true end
    end
    for _, name in ipairs { "done", "error" } do
      assert.truthy(reference:find("`" .. name .. "`", 1, true))
      written[name] = nil
    end
    for name in pairs(written) do assert.is_true(documented[name], name .. " is not documented") end
    for name in pairs(documented) do
      local isCommand = name == "drain" or name == "stop" or name == "close"
      assert.is_true(isCommand or all[name], name .. " is documented only")
    end
  end)

  it("the reference has its limits", function()
    local visitor, control = pages.read "program/operate/visitor.h", pages.read "program/operate/control.h"
    local most, size = control:match "PROGRAM_VISITORS (%d+)", visitor:match "PROGRAM_COMMAND (%d+)"
    assert.truthy(reference:find(("At most %d clients"):format(most), 1, true))
    assert.truthy(reference:find(("at most %d KiB"):format(size // 1024), 1, true))
  end)
end)
