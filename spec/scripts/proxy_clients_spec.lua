-- SPDX-License-Identifier: MIT
-- scripts/proxy.lua in real use: with curl, nginx, Python's HTTP server, clients that half-close, and clients
-- that read too slowly.

local helper = require "spec.helper"

local peer = "spec/scripts/proxy_peer.py"

local function start(...)
  local program = helper.program { script = "scripts/proxy.lua", args = { 0, ... }, options = { "--grace", 0 } }
  return program, program:waitForLine "proxy: listening on 127.0.0.1 port (%d+)"
end

local function stop(program)
  program:signal "TERM"
  assert.are.equal(0, program:wait())
  assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
end

local function curl(...)
  local status, out, err = helper.run({ "curl", "-sS", "--fail", "--max-time", "20", ... }, nil, 30000)
  assert.are.equal(0, status, err)
  return out
end

-- A new folder with files. -> its path
local function folder(contents)
  local path = os.tmpname()
  os.remove(path)
  assert.are.equal(0, (helper.run { "mkdir", path }))
  for name, text in pairs(contents) do helper.rewrite(path .. "/" .. name, text) end
  return path
end

local function pythonServer(path)
  local server = helper.spawn { "python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", path }
  return server, server:waitForLine "port (%d+)"
end

local function residentKilobytes(program)
  local file <close> = assert(io.open(("/proc/%d/status"):format(program.pid)))
  return tonumber(file:read("a"):match "VmRSS:%s*(%d+)")
end

describe("scripts/proxy.lua with", function()
  local folders = {}
  after_each(function()
    for _, path in ipairs(folders) do helper.run { "rm", "-r", path } end
    folders = {}
  end)

  local function serving(contents)
    folders[#folders + 1] = folder(contents)
    return folders[#folders]
  end

  it("curl and two of Python's servers: pages from both, from one while the other is down, from both again", function()
    local first, firstPort = pythonServer(serving { page = "first" })
    local _, secondPort = pythonServer(serving { page = "second" })
    local program, port = start("127.0.0.1:" .. firstPort, "127.0.0.1:" .. secondPort, "check=50")
    local url = ("http://127.0.0.1:%s/page"):format(port)
    local function pages()
      local got = { curl(url), curl(url) }
      table.sort(got)
      return table.concat(got, " ")
    end
    assert.are.equal("first second", pages())
    first:signal "TERM"
    first:wait()
    for _ = 1, 3 do assert.are.equal("second second", pages()) end
    program:waitForLine(("127.0.0.1:%s is down"):format(firstPort))
    helper.spawn { "python3", "-u", "-m", "http.server", firstPort, "--bind", "127.0.0.1", "--directory", folders[1] }
    program:waitForLine(("127.0.0.1:%s is up: it can be reached"):format(firstPort))
    assert.are.equal("first second", pages())
    stop(program)
  end)

  it("an HTTP check: an upstream that answers it badly is left out, although it listens", function()
    local path = serving { page = "first" }
    local _, firstPort = pythonServer(path)
    local _, secondPort = pythonServer(serving { page = "second", health = "ok" })
    local program, port = start("127.0.0.1:" .. firstPort, "127.0.0.1:" .. secondPort, "check=50", "get=/health")
    program:waitForLine(("127.0.0.1:%s is down: HTTP/1.0 404 File not found"):format(firstPort))
    for _ = 1, 3 do assert.are.equal("second", curl(("http://127.0.0.1:%s/page"):format(port))) end
    helper.rewrite(path .. "/health", "ok")
    program:waitForLine(("127.0.0.1:%s is up: HTTP/1.0 200 OK"):format(firstPort))
    stop(program)
  end)

  it("nginx behind it: keep-alive, ranges and a large file", function()
    local big = {}
    for i = 1, 200000 do big[i] = ("%07d"):format(i) end
    big = table.concat(big, "\n")
    local path = serving { page = "of nginx", big = big }
    local nginx, backPort
    for _ = 1, 5 do -- nginx can't be asked for any free port
      local free = helper.listen()
      backPort = free:port()
      free:close()
      local configuration = helper.file(([[
        daemon off; master_process off; pid %s/pid; error_log stderr notice;
        events {}
        http {
          access_log off;
          client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
          server { listen 127.0.0.1:%d; root %s; add_header Connection-Requests $connection_requests; }
        }
      ]]):format(path, path, path, path, path, path, backPort, path), "nginx.conf")
      nginx = helper.spawn { "/usr/sbin/nginx", "-p", path, "-c", configuration }
      helper.eventually(function() return not nginx:running() or pcall(helper.connect, backPort) end)
      if nginx:running() then break end
    end
    local program, port = start("127.0.0.1:" .. backPort)
    local url = ("http://127.0.0.1:%s/"):format(port)
    local twice = curl("-w", " %header{connection-requests} ", url .. "page", url .. "page")
    assert.are.equal("of nginx 1 of nginx 2 ", twice)
    assert.are.equal(big, curl(url .. "big"))
    assert.are.equal(big:sub(1000001, 1000100), curl("--range", "1000000-1000099", url .. "big"))
    nginx:signal "TERM"
    stop(program)
  end)

  it("100 Python clients that half-close, and servers that answer after that", function()
    local first, second = helper.spawn { "python3", peer, "answer", 0 }, helper.spawn { "python3", peer, "answer", 0 }
    local program, port = start("127.0.0.1:" .. first:waitForLine "port (%d+)",
      "127.0.0.1:" .. second:waitForLine "port (%d+)", "check=3600000")
    assert.are.same({ 0, "100 of 100\n", "" }, { helper.run({ "python3", peer, "ask", port, 100 }, nil, 60000) })
    program:signal "TERM"
    local one, other = program:waitForLine "proxy: 0 clients; .* up 0 of (%d+), .* up 0 of (%d+)"
    assert.are.equal(100, one + other)
    assert.are.equal(0, program:wait())
  end)

  for _, case in ipairs {
    { "a client that doesn't read", "source", "sink" },
    { "a server that doesn't read", "sink", "source" },
  } do
    it(case[1] .. " while 200 MB wait for it: memory stays small, and all of it arrives when it reads", function()
      local size = 200 * 1000 * 1000
      local server = helper.spawn { "python3", peer, case[2], "listen", 0, size }
      local program, port = start("127.0.0.1:" .. server:waitForLine "port (%d+)", "check=3600000")
      local before = residentKilobytes(program)
      local client = helper.spawn { "python3", peer, case[3], "connect", port, size }
      local source, sink = table.unpack(case[2] == "source" and { server, client } or { client, server })
      local stalled = tonumber((source:waitForLine("stalled (%d+)", 60000)))
      assert.is_true(stalled < size / 2, "the buffers of the system hold " .. stalled)
      local grown = residentKilobytes(program) - before
      assert.is_true(grown < 8 * 1024, ("it has grown by %d KiB"):format(grown))
      sink:write "read\n"
      local digest = source:waitForLine("sent " .. size .. " (%x+)", 120000)
      assert.are.equal(digest, sink:waitForLine("received " .. size .. " (%x+)", 120000))
      stop(program)
    end)
  end
end)
