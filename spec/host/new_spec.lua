-- SPDX-License-Identifier: MIT
-- moonport new: the project that it makes, and what it refuses.

local helper = require "spec.helper"
local lfs = require "lfs"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"
moonport = moonport:sub(1, 1) == "/" and moonport or lfs.currentdir() .. "/" .. moonport

describe("moonport new", function()
  local folder

  before_each(function() folder = helper.folder() end)

  after_each(function()
    helper.run { "rm", "-rf", folder }
  end)

  -- Runs a shell command in the folder; $0 is the program. -> exit status, stdout, stderr
  local function run(line)
    return helper.run { "sh", "-c", ("cd '%s' && %s"):format(folder, line), moonport }
  end

  local function read(path)
    local file <close> = assert(io.open(folder .. "/" .. path))
    return file:read "a"
  end

  it("makes a folder with a service, its spec, a rockspec and a README, all of that name, and lists them", function()
    local status, out, err = run '"$0" new tea-pot'
    assert.are.same({ 0, "" }, { status, err })
    local files = { "tea-pot/.busted", "tea-pot/README.md", "tea-pot/tea-pot-scm-1.rockspec", "tea-pot/tea-pot.lua",
      "tea-pot/spec/tea-pot_spec.lua" }
    assert.equal(table.concat(files, "\n") .. "\n\nNow: cd tea-pot && moonport --watch tea-pot.lua\n", out)
    local _, found = run "find tea-pot -type f"
    assert.equal(#files, select(2, found:gsub("\n", "")))
    for _, path in ipairs(files) do
      local text = read(path)
      assert.equal(path ~= "tea-pot/.busted", text:find("tea-pot", 1, true) ~= nil, path)
      assert.falsy(text:find("myservice", 1, true), path)
    end
    local rockspec = {}
    assert(load(read "tea-pot/tea-pot-scm-1.rockspec", "=rockspec", "t", rockspec))()
    assert.are.same({ "tea-pot", { ["tea-pot"] = "tea-pot.lua" } }, { rockspec.package, rockspec.build.install.bin })
    assert.equal("rwxr", lfs.attributes(folder .. "/tea-pot/tea-pot.lua", "permissions"):sub(1, 4))
  end)

  it("makes a service that runs without changes", function()
    run '"$0" new teapot'
    local service = helper.spawn { moonport, folder .. "/teapot/teapot.lua", "0" }
    local client = helper.connect(service:waitForLine "teapot: listening on 127%.0%.0%.1 port (%d+)")
    client:send "help\nquit\n"
    assert.equal("ok count hello help quit sleep\nok bye\n", client:receiveAll())
  end)

  it("makes a project that passes its own tests at once", function()
    run '"$0" new tea-pot_2' -- "-" is magic in a pattern
    run 'mkdir bin && ln -s "$0" bin/moonport'
    local line = 'cd "$1/tea-pot_2" && PATH=$1/bin:$PATH exec busted --output=TAP'
    local status, out, err = helper.run({ "sh", "-c", line, "sh", folder }, "", 20000)
    assert.are.same({ 0, "" }, { status, err }, out)
    assert.matches("\nok 4 ", out)
    assert.falsy(out:find "\nnot ok")
  end)

  it("makes a service with TLS that passes its tests, and runs with a certificate made as its README says", function()
    local status, out = run '"$0" new --tls tea-pot'
    assert.equal(0, status)
    local told = "\nNow: cd tea-pot, make a certificate as README.md says, and run moonport --watch tea-pot.lua\n"
    assert.equal(told, out:sub(-#told))
    for _, path in ipairs { "README.md", "tea-pot.lua", "spec/tea-pot_spec.lua" } do
      local text = read("tea-pot/" .. path)
      assert.falsy(text:find "%-%-tls" or text:find "%-%-plain", path)
    end
    run 'mkdir bin && ln -s "$0" bin/moonport'
    local err
    status, out, err = helper.run({ "sh", "-c", 'cd "$1/tea-pot" && PATH=$1/bin:$PATH exec busted --output=TAP', "sh",
      folder }, "", 30000)
    assert.are.same({ 0, "" }, { status, err }, out)
    assert.matches("\nok 4 ", out)

    local command = read "tea-pot/README.md":match "\n(openssl req .-)\n```"
    status, out, err = run("cd tea-pot && " .. command)
    assert.equal(0, status, out .. err)
    local service = helper.spawn { "sh", "-c", ("cd '%s/tea-pot' && exec %s tea-pot.lua 0"):format(folder, moonport) }
    local port = service:waitForLine "tea%-pot: listening on 127%.0%.0%.1 port (%d+)"
    local client = helper.spawn { "sh", "-c", ("cd '%s/tea-pot' && exec %s"):format(folder,
      read "tea-pot/README.md":match "`(openssl s_client .-)`":gsub("7000", port) .. " -verify_return_error") }
    client:write "help\nquit\n"
    client:waitForLine "^ok count hello help quit sleep$"
    client:waitForLine "^ok bye$"
    assert.equal(0, client:wait())
  end)

  it("leaves no mark in a service without TLS", function()
    run '"$0" new teapot'
    for _, path in ipairs { "README.md", "teapot.lua", "spec/teapot_spec.lua", "teapot-scm-1.rockspec" } do
      local text = read("teapot/" .. path)
      assert.falsy(text:find "%-%-tls" or text:find "%-%-plain" or text:find "Ssl", path)
      assert.falsy(text:find " \n", path)
    end
  end)

  it("makes nothing if something of that name exists", function()
    assert.are.same(0, (run 'mkdir taken && echo mine > mine'))
    for _, name in ipairs { "taken", "mine" } do
      local status, out, err = run('"$0" new ' .. name)
      local told = ("moonport: cannot make the folder %s: File exists\n"):format(name)
      assert.are.same({ 1, "", told }, { status, out, err })
    end
    assert.equal("mine\n", read "mine")
    local _, list = run "ls taken"
    assert.equal("", list)
  end)

  it("refuses, in one line, a name that can't serve for all of them", function()
    local longest = ("n"):rep(64)
    assert.equal(0, (run('"$0" new ' .. longest)))
    local rule = "a name has lower-case letters, digits, - and _, at most 64, and begins with a letter"
    local bad = { "Tea", "1tea", "-tea", "tea.pot", "../tea", "/tmp/tea", "tea pot", "té", "", longest .. "n" }
    for _, name in ipairs(bad) do
      local status, out, err = run(('"$0" new "%s"'):format(name))
      local told = ("moonport: new%s: %s (see moonport --help)\n"):format(name == "" and "" or " " .. name, rule)
      assert.are.same({ 2, "", told }, { status, out, err })
    end
    local _, _, err = run '"$0" new moonport'
    assert.equal("moonport: new moonport: is moonport's own name (see moonport --help)\n", err)
    for _, line in ipairs { '"$0" new', '"$0" new tea pot' } do
      assert.equal("moonport: new: needs one name (see moonport --help)\n", select(3, run(line)))
    end
    local _, list = run "ls"
    assert.equal(longest .. "\n", list)
  end)

  it("says in one line why it can't write", function()
    local status, out, err = run 'cd /proc && "$0" new teapot'
    local told = "moonport: cannot make the folder teapot: No such file or directory\n"
    assert.are.same({ 1, "", told }, { status, out, err })
    status, out, err = run 'trap "" XFSZ; ulimit -f 0; "$0" new teapot'
    assert.are.same({ 1, "", "moonport: cannot write teapot/.busted: File too large\n" }, { status, out, err })
  end)

  it('runs a script called "new" as ./new', function()
    local status, out = run 'echo "print(...)" > new && "$0" ./new x'
    assert.are.same({ 0, "x\n" }, { status, out })
    assert.matches("^usage: moonport new %[%-%-tls%] NAME\n", select(2, run '"$0" new --help'))
  end)
end)
