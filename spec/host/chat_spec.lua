-- SPDX-License-Identifier: MIT
-- scripts/chat.lua with clients that join, talk, change names and rooms, leave, send long lines, and don't
-- read.

local helper = require "spec.helper"

local function chat()
  local program = helper.program { script = "scripts/chat.lua", args = { 0 } }
  return program, program:waitForLine "listening on .* port (%d+)"
end

-- Reads lines until one matches. -> its captures, or the line
local function hear(client, pattern)
  local line
  repeat line = client:receiveLine() until line:find(pattern)
  return line:match(pattern)
end

-- Connects and chooses a name.
local function enter(port, name)
  local client = helper.connect(port)
  hear(client, "Welcome, guest%d+%.")
  client:send("/nick " .. name .. "\n")
  hear(client, "is now " .. name)
  return client
end

describe("scripts/chat.lua #gc", function()
  it("lets three clients with nc hear each other, and announces who leaves #valgrind", function()
    local program, port = chat()
    local people = {}
    for _, name in ipairs { "ann", "bob", "cleo" } do
      local nc = helper.spawn { "nc", "-N", "127.0.0.1", port }
      nc:write("/nick " .. name .. "\n")
      nc:waitForLine("is now " .. name)
      people[#people + 1] = nc
    end
    people[1]:write "hello\n"
    for _, nc in ipairs(people) do nc:waitForLine "^ann: hello$" end
    people[2]:write("bye\n", true)
    assert.are.equal(0, people[2]:wait())
    for _, nc in ipairs { people[1], people[3] } do
      nc:waitForLine "^bob: bye$"
      nc:waitForLine "^%* bob left$"
    end
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  it("gives a name to one client at a time, and refuses invalid names", function()
    local _, port = chat()
    local ann, other = enter(port, "ann"), enter(port, "other")
    other:send "/nick Ann\n"
    hear(other, "^%* Ann is taken\n")
    for _, name in ipairs { "", "two words", ("x"):rep(21), "semi;colon" } do
      other:send("/nick " .. name .. "\n")
      hear(other, "^%* a name has 1 to 20 letters")
    end
    ann:send "/nick anna\n"
    hear(other, "^%* ann is now anna\n")
    other:send "/nick Ann\n"
    hear(ann, "^%* other is now Ann\n")
  end)

  it("keeps what is said in its room", function()
    local _, port = chat()
    local ann, bob = enter(port, "ann"), enter(port, "bob")
    bob:send "/join den\n"
    hear(ann, "^%* bob went to den\n")
    hear(bob, "^%* bob joined den\n")
    bob:send "secret\n/rooms\n"
    hear(bob, "^bob: secret\n")
    hear(bob, "^%* den, lobby\n")
    ann:send "/who\n"
    assert.are.equal("* ann\n", ann:receiveLine())
    bob:send "/join lobby\n/rooms\n"
    hear(bob, "^%* lobby\n") -- the room "den" ended when its last member left
    hear(ann, "^%* bob joined lobby\n")
  end)

  it("answers an unknown command, and ignores an empty line", function()
    local _, port = chat()
    local ann = enter(port, "ann")
    ann:send "\n/nonsense\n"
    assert.is_truthy(ann:receiveLine():find "^%* /nick NAME, /join ROOM")
    ann:send "/quit\n"
    assert.are.equal("closed", ann:waitForEnd())
  end)

  it("cuts a line that is too long, also one without an end, and reads the next one", function()
    local _, port = chat()
    local ann, bob = enter(port, "ann"), enter(port, "bob")
    ann:send(("x"):rep(5000) .. "\nshort\n")
    local said = hear(bob, "^ann: (x+)\n")
    assert.are.equal(1000, #said)
    assert.are.equal("ann: short\n", bob:receiveLine())
    ann:send(("y"):rep(300000))
    assert.are.equal(1000, #hear(bob, "^ann: (y+)\n"))
    ann:send "\nthere\n"
    assert.are.equal("ann: there\n", bob:receiveLine())
  end)

  it("removes control characters, to protect the terminals of others", function()
    local _, port = chat()
    local ann, bob = enter(port, "ann"), enter(port, "bob")
    ann:send "a\27[2Jb\0c\r\n"
    assert.are.equal("ann: a[2Jbc\n", hear(bob, "^(ann: .*)"))
  end)

  it("drops a client that doesn't read, and serves the others", function()
    local program, port = chat()
    local ann, bob = enter(port, "ann"), enter(port, "bob")
    local deaf = helper.connect(port, nil, { receiveBuffer = 4096 })
    deaf:send "/nick deaf\n"
    hear(ann, "is now deaf")
    local block, gone = ("z"):rep(900) .. "\n", false
    local text, deadline = block:rep(20), helper.posix.now() + 60000
    repeat
      ann:send(text)
      for _ = 1, 20 do
        local line = ann:receiveLine()
        gone = gone or line == "* deaf left\n"
      end
      bob:fill()
      bob.unread = ""
    until gone or helper.posix.now() > deadline
    assert.is_true(gone)
    ann:send "/nick still-here\n"
    hear(bob, "is now still%-here")
    assert.is_true(program:running())
  end)

  it("tells the others when a client resets, and leaves nothing of that client behind", function()
    local program, port = chat()
    local ann = enter(port, "ann")
    for i = 1, 10 do
      enter(port, "walker" .. i):reset()
      hear(ann, "^%* walker" .. i .. " left\n")
    end
    ann:send "/who\n"
    assert.are.equal("* ann\n", ann:receiveLine())
    program:signal "TERM"
    assert.are.equal(0, program:wait())
    assert.is_nil(program:stderr():find(" error ", 1, true))
  end)
end)
