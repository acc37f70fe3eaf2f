-- SPDX-License-Identifier: MIT
-- moonport.metrics: counters, gauges and histograms, and their text.

local helper = require "spec.helper" -- luacheck: ignore
local metrics = require "moonport.metrics"

-- The metrics are one set for the whole process: each spec has names of its own. The text of one of them:
local function text(name)
  local lines = {}
  for line in metrics.text():gmatch "[^\n]+" do
    if line:find("^" .. name) or line:find("^# %u+ " .. name) then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

describe("moonport.metrics", function()
  it("counts by labels", function()
    local logins = metrics.counter("spec_logins_total", "Logins, good\nand \\bad.", { "result", "way" })
    logins:inc(1, { result = "ok", way = "tls" })
    logins:inc { result = "ok", way = "tls" }
    logins:inc(2.5, { way = "plain", result = true })
    assert.equal([[
# HELP spec_logins_total Logins, good\nand \\bad.
# TYPE spec_logins_total counter
spec_logins_total{result="ok",way="tls"} 2
spec_logins_total{result="true",way="plain"} 2.5]], text "spec_logins_total")
  end)

  it("has gauges that go up and down, and counters and gauges without labels from the start", function()
    local players = metrics.gauge("spec_players", "Players.")
    assert.matches("\nspec_players 0$", text "spec_players")
    players:inc()
    players:inc(4)
    players:dec(2)
    assert.matches("\nspec_players 3$", text "spec_players")
    for value, shown in pairs { [-1.5] = "-1.5", [math.huge] = "+Inf", [-math.huge] = "-Inf", [0.1] = "0.1", [1 / 3] =
      "0.3333333333333333" } do
      players:set(value)
      assert.equal(shown, text "spec_players":match "(%S+)$")
    end
    players:set(0 / 0)
    assert.equal("NaN", text "spec_players":match "(%S+)$")
  end)

  it("has histograms whose buckets count all that is not above their bound", function()
    local times = metrics.histogram("spec_seconds", "Times.", { "of" }, { 0.1, 1 })
    for _, value in ipairs { 0.05, 0.1, 0.5, 7 } do times:observe(value, { of = "a" }) end
    assert.equal([[
# HELP spec_seconds Times.
# TYPE spec_seconds histogram
spec_seconds_bucket{of="a",le="0.1"} 2
spec_seconds_bucket{of="a",le="1"} 3
spec_seconds_bucket{of="a",le="+Inf"} 4
spec_seconds_sum{of="a"} 7.65
spec_seconds_count{of="a"} 4]], text "spec_seconds")
  end)

  it("gives the same metric for the same name, and refuses another kind, other labels and other bounds", function()
    metrics.counter("spec_same_total", "One."):inc()
    metrics.counter("spec_same_total", "Other."):inc()
    assert.matches("HELP spec_same_total Other%.\n.*\nspec_same_total 2$", text "spec_same_total")
    metrics.histogram("spec_taken", "One.", {}, { 1 })
    for why, fn in pairs {
      ["has other labels already"] = function() metrics.counter("spec_same_total", "One.", { "a" }) end,
      ["spec_taken is a histogram already"] = function() metrics.gauge("spec_taken", "One.") end,
      ["spec_taken_sum is a histogram already"] = function() metrics.gauge("spec_taken_sum", "One.") end,
      ["has other bounds already"] = function() metrics.histogram("spec_taken", "One.", {}, { 2 }) end,
    } do
      assert.error_matches(fn, why)
    end
  end)

  it("refuses bad names, labels, bounds and numbers, at the line that has them", function()
    local counter, gauge = metrics.counter("spec_bad_total", "x"), metrics.gauge("spec_bad", "x", { "a" })
    local times = metrics.histogram("spec_bad_seconds", "x")
    for i, case in ipairs {
      { "ends with _total", function() metrics.counter("spec_bad", "x") end },
      { "only a counter is a _total", function() metrics.gauge("spec_wrong_total", "x") end },
      { "a name of letters", function() metrics.gauge("spec bad", "x") end },
      { "moonport_ is for", function() metrics.gauge("moonport_x", "x") end },
      { "a help text", function() metrics.gauge "spec_no_help" end },
      { "bad label a%-b", function() metrics.gauge("spec_label", "x", { "a-b" }) end },
      { "bad label a", function() metrics.gauge("spec_label", "x", { "a", "a" }) end },
      { "bad label le", function() metrics.histogram("spec_label", "x", { "le" }) end },
      { "not in order", function() metrics.histogram("spec_order", "x", {}, { 2, 1 }) end },
      { "%-1 is below 0", function() counter:inc(-1) end },
      { "nan is below 0", function() counter:inc(0 / 0) end },
      { "a number expected, got a string", function() counter:inc "1" end },
      { "it has no labels", function() counter:inc(1, { a = 1 }) end },
      { "a table of labels expected", function() gauge:set(1) end },
      { "the label a is missing", function() gauge:set(1, {}) end },
      { "the label a is a table value", function() gauge:set(1, { a = {} }) end },
      { "it has no label b", function() gauge:set(1, { a = 1, b = 2 }) end },
      { "not a number", function() times:observe(0 / 0) end },
    } do
      local ok, why = pcall(case[2])
      assert.is_false(ok, "case " .. i)
      assert.matches("metrics_spec%.lua:%d+: .*" .. case[1], (why:gsub("\nstack.*", "")))
    end
  end)

  it("writes whatever bytes a label's value has, cut to 128, in one line and as UTF-8", function()
    local names = metrics.counter("spec_names_total", "x", { "name" })
    local long = ("ä"):rep(100)
    for _, name in ipairs { 'a"b\\c\nd', "\xff\xfe", "\xff\xfe", "\xfe\xff", long, long .. "more" } do
      names:inc(1, { name = name })
    end
    local shown = text "spec_names_total"
    assert.equal(6, select(2, shown:gsub("\n", "")) + 1 + 1, shown)
    assert.truthy(utf8.len(shown))
    assert.truthy(shown:find('{name="a\\"b\\\\c\\nd"} 1', 1, true))
    assert.truthy(shown:find('{name="\u{fffd}\u{fffd}"} 3', 1, true))
    assert.truthy(shown:find(('{name="%s"} 2'):format(("ä"):rep(64)), 1, true))
  end)

  it("keeps 1,000 series of a metric, and counts what came too late", function()
    local many = metrics.counter("spec_many_total", "x", { "id" })
    for i = 1, 1003 do many:inc(1, { id = i }) end
    many:inc(1, { id = 1 })
    local _, lines = text "spec_many_total":gsub("\n", "")
    assert.equal(1001, lines)
    assert.truthy(text "spec_many_total":find('spec_many_total{id="1"} 2\n', 1, true))
    assert.truthy(metrics.text():find('\nmoonport_metrics_dropped_total{metric="spec_many_total"} 3\n', 1, true))
  end)

  it("doesn't remember the values that it refuses", function()
    local many = metrics.counter("spec_refused_total", "x", { "id" })
    for i = 1, 1000 do many:inc(1, { id = i }) end
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 20000 do many:inc(1, { id = "x" .. i }) end
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 100)
  end)
end)
