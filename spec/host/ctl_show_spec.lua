-- How moonport ctl shows values.
-- SPDX-License-Identifier: MIT

local show = dofile "program/ctl/show.lua"

describe("moonport ctl shows", function()
  it("durations, also those that aren't whole seconds", function()
    for seconds, text in pairs { [0] = "0ms", [0.0321] = "32ms", [1.25] = "1.2s", [59.2] = "59s", [61.5] = "1m1s",
      [3599.9] = "59m59s", [3725.25] = "1h2m", [90061.5] = "1d1h", [86400] = "1d0h" } do
      assert.equal(text, show.duration(seconds))
    end
  end)

  it("sizes", function()
    for bytes, text in pairs { [0] = "0", [9999] = "9999", [10240] = "10k", [1234567] = "1.2M", [5 << 40] = "5120G" } do
      assert.equal(text, show.bytes(bytes))
    end
  end)

  it("nothing that controls a terminal", function()
    assert.equal("a\\x1b[31m\\n\\t?b", show.safe "a\27[31m\n\t\xc2\x9bb")
  end)
end)
