-- SPDX-License-Identifier: MIT
-- http.files: conditional requests in all their forms (RFC 9110, 13), and files that change.

local helper = require "spec.helper"
local http = require "moonport.http"
local head = require "moonport.http.head"
local message = require "moonport.http.message"
local lfs = require "lfs"

local folder

local function write(name, text, time)
  helper.rewrite(folder .. "/" .. name, text)
  assert(lfs.touch(folder .. "/" .. name, time or 1000000000, time or 1000000000))
end

local function ask(files, path, lines, method)
  local text = ("%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n"):format(method or "GET", path, lines or "")
  return files((head.parser("request", message.limits, message.request)(text, 1)))
end

describe("http.files", function()
  before_each(function()
    folder = helper.folder()
    write("a.txt", "0123456789")
  end)

  after_each(function() os.execute(("rm -rf '%s'"):format(folder)) end)

  it("answers each condition, and their precedence, as RFC 9110 says", function()
    local files = http.files(folder)
    local status, headers, body = ask(files, "/a.txt")
    assert.are.same({ 200, "0123456789" }, { status, body })
    local tag, at = headers.ETag, "Sun, 09 Sep 2001 01:46:40 GMT"
    local before, after = "Sun, 09 Sep 2001 01:46:39 GMT", "Sun, 09 Sep 2001 01:46:41 GMT"
    assert.are.equal(at, headers["Last-Modified"])
    for lines, expected in pairs {
      ["If-Match: " .. tag] = 200, ["If-Match: *"] = 200, ['If-Match: "x", ' .. tag] = 200, ['If-Match: "x"'] = 412,
      ["If-Match: W/" .. tag] = 412, ["If-None-Match: " .. tag] = 304, ["If-None-Match: W/" .. tag] = 304,
      ['If-None-Match: "a,b", W/"x",' .. tag] = 304, ["If-None-Match: *"] = 304, ['If-None-Match: "x"'] = 200,
      ["If-Modified-Since: " .. at] = 304, ["If-Modified-Since: " .. after] = 304,
      ["If-Modified-Since: " .. before] = 200, ["If-Modified-Since: yesterday"] = 200,
      ["If-Unmodified-Since: " .. at] = 200, ["If-Unmodified-Since: x"] = 200,
      ["If-Unmodified-Since: " .. before] = 412, ['If-None-Match: "x"\r\nIf-Modified-Since: ' .. after] = 200,
      ["If-Match: *\r\nIf-Unmodified-Since: " .. before] = 200, ["If-Match: *\r\nIf-None-Match: " .. tag] = 304,
      ["Range: bytes=2-4"] = 206, ["Range: bytes=-3"] = 206, ["Range: bytes=10-"] = 416, ["Range: bytes=4-2"] = 200,
      ["Range: bytes=0-1,3-4"] = 200, ["Range: lines=0-1"] = 200, ["Range: bytes=-0"] = 416,
      ["Range: bytes=2-4\r\nIf-Range: " .. tag] = 206, ["Range: bytes=2-4\r\nIf-Range: W/" .. tag] = 200,
      ["Range: bytes=2-4\r\nIf-Range: " .. at] = 206, ["Range: bytes=2-4\r\nIf-Range: " .. after] = 200,
      ["Range: bytes=2-4\r\nIf-None-Match: " .. tag] = 304, ["Range: bytes=20-\r\nIf-Match: \"x\""] = 412,
    } do
      assert.are.equal(expected, (ask(files, "/a.txt", lines .. "\r\n")), lines)
    end
    status, headers, body = ask(files, "/a.txt", "Range: bytes=2-4\r\n")
    assert.are.same({ 206, "bytes 2-4/10", "234" }, { status, headers["Content-Range"], body })
    assert.are.equal(200, (ask(files, "/a.txt", "Range: bytes=2-4\r\n", "HEAD")))
  end)

  it("has neither tag nor date for a file that has just changed, and * is there all the same", function()
    write("new.txt", "x", os.time() + 5)
    local files = http.files(folder)
    local status, headers, body = ask(files, "/new.txt")
    assert.are.same({ 200, nil, nil }, { status, headers.ETag, headers["Last-Modified"] })
    body.file:close()
    assert.are.equal(304, (ask(files, "/new.txt", "If-None-Match: *\r\n")))
    assert.are.equal(412, (ask(files, "/new.txt", "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n")))
  end)

  it("reads a file again that has changed, and lets nobody change the headers of the next answer", function()
    local files = http.files(folder, { cache = "max-age=5", types = { txt = "text/x" } })
    local _, headers = ask(files, "/a.txt")
    assert.are.same({ "max-age=5", "text/x" }, { headers["Cache-Control"], headers["Content-Type"] })
    headers["Set-Cookie"] = "mine"
    local tag = headers.ETag
    assert.is_nil(select(2, ask(files, "/a.txt"))["Set-Cookie"])
    write("a.txt", "changed", 1000000001)
    local _, after, body = ask(files, "/a.txt")
    assert.are.equal("changed", body)
    assert.are_not.equal(tag, after.ETag)
    os.remove(folder .. "/a.txt")
    assert.are.equal(404, (ask(files, "/a.txt")))
    assert(lfs.link("/etc/hostname", folder .. "/a.txt", true))
    assert.are.equal(404, (ask(files, "/a.txt")))
  end)
end)
