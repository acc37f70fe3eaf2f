-- SPDX-License-Identifier: MIT
-- Programs with --metrics, and clients of it, for specs.

local helper = require "spec.helper"

local metrics = {}

--- The port of --metrics, from the log of a program.
function metrics.port(program)
  return tonumber(helper.eventually(function()
    return program:stderr():match "metrics at http://127%.0%.0%.1:(%d+)/\n"
  end, "the port of --metrics"))
end

--- An HTTP request, with a Host or more of the head. -> status, body, head
function metrics.get(port, path, method, host)
  local client = helper.connect(port)
  client:send(("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(method or "GET", path,
    host or "127.0.0.1:" .. port))
  local head, body = client:receiveAll():match "^(.-\r\n)\r\n(.*)$"
  client:close()
  return tonumber(head:match "^HTTP/1.1 (%d+)"), body, head
end

--- The samples of /metrics: name with labels -> value; and the text.
function metrics.scrape(port)
  local status, text = metrics.get(port, "/metrics")
  if status ~= 200 then return nil, text end
  local samples = {}
  for line in text:gmatch "[^\n]+" do
    local key, value = line:match "^([^#].*) (%S+)$"
    if key then
      assert(not samples[key], key .. " stands twice")
      samples[key] = tonumber(value)
    end
  end
  return samples, text
end

return metrics
